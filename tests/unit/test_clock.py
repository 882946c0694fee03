"""Schedules in their zones: editions' dates, next slots, daylight saving both ways."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.clock import (
    ALL_DAY,
    EVERY_DAY,
    Schedule,
    Window,
    edition_day,
    local_day,
    next_slot,
    parse_moment,
    parse_window,
    parse_zone,
    utc_now,
    zones,
)
from digest.errors import InvalidRequest

BERLIN = Schedule("Europe/Berlin", 7)
WORKDAYS = Schedule("UTC", 7, (0, 1, 2, 3, 4))
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Asia/Kathmandu"]

days = st.dates(date(2015, 1, 1), date(2037, 12, 31))
schedules = st.builds(
    Schedule, st.sampled_from(ZONES), st.integers(0, 23), st.sets(st.sampled_from(EVERY_DAY), min_size=1)
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_now_is_aware() -> None:
    assert utc_now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires"])
def test_a_zone_is_known_by_its_iana_name(name: str) -> None:
    assert parse_zone(name).key == name


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "Europe", "../UTC", "/etc/localtime", "UTC\0", "zone.tab"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="time zone"):
        parse_zone(name)


def test_a_moment_falls_on_the_day_of_the_zone() -> None:
    moment = utc(2026, 5, 5, 23)
    assert [local_day(moment, zone).day for zone in ("UTC", "Europe/Berlin", "America/New_York")] == [5, 6, 5]


@pytest.mark.parametrize(
    ("zone", "hour", "day", "expected"),
    [
        ("Europe/Berlin", 7, date(2026, 1, 15), utc(2026, 1, 15, 6)),
        ("Europe/Berlin", 7, date(2026, 7, 15), utc(2026, 7, 15, 5)),
        ("Pacific/Kiritimati", 7, date(2026, 5, 6), utc(2026, 5, 5, 17)),
        # An hour that the clocks skip: the first moment after the gap.
        ("Europe/Berlin", 2, date(2026, 3, 29), utc(2026, 3, 29, 1)),
        ("Africa/Cairo", 0, date(2026, 4, 24), utc(2026, 4, 23, 22)),
        ("Australia/Lord_Howe", 2, date(2026, 10, 4), utc(2026, 10, 3, 15, 30)),
        ("Antarctica/Troll", 2, date(2026, 3, 29), utc(2026, 3, 29, 1)),
        # An hour that they repeat: its first pass.
        ("Europe/Berlin", 2, date(2026, 10, 25), utc(2026, 10, 25, 0)),
        ("America/New_York", 1, date(2026, 11, 1), utc(2026, 11, 1, 5)),
        # The day after, all is as before.
        ("Europe/Berlin", 2, date(2026, 3, 30), utc(2026, 3, 30, 0)),
        ("Europe/Berlin", 2, date(2026, 10, 26), utc(2026, 10, 26, 1)),
    ],
)
def test_the_slot_of_a_day(zone: str, hour: int, day: date, expected: datetime) -> None:
    assert Schedule(zone, hour).slot(day) == expected


@given(schedule=schedules, day=days)
def test_the_slot_of_a_day_falls_on_that_day(schedule: Schedule, day: date) -> None:
    assert local_day(schedule.slot(day), schedule.zone) == day


@given(schedule=schedules, after=days)
def test_the_next_slot_is_the_first_on_a_chosen_weekday_later_than_the_day(schedule: Schedule, after: date) -> None:
    day = local_day(next_slot(after, schedule), schedule.zone)
    assert day > after
    assert day.weekday() in schedule.weekdays
    between = [after + timedelta(days=n) for n in range(1, (day - after).days)]
    assert not {other.weekday() for other in between} & set(schedule.weekdays)


@given(schedule=schedules, start=days)
def test_slots_follow_each_other_without_end_or_repetition(schedule: Schedule, start: date) -> None:
    slots = [next_slot(start, schedule)]
    for _ in range(10):
        slots.append(next_slot(local_day(slots[-1], schedule.zone), schedule))
    assert all(earlier < later for earlier, later in pairwise(slots))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (date(2026, 5, 6), utc(2026, 5, 7, 7)),  # Wednesday to Thursday
        (date(2026, 5, 8), utc(2026, 5, 11, 7)),  # Friday to Monday
        (date(2026, 5, 9), utc(2026, 5, 11, 7)),  # Saturday to Monday
    ],
)
def test_the_next_slot_skips_the_days_that_nobody_chose(after: date, expected: datetime) -> None:
    assert next_slot(after, WORKDAYS) == expected


@pytest.mark.parametrize(
    ("due", "now", "expected"),
    [
        (utc(2026, 5, 6, 7), utc(2026, 5, 6, 7), date(2026, 5, 6)),  # in time
        (utc(2026, 5, 6, 7), utc(2026, 5, 6, 23), date(2026, 5, 6)),  # hours late
        (utc(2026, 5, 6, 7), utc(2026, 5, 7, 6, 59), date(2026, 5, 6)),  # just before the next one
        (utc(2026, 5, 6, 7), utc(2026, 5, 7, 7), date(2026, 5, 7)),  # as the next one comes
        (utc(2026, 5, 6, 7), utc(2026, 5, 20, 12), date(2026, 5, 20)),  # after two weeks down
        (utc(2026, 5, 8, 7), utc(2026, 5, 10, 12), date(2026, 5, 8)),  # down over a weekend without slots
        (utc(2026, 5, 9, 3), utc(2026, 5, 9, 3), date(2026, 5, 9)),  # somebody new, on a day that is none of theirs
        (utc(2026, 5, 6, 3), utc(2026, 5, 6, 3), date(2026, 5, 6)),  # somebody new, before their hour
    ],
)
def test_an_edition_has_the_date_of_the_last_slot_that_has_come(due: datetime, now: datetime, expected: date) -> None:
    assert edition_day(due, WORKDAYS, now) == expected


def test_an_edition_has_the_date_of_the_readers_own_zone() -> None:
    kiritimati = Schedule("Pacific/Kiritimati", 7)
    assert edition_day(utc(2026, 5, 5, 17), kiritimati, utc(2026, 5, 5, 18)) == date(2026, 5, 6)


@given(schedule=schedules, start=days, down=st.integers(0, 24 * 40))
def test_days_down_give_one_edition_and_the_next_slot_lies_ahead(schedule: Schedule, start: date, down: int) -> None:
    due = next_slot(start, schedule)
    now = due + timedelta(hours=down)
    day = edition_day(due, schedule, now)
    assert schedule.slot(day) <= now < next_slot(day, schedule)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-24", utc(2026, 4, 24)),
        ("2026-04-24T07:00", utc(2026, 4, 24, 7)),
        ("2026-04-24T07:00Z", utc(2026, 4, 24, 7)),
        ("2026-04-24T07:00+02:00", utc(2026, 4, 24, 5)),
        ("2026-05-06T11:00+02:00", utc(2026, 5, 6, 9)),  # now itself
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(now: datetime, text: str, expected: datetime) -> None:
    moment = parse_moment(text, now)
    assert moment == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-05-07", "2026-05-06T09:00:01", "2026-05-06T10:30+01:00"])
def test_the_future_is_refused(now: datetime, text: str) -> None:
    with pytest.raises(InvalidRequest, match="future"):
        parse_moment(text, now)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "24.04.2026",
        "2026-02-30",
        "2026-04-24T25:00",
        "0001-01-01T00:00+02:00",
        "9999-12-31T23:00-02:00",
    ],
)
def test_what_is_no_moment_is_refused(now: datetime, text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_moment(text, now)


# windows


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        ("", "03:00", True),
        ("06:00-22:00", "06:00", True),
        ("06:00-22:00", "21:59", True),
        ("06:00-22:00", "22:00", False),
        ("22:00-06:00", "23:30", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("06:00-22:00 Asia/Tokyo", "22:00", True),  # seven in the morning there
        ("06:00-22:00 Asia/Tokyo", "14:00", False),
    ],
)
def test_a_window_holds_the_hours_that_it_names(window: str, moment: str, inside: bool) -> None:
    assert parse_window(window).holds(datetime.fromisoformat(f"2026-05-06T{moment}+00:00")) is inside


@given(st.times(), st.times(), st.datetimes(timezones=st.just(UTC)))
def test_a_window_and_the_one_from_its_end_to_its_start_share_the_day(start: time, end: time, moment: datetime) -> None:
    rest = Window(end, start)
    assert Window(start, end).holds(moment) is not rest.holds(moment) or start == end


@given(st.times(), st.datetimes(timezones=st.timezones()))
def test_a_window_from_an_hour_to_itself_is_all_day(edge: time, moment: datetime) -> None:
    assert Window(edge, edge).holds(moment)


def test_a_window_ends_right_before_its_end() -> None:
    window = Window(time(6), time(22))
    assert window.holds(utc(2026, 5, 6, 6))
    assert not window.holds(utc(2026, 5, 6, 6) - timedelta(microseconds=1))
    assert window.holds(utc(2026, 5, 6, 22) - timedelta(microseconds=1))
    assert not window.holds(utc(2026, 5, 6, 22))


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_window_is_all_day(text: str) -> None:
    assert parse_window(text) is ALL_DAY


@pytest.mark.parametrize("text", ["22:00-06:30 America/New_York", " 22:00-06:30   America/New_York\n"])
def test_a_window_is_read_with_its_zone(text: str) -> None:
    assert parse_window(text) == Window(time(22), time(6, 30), "America/New_York")


def test_a_window_without_a_zone_is_in_utc() -> None:
    assert parse_window("06:00-22:00") == Window(time(6), time(22), "UTC")


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 28), [1]),  # winter: 02:00 to 03:00 in Berlin
        (date(2026, 3, 29), []),  # the clocks skip it
        (date(2026, 3, 30), [0]),  # summer
        (date(2026, 10, 25), [0, 1]),  # they repeat it
    ],
)
def test_a_window_in_an_hour_that_the_clocks_skip_or_repeat(day: date, hours: list[int]) -> None:
    window = parse_window("02:00-03:00 Europe/Berlin")
    moments = [utc(day.year, day.month, day.day, hour, 30) for hour in range(24)]
    assert [moment.hour for moment in moments if window.holds(moment)] == hours


@given(st.one_of(st.text(), st.from_regex(r"\A\d\d:\d\d-\d\d:\d\d( \S+)?\Z")))
def test_any_text_is_a_window_or_refused(text: str) -> None:
    with suppress(InvalidRequest):  # and no other error, then or when it is used
        assert parse_window(text).holds(utc(2026, 5, 6)) is not None


@given(st.times(), st.times(), st.sampled_from(ZONES))
def test_a_window_that_is_written_down_is_read_as_it_was(start: time, end: time, zone: str) -> None:
    window = Window(start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0), zone)
    assert parse_window(f"{start:%H:%M}-{end:%H:%M} {zone}") == window


def test_a_window_goes_with_the_clocks_of_its_zone() -> None:
    window = parse_window("06:00-07:00 Europe/Berlin")
    assert window.holds(datetime.fromisoformat("2026-01-15T05:30+00:00"))
    assert window.holds(datetime.fromisoformat("2026-07-15T04:30+00:00"))


@pytest.mark.parametrize(
    "window",
    [
        "6-22",
        "06:00",
        "25:00-26:00",
        "06:00-24:00",
        "06:60-22:00",
        "06:00-22:00 Nowhere/At_All",
        "06:00-22:00 Europe/Berlin Europe/Paris",
        "06:00-22:00Europe/Berlin",
        "06:00 - 22:00",
        "٠٦:٠٠-٢٢:٠٠",
        "x",
    ],
)
def test_what_is_no_window_is_refused_in_one_line(window: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_window(window)
    assert "\n" not in str(caught.value)


def test_every_zone_is_listed_once_and_can_be_used() -> None:
    listed = [name for names in zones().values() for name in names]
    assert len(listed) == len(set(listed)) > 400
    assert listed[0] == "UTC"
    assert "Europe/Paris" in zones()["Europe"]
    assert "Factory" not in listed
    assert all(parse_zone(name) for name in listed)
