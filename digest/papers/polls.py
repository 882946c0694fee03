"""When a day's listing is asked for again: often while it is young, then more and more rarely, for fourteen days."""

from datetime import UTC, date, datetime, time, timedelta

COUNTED_AT = tuple(timedelta(hours=hours) for hours in (3, 9, 26, 50, 74, 122, 194, 338))  # after the day's beginning
FOLLOWED = COUNTED_AT[-1]


def due_days(last: datetime, now: datetime, fresh: timedelta = timedelta(0)) -> list[date]:
    """The listing days (UTC) to ask for at `now`, oldest first, when everything due was asked for at `last`.

    Today's always; a day before when one of its moments has passed since `last`; and the
    days within `fresh` of today, whatever the hour, when editions are about to be made of them.
    """
    today = now.astimezone(UTC).date()
    first = (min(last, now) - FOLLOWED).astimezone(UTC).date()
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return [day for day in days if day >= today - fresh or _is_due(day, last, now)]


def _is_due(day: date, last: datetime, now: datetime) -> bool:
    beginning = datetime.combine(day, time(), UTC)
    return any(last < beginning + hours <= now for hours in COUNTED_AT)
