"""How one list of papers differs from another."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Changes:
    """Papers that are new, gone, or moved: `moved` are the fewest without which the others kept their order."""

    new: list[int]
    gone: list[int]
    moved: list[int]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.moved)


def compare(before: list[int], after: list[int]) -> Changes:
    """What happened from `before` to `after`, lists of different ids, in the order of the list that a paper is in."""
    places = {paper: place for place, paper in enumerate(before)}
    there = [paper for paper in after if paper in places]
    kept = {there[position] for position in _longest_rise([places[paper] for paper in there])}
    return Changes(
        new=[paper for paper in after if paper not in places],
        gone=[paper for paper in before if paper not in set(after)],
        moved=[paper for paper in there if paper not in kept],
    )


def _longest_rise(numbers: Sequence[int]) -> list[int]:
    """The positions of a longest rising part of different `numbers`, by patience sorting."""
    ends: list[int] = []  # the smallest number that a rise of each length ends with
    at: list[int] = []  # and its position
    before: list[int] = []
    for position, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else -1)
        ends[length:], at[length:] = [number, *ends[length + 1 :]], [position, *at[length + 1 :]]
    rise: list[int] = []
    position = at[-1] if at else -1
    while position >= 0:
        rise.append(position)
        position = before[position]
    return rise[::-1]
