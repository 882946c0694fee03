"""List-level choices: variety, fair shares, and places for what trends."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.embeddings.encoder import unit
from digest.ranking import reranking
from digest.ranking.reranking import Floats, Ints


@dataclass(frozen=True)
class Case:
    """Rows to choose from, best first as the caller gives them."""

    scores: Floats
    vectors: Floats
    profiles: Ints
    weights: dict[int, float]
    count: int

    @property
    def caps(self) -> dict[int, int]:
        return reranking.fair_caps(self.weights, Counter(self.profiles.tolist()), self.count)

    def select(self) -> list[int]:
        return reranking.select(self.scores, self.vectors, self.profiles, self.caps, self.count)


@st.composite
def cases(draw: st.DrawFn, most: int = reranking.BEST) -> Case:
    rows, profiles = draw(st.integers(0, most)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    owners = random.integers(0, profiles, rows) if draw(st.booleans()) else (random.random(rows) > 0.9).astype(np.int64)
    return Case(
        scores=np.sort(random.random(rows).astype(np.float32))[::-1],
        vectors=unit(random.normal(size=(rows, draw(st.integers(0, 4)))).astype(np.float32)),
        profiles=owners,
        weights={int(owner): draw(st.floats(0.1, 10)) for owner in sorted(set(owners.tolist()))},
        count=draw(st.integers(0, 20)),
    )


def overdrawn(case: Case, picked: list[int]) -> set[int]:
    """The profiles that got more than their cap."""
    taken = Counter(case.profiles[picked].tolist())
    return {profile for profile, count in taken.items() if count > case.caps[profile]}


@given(cases(most=90))
def test_nothing_comes_twice_and_the_list_is_as_long_as_it_can_be(case: Case) -> None:
    picked = case.select()
    assert len(set(picked)) == len(picked) == min(case.count, len(case.scores))
    assert set(picked) <= set(range(len(case.scores)))
    assert picked == case.select()


@given(cases())
def test_caps_hold_whenever_enough_others_are_there(case: Case) -> None:
    available = Counter(case.profiles.tolist())
    room = sum(min(available[profile], cap) for profile, cap in case.caps.items())
    if room >= case.count:
        assert overdrawn(case, case.select()) == set()


@given(cases())
def test_the_first_is_the_best(case: Case) -> None:
    assert case.select()[:1] == list(range(min(1, case.count, len(case.scores))))


def make_case(scores: list[float], owners: list[int], count: int) -> Case:
    vectors = np.eye(len(scores), dtype=np.float32)
    weights = dict.fromkeys(owners, 1.0)
    return Case(np.array(scores, np.float32), vectors, np.array(owners, np.int64), weights, count)


def test_a_quiet_interest_gets_half_of_its_share_beside_a_loud_one() -> None:
    case = make_case([0.9] * 20 + [0.1] * 5, [0] * 20 + [1] * 5, 10)
    assert Counter(case.profiles[case.select()].tolist()) == {0: 7, 1: 3}


def test_a_loud_interest_with_many_matches_does_not_eat_the_edition() -> None:
    case = make_case([0.9] * 60 + [0.1] * 10, [0] * 60 + [1] * 10, 10)
    assert overdrawn(case, case.select()) == set()


def test_caps_give_way_before_the_list_gets_shorter() -> None:
    case = make_case([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1], 4)
    tight = reranking.select(case.scores, case.vectors, case.profiles, {0: 1, 1: 1}, 4)
    assert tight == [0, 3, 1, 2]


def test_variety_puts_a_different_paper_before_a_copy() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    scores, owners = np.array([0.9, 0.9, 0.7], np.float32), np.zeros(3, np.int64)
    assert reranking.select(scores, vectors, owners, {}, 3) == [0, 2, 1]
    assert reranking.select(scores, np.eye(3, dtype=np.float32), owners, {}, 3) == [0, 1, 2]


@pytest.mark.parametrize(
    ("weights", "available", "count", "caps"),
    [
        ({1: 1.0}, {1: 99}, 10, {1: 10}),
        ({1: 1.0, 2: 1.0}, {1: 99, 2: 99}, 10, {1: 7, 2: 7}),
        ({1: 1.0, 2: 1.0}, {1: 99, 2: 1}, 10, {1: 9, 2: 7}),
        ({1: 1.0, 2: 1.0}, {1: 99}, 10, {1: 10, 2: 7}),
        ({1: 3.0, 2: 1.0}, {1: 99, 2: 99}, 8, {1: 7, 2: 5}),
        (dict.fromkeys(range(5), 1.0), dict.fromkeys(range(5), 9), 2, dict.fromkeys(range(5), 1)),
        ({}, {}, 10, {}),
    ],
)
def test_caps_leave_every_other_profile_half_of_its_share(
    weights: dict[int, float], available: dict[int, int], count: int, caps: dict[int, int]
) -> None:
    assert reranking.fair_caps(weights, available, count) == caps


@pytest.mark.parametrize(
    ("balance", "count", "slots"),
    [
        (0.0, 10, 0),
        (0.1, 10, 0),
        (0.15, 10, 1),
        (float(np.float32(0.3)), 10, 1),
        (float(np.float32(0.45)), 10, 2),
        (float(np.float32(0.6)), 10, 3),
        (0.6, 50, 3),
        (0.6, 6, 2),
        (0.6, 2, 0),
    ],
)
def test_places_for_what_trends_grow_with_the_balance(balance: float, count: int, slots: int) -> None:
    assert reranking.trend_slots(balance, count) == slots
