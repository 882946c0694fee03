"""The curve stays within its picture, and its words say what it shows."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.web.sparkline import HEIGHT, MOST_POINTS, WIDTH, draw

START = datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def test_fewer_than_two_points_make_no_curve() -> None:
    assert draw([]) is None
    assert draw([(START, 3)]) is None


def test_a_curve_runs_from_the_first_count_to_the_last() -> None:
    curve = draw([(START, 0), (START + DAY, 5), (START + 2 * DAY, 10)])
    assert curve is not None
    assert curve.path == "M4 60 L160 32 L316 4"
    assert curve.end == (316, 4)
    assert curve.words == "Votes rose from 0 to 10 between 20 April 2026 and 22 April 2026."


def test_the_words_tell_a_fall_and_a_standstill_and_the_hours_of_one_day() -> None:
    fell, stayed = draw([(START, 1200), (START + DAY, 7)]), draw([(START, 3), (START + timedelta(hours=2), 3)])
    assert fell is not None
    assert stayed is not None
    assert fell.words == "Votes fell from 1,200 to 7 between 20 April 2026 and 21 April 2026."
    assert stayed.words == "Votes stayed at 3 between 09:30 and 11:30 UTC on 20 April 2026."


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), min_size=2, max_size=40, unique_by=lambda p: p[0])
)
def test_no_point_lies_outside(points: list[tuple[int, int]]) -> None:
    curve = draw([(START + timedelta(seconds=when), votes) for when, votes in sorted(points)])
    assert curve is not None
    places = [tuple(map(float, place.split())) for place in curve.path[1:].split(" L")]
    assert len(places) == len(points)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert [x for x, _ in places] == sorted(x for x, _ in places)


def test_of_very_many_points_some_are_drawn_and_the_first_and_the_last_among_them() -> None:
    curve = draw([(START + number * DAY, number) for number in range(5001)])
    assert curve is not None
    assert curve.path.count("L") <= MOST_POINTS
    assert curve.path.startswith("M4 60 ")
    assert curve.path.endswith("L316 4")
    assert "to 5,000 between" in curve.words
