"""When listings are asked for again."""

import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.papers.polls import COUNTED_AT, FOLLOWED, due_days

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = datetime(2026, 5, 6, tzinfo=UTC)
TODAY = date(2026, 5, 6)


def ages(last: datetime, now: datetime, fresh: timedelta = timedelta(0)) -> list[int]:
    """How many days before the day of `now` the listings that are due began."""
    return [(now.date() - day).days for day in due_days(last, now, fresh)]


def test_todays_listing_is_asked_for_with_every_poll() -> None:
    for hour in range(1, 24):
        assert 0 in ages(MIDNIGHT + (hour - 1) * HOUR, MIDNIGHT + hour * HOUR)


def test_a_listing_is_counted_at_3_9_and_26_hours_then_more_rarely_for_two_weeks() -> None:
    counted = [
        round((now - MIDNIGHT) / HOUR)
        for now in (MIDNIGHT + number * HOUR for number in range(24, 24 * 20))
        if TODAY in due_days(now - HOUR, now)
    ]
    assert counted == [26, 50, 74, 122, 194, 338]
    assert [round(hours / HOUR) for hours in COUNTED_AT[:3]] == [3, 9, 26]
    assert FOLLOWED >= 14 * DAY


def test_before_editions_go_out_the_days_that_they_are_made_of_are_counted_again() -> None:
    now = MIDNIGHT + 7 * HOUR
    assert ages(now - HOUR, now) == [0]
    assert ages(now - HOUR, now, 3 * DAY) == [3, 2, 1, 0]


def test_after_a_silence_every_day_of_which_a_count_was_missed_is_asked_for() -> None:
    now = MIDNIGHT + 12 * HOUR
    asked = ages(now - 5 * DAY, now)
    assert asked[-6:] == [5, 4, 3, 2, 1, 0]
    assert max(asked) <= 5 + FOLLOWED / DAY


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@given(last=moments, now=moments)
def test_the_days_come_in_order_each_once_and_never_from_the_future(last: datetime, now: datetime) -> None:
    days = due_days(last, now)
    assert days == sorted(set(days))
    assert days[-1] == now.date()


@given(start=moments, gaps=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_whenever_polls_come_no_day_misses_a_count_that_is_due(start: datetime, gaps: list[int]) -> None:
    """Whatever the gaps, each of a day's moments is followed by a poll that asks for the day."""
    polls = [start]
    for gap in gaps:
        polls.append(polls[-1] + gap * HOUR)
    day = polls[0].date() - 2 * DAY
    beginning = datetime.combine(day, datetime.min.time(), UTC)
    for moment in (beginning + hours for hours in COUNTED_AT):
        following = [(one, other) for one, other in itertools.pairwise(polls) if one < moment <= other]
        assert all(day in due_days(one, other) for one, other in following)
