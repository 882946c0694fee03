"""List-level choices: variety, fair shares, and places for what trends."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.embeddings.encoder import unit
from digest.ranking import reranking
from digest.ranking.reranking import Cap, Choice, Floats, Ints


@dataclass(frozen=True)
class Case:
    """Rows to choose from, best first, under a cap on each group and fair shares between profiles."""

    scores: Floats
    vectors: Floats
    profiles: Ints
    groups: list[list[int]]
    weights: dict[int, float]
    most: int
    count: int

    @property
    def kept(self) -> dict[int, int]:
        return reranking.keep_shares(self.weights, Counter(self.profiles.tolist()), self.count)

    @property
    def caps(self) -> list[Cap]:
        profiles = reranking.cap_profiles(self.profiles, self.weights, self.count)
        return [profiles, reranking.cap_groups("group", self.groups, self.most)]

    def select(self) -> Choice:
        return reranking.select(self.scores, self.vectors, self.caps, self.count)


@st.composite
def cases(draw: st.DrawFn, most: int = 90) -> Case:
    rows, profiles = draw(st.integers(0, most)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    owners = random.integers(0, profiles, rows) if draw(st.booleans()) else (random.random(rows) > 0.9).astype(np.int64)
    return Case(
        scores=np.sort(random.random(rows).astype(np.float32))[::-1],
        vectors=unit(random.normal(size=(rows, draw(st.integers(0, 4)))).astype(np.float32)),
        profiles=owners,
        groups=[random.choice(9, 2, replace=False).tolist()[: random.integers(0, 3)] for _ in range(rows)],
        weights={int(owner): draw(st.floats(0.1, 10)) for owner in sorted(set(owners.tolist()))},
        most=draw(st.integers(1, 5)),
        count=draw(st.integers(0, 20)),
    )


def members(case: Case, rows: list[int]) -> Counter[int]:
    """How many of `rows` are of each group."""
    return Counter(group for row in rows for group in set(case.groups[row]))


@given(cases())
def test_nothing_comes_twice_and_the_list_is_as_long_as_it_can_be(case: Case) -> None:
    picked = case.select().rows
    assert len(set(picked)) == len(picked) == min(case.count, len(case.scores))
    assert set(picked) <= set(range(len(case.scores)))
    assert case.select() == case.select()


@given(cases())
def test_the_first_is_the_best(case: Case) -> None:
    assert case.select().rows[:1] == list(range(min(1, case.count, len(case.scores))))


@given(cases())
def test_every_profile_finds_half_of_its_share_unless_a_stronger_cap_stands_against_it(case: Case) -> None:
    caps = [reranking.cap_profiles(case.profiles, case.weights, case.count)]
    choice = reranking.select(case.scores, case.vectors, caps, case.count)
    taken = Counter(case.profiles[choice.rows].tolist())
    if sum(case.kept.values()) <= case.count:
        assert all(taken[profile] >= kept for profile, kept in case.kept.items())
        assert choice.gave_way == []
    else:
        assert all(taken[profile] <= kept for profile, kept in case.kept.items())


@given(cases())
def test_a_cap_gives_way_only_when_no_row_is_left_that_would_keep_it(case: Case) -> None:
    choice = case.select()
    over = members(case, choice.rows)
    assert ("group" in choice.gave_way) == any(count > case.most for count in over.values())
    for place, row in enumerate(choice.rows):
        before = members(case, choice.rows[:place])
        full = {group for group, count in before.items() if count >= case.most}
        left = set(range(len(case.scores))) - set(choice.rows[:place])
        if full & set(case.groups[row]):
            assert all(full & set(case.groups[other]) for other in left)


def make_case(scores: list[float], owners: list[int], count: int, **fields: object) -> Case:
    given_fields = {
        "vectors": np.eye(len(scores), dtype=np.float32),
        "weights": dict.fromkeys(owners, 1.0),
        "groups": [[] for _ in scores],
        "most": 1,
    }
    return Case(
        scores=np.array(scores, np.float32),
        profiles=np.array(owners, np.int64),
        count=count,
        **(given_fields | fields),
    )


def shares(case: Case) -> dict[int, int]:
    return dict(Counter(case.profiles[case.select().rows].tolist()))


def test_a_quiet_interest_gets_half_of_its_share_beside_a_loud_one() -> None:
    assert shares(make_case([0.9] * 60 + [0.1] * 10, [0] * 60 + [1] * 10, 10)) == {0: 7, 1: 3}


def test_two_loud_interests_leave_a_third_its_places() -> None:
    case = make_case([0.9] * 40 + [0.1] * 10, [0, 1] * 20 + [2] * 10, 10)
    assert shares(case)[2] == 2


def test_a_light_interest_is_not_drowned_by_a_heavy_one() -> None:
    case = make_case([0.9] * 40 + [0.1] * 10, [0] * 40 + [1] * 10, 10, weights={0: 10.0, 1: 0.1})
    assert shares(case) == {0: 9, 1: 1}


def test_places_that_an_interest_cannot_fill_go_to_the_others() -> None:
    assert shares(make_case([0.9] * 20 + [0.1], [0] * 20 + [1], 10)) == {0: 9, 1: 1}


def test_the_caps_that_come_first_give_way_first() -> None:
    case = make_case([0.9, 0.8, 0.7], [0, 0, 0], 2)
    one, two = reranking.cap_groups("one", ["a", "a", "b"], 1), reranking.cap_groups("two", ["a", "b", "a"], 1)
    for caps, second, name in (([one, two], 1, "one"), ([two, one], 2, "two")):
        choice = reranking.select(case.scores, case.vectors, caps, case.count)
        assert (choice.rows, choice.gave_way) == ([0, second], [name])


def test_a_row_beyond_the_best_fifty_comes_before_a_cap_gives_way() -> None:
    case = make_case([0.9] * 60 + [0.1], [0] * 61, 2, groups=[[0]] * 60 + [[1]])
    assert (case.select().rows, case.select().gave_way) == ([0, 60], [])


def test_what_is_taken_already_counts_and_is_not_picked() -> None:
    case = make_case([0.9, 0.8, 0.7], [0, 0, 0], 2, groups=[[0], [0], []])
    assert reranking.select(case.scores, case.vectors, case.caps, 2, [0]).rows == [2, 1]


def test_only_what_breaks_no_cap_is_admitted() -> None:
    caps = [reranking.cap_groups("letter", ["ab", "a", "", "b", "c"], 1)]
    assert reranking.admit(caps, 5, 9) == [0, 2, 4]
    assert reranking.admit(caps, 5, 2) == [0, 2]
    assert reranking.admit([], 3, 0) == []


def test_variety_puts_a_different_paper_before_a_copy() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    scores = np.array([0.9, 0.9, 0.7], np.float32)
    assert reranking.select(scores, vectors, [], 3).rows == [0, 2, 1]
    assert reranking.select(scores, np.eye(3, dtype=np.float32), [], 3).rows == [0, 1, 2]


def test_near_duplicates_are_those_of_a_cosine_above_nine_tenths_with_the_first() -> None:
    angles = np.array([0.0, 1.5, 0.4, 0.8, 1.6])  # radians; the cosine of 0.451 is 0.9
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    assert reranking.cluster(vectors) == [[0], [1], [0], [3], [1]]
    assert reranking.cluster(np.eye(2, dtype=np.float32)) == [[], []]
    assert reranking.cluster(np.empty((2, 0), np.float32)) == [[], []]


@pytest.mark.parametrize(
    ("weights", "available", "count", "kept"),
    [
        ({1: 1.0}, {1: 99}, 10, {1: 5}),
        ({1: 1.0, 2: 1.0}, {1: 99, 2: 99}, 10, {1: 3, 2: 3}),
        ({1: 1.0, 2: 1.0}, {1: 99, 2: 1}, 10, {1: 3, 2: 1}),
        ({1: 1.0, 2: 1.0}, {1: 99}, 10, {1: 3, 2: 0}),
        ({1: 3.0, 2: 1.0}, {1: 99, 2: 99}, 8, {1: 3, 2: 1}),
        (dict.fromkeys(range(5), 1.0), dict.fromkeys(range(5), 9), 2, dict.fromkeys(range(5), 1)),
        ({}, {}, 10, {}),
    ],
)
def test_half_of_its_share_is_kept_for_each_profile_that_has_as_much(
    weights: dict[int, float], available: dict[int, int], count: int, kept: dict[int, int]
) -> None:
    assert reranking.keep_shares(weights, available, count) == kept


@pytest.mark.parametrize(("of_ten", "count", "scaled"), [(2, 10, 2), (7, 10, 7), (2, 3, 1), (7, 5, 4), (2, 25, 5)])
def test_a_number_of_ten_grows_with_the_list(of_ten: int, count: int, scaled: int) -> None:
    assert reranking.scale(of_ten, count) == scaled


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
