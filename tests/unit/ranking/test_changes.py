"""What changed between two lists, in as few words as possible."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.changes import Changes, compare

lists = st.lists(st.integers(0, 9), unique=True, max_size=8)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([1, 2, 3], [1, 2, 3], Changes([], [], [])),
        ([], [2, 1], Changes([2, 1], [], [])),
        ([2, 1], [], Changes([], [2, 1], [])),
        ([1, 2, 3], [9, 1, 2, 3], Changes([9], [], [])),
        ([1, 2, 3, 4], [4, 1, 2, 3], Changes([], [], [4])),
        ([1, 2, 3], [3, 9, 1], Changes([9], [2], [3])),
    ],
)
def test_one_paper_that_comes_moves_no_other(before: list[int], after: list[int], changes: Changes) -> None:
    assert compare(before, after) == changes
    assert bool(changes) == (before != after)


@given(lists, lists)
def test_without_the_changes_the_lists_are_the_same_and_fewer_moves_would_not_do(
    before: list[int], after: list[int]
) -> None:
    changes = compare(before, after)
    assert set(changes.new) == set(after) - set(before)
    assert set(changes.gone) == set(before) - set(after)
    both = [[paper for paper in listed if paper in before and paper in after] for listed in (before, after)]

    def agree(moved: tuple[int, ...]) -> bool:
        left, right = ([paper for paper in listed if paper not in moved] for listed in both)
        return left == right

    assert agree(tuple(changes.moved))
    assert changes.moved == [] or not any(map(agree, combinations(both[0], len(changes.moved) - 1)))
