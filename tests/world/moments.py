"""When arXiv does what, in UTC. A day here is the day of a mailing: the UTC date on which the papers appear."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def cutoff(day: date) -> datetime:
    """Until when a paper has to be submitted to be announced on `day`: 14:00 in New York, the day before."""
    return _in_new_york(day - DAY, time(14))


def mailed_at(day: date) -> datetime:
    """20:00 in New York, the day before: Sunday to Thursday there is Monday to Friday in UTC."""
    return _in_new_york(day - DAY, time(20))


def harvestable_at(day: date) -> datetime:
    """When OAI-PMH knows what was announced on `day`; its date in UTC is `day`."""
    return _in_new_york(day - DAY, time(22, 30))


def midnight_in_new_york(moment: datetime) -> datetime:
    """The midnight of New York that was the last one at `moment`, in New York's time: the feeds turn over then."""
    return datetime.combine(batch_day(moment), time(), tzinfo=NEW_YORK)


def batch_day(moment: datetime) -> date:
    """Of which day the announcement feeds show the batch at `moment`."""
    return moment.astimezone(NEW_YORK).date()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _in_new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=NEW_YORK).astimezone(UTC)
