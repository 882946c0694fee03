"""Comparisons of rankers count readers, say how sure they are, and are symmetric."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from digest.evaluation.teams import Match, compare, wilson


def play(*games: tuple[int, int, int]) -> list[Match]:
    """Editions as (reader, balance of “a”, balance of “b”)."""
    return [Match(reader, {"b": second, "a": first}) for reader, first, second in games]


def test_an_edition_is_won_by_the_better_balance() -> None:
    (found,) = compare(play((1, 2, 1), (1, 0, -1), (2, 1, 1), (3, -1, 0)))
    assert (found.first, found.second) == ("a", "b")
    assert (found.wins, found.losses, found.ties, found.readers) == (2, 1, 1, 3)
    assert found.preference == pytest.approx((1 + 0.5 + 0) / 3)
    assert found.p == 1.0


def test_one_reader_who_votes_a_lot_proves_nothing() -> None:
    (found,) = compare(play(*[(1, 1, 0)] * 50))
    assert (found.wins, found.preference, found.p) == (50, 1.0, 1.0)
    assert found.low < 0.25
    (many,) = compare(play(*[(reader, 1, 0) for reader in range(50)]))
    assert many.p is not None
    assert many.p < 1e-6


def test_ties_alone_decide_nothing() -> None:
    (found,) = compare(play((1, 1, 1), (2, 0, 0)))
    assert (found.preference, found.p) == (0.5, None)
    assert found.low < 0.1


def test_every_pair_that_met_is_compared_and_nobody_else() -> None:
    matches = [Match(1, {"x": 1, "y": 0}), Match(1, {"z": 1, "x": 0}), Match(2, {"y": 0, "x": 2})]
    assert [(one.first, one.second, one.wins, one.losses) for one in compare(matches)] == [
        ("x", "y", 2, 0),
        ("x", "z", 0, 1),
    ]
    assert compare([]) == []


GAMES = st.lists(st.tuples(st.integers(1, 6), st.integers(-2, 3), st.integers(-2, 3)), min_size=1, max_size=30)


@given(games=GAMES)
def test_to_swap_the_names_swaps_the_outcome(games: list[tuple[int, int, int]]) -> None:
    (found,), (turned,) = (compare(play(*each)) for each in (games, [(who, b, a) for who, a, b in games]))
    assert (found.wins, found.losses, found.ties) == (turned.losses, turned.wins, turned.ties)
    assert found.preference == pytest.approx(1 - turned.preference)
    assert found.p == pytest.approx(turned.p) if found.p is not None else turned.p is None
    assert 0 <= found.low <= found.preference + 1e-9
    assert found.preference - 1e-9 <= found.high <= 1


@given(size=st.integers(1, 500), data=st.data())
def test_bounds_are_those_of_wilsons_interval(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    bounds = binomtest(count, size).proportion_ci(method="wilson")
    assert wilson(count / size, size) == pytest.approx((bounds.low, bounds.high), abs=1e-6)
