"""Time: aware UTC now, and when a subscriber's next edition is due in their own zone.

A schedule is an hour on chosen weekdays in a zone. Daylight saving is decided here and nowhere else: an hour that
the clocks skip is moved forward to the first moment after the gap, an hour that they repeat means its first pass.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from digest.errors import InvalidRequest

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
FIRST_YEAR = 1991  # of the arXiv
NO_PLACES = {"Factory", "localtime", "posixrules"}  # entries of the zone database that no person lives by
WINDOW = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)(?:\s+(\S+))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscriber wants mail: `hour` (0-23) on `weekdays` (Monday is 0) in the IANA `zone`."""

    zone: str
    hour: int
    weekdays: Collection[int] = EVERY_DAY

    def slot(self, day: date) -> datetime:
        """The moment (UTC) of the edition of `day`, whatever its weekday."""
        local = datetime.combine(day, time(self.hour), tzinfo=parse_zone(self.zone))
        moment = local.astimezone(UTC)
        if moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
            return moment
        return _end_of_gap(local)


def _end_of_gap(local: datetime) -> datetime:
    """The moment (UTC) at which the clocks jump over the time `local`, which does not exist."""
    moment = local.replace(fold=1).astimezone(UTC)  # read by the offset after the gap, it lies before it
    before = moment.astimezone(local.tzinfo).utcoffset()
    while moment.astimezone(local.tzinfo).utcoffset() == before:
        moment += timedelta(minutes=1)
    return moment


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the day in a zone, from `start` until before `end`, past midnight too; all day if both are alike."""

    start: time = time()
    end: time = time()
    zone: str = "UTC"

    def holds(self, moment: datetime) -> bool:
        local = moment.astimezone(parse_zone(self.zone)).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


ALL_DAY = Window()


def parse_window(text: str) -> Window:
    """“06:00-22:00 Europe/Berlin” as a window; nothing means all day. Raises InvalidRequest for anything else."""
    if not text.strip():
        return ALL_DAY
    found = WINDOW.fullmatch(text.strip())
    try:
        start, end = (time.fromisoformat(found[place]) for place in (1, 2)) if found else (None, None)
    except ValueError:
        start = end = None
    if found is None or start is None or end is None:
        raise InvalidRequest(f"“{text}” is no window: write it as 06:00-22:00 or 06:00-22:00 Europe/Berlin.")
    zone = found[3] or "UTC"
    parse_zone(zone)
    return Window(start, end, zone)


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse_zone(name: str) -> ZoneInfo:
    """The zone called `name`; raises InvalidRequest when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(
            f"There is no time zone “{name}”: use an IANA name such as Europe/Paris or UTC."
        ) from error


@cache
def zones() -> dict[str, list[str]]:
    """All IANA zones by region, UTC before all; names without a region come last."""
    regions: dict[str, list[str]] = {"UTC": ["UTC"]}
    for name in sorted(available_timezones() - NO_PLACES - {"UTC"}, key=lambda name: ("/" not in name, name)):
        regions.setdefault(name.partition("/")[0] if "/" in name else "Other names", []).append(name)
    return regions


def local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(parse_zone(zone)).date()


def parse_moment(text: str, now: datetime) -> datetime:
    """An ISO 8601 date or moment, UTC unless it says otherwise; raises InvalidRequest when it lies after `now`."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"“{text}” is not a moment: write it as 2026-04-24 or 2026-04-24T07:00+02:00.") from error
    if moment.year < FIRST_YEAR:
        raise InvalidRequest(f"{text} lies before there were papers to send: use a moment from {FIRST_YEAR} on.")
    if moment > now:
        raise InvalidRequest(f"{text} lies in the future: a run can only be for a moment that has come.")
    return moment


def edition_day(due: datetime, schedule: Schedule, now: datetime) -> date:
    """The date of the edition that was due at `due` and goes out at `now`: the latest slot that has come.

    After days down, the missed slots are one edition, dated by the last of them.
    """
    latest = local_day(due, schedule.zone)
    for day in _days(latest, schedule):
        if schedule.slot(day) > now:
            return latest
        latest = day
    return latest


def next_slot(after: date, schedule: Schedule) -> datetime:
    """The first moment (UTC) that the schedule names on a day later than `after`."""
    return schedule.slot(next(day for day in _days(after, schedule) if day > after))


def _days(first: date, schedule: Schedule) -> Iterator[date]:
    day = first
    while True:
        if day.weekday() in schedule.weekdays:
            yield day
        day += timedelta(days=1)
