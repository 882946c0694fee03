"""List-level choices: variety (maximal marginal relevance), caps on what is alike, fair shares. Pure arithmetic."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32] | NDArray[np.float64]
Ints = NDArray[np.int64]

MMR = 0.8  # weight of the score against likeness to what is already picked; costs at most 1 % of nDCG
BEST = 50  # papers among which variety may choose
EXACT = 6  # digits of a worth; the last ones of a product depend on the machine
NEAR_DUPLICATE = 0.9  # cosine above which two papers say the same
NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many rows of a list may be of one group.

    `labels` (rows, k) numbers the groups that each row is in, NO_GROUP where it is in fewer than k; `most` holds how
    many rows each group may have, and `spare` how many more all groups together may have beyond that.
    """

    name: str
    labels: Ints
    most: Ints
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows of a list in order, and the names of the caps that gave way lest it got shorter."""

    rows: list[int]
    gave_way: list[str]


class Tally:
    """How many rows of each group a growing list has, under caps in the order in which they give way.

    `breaches` says of each row which caps it would break: bit i for the i-th, so that the smallest number breaks none,
    or those that matter least.
    """

    def __init__(self, caps: Sequence[Cap], rows: int, taken: Iterable[int] = ()) -> None:
        self._caps = caps
        self._left = [np.append(cap.most, np.iinfo(np.int64).max) for cap in caps]  # NO_GROUP is the last
        self._spare = [cap.spare for cap in caps]
        self._broken = np.zeros((len(caps), rows), dtype=bool)
        for place in range(len(caps)):
            self._look(place)
        for row in taken:
            self.take(row)

    @property
    def breaches(self) -> Ints:
        return np.asarray((1 << np.arange(len(self._caps))) @ self._broken, np.int64)

    def take(self, row: int) -> None:
        for place, cap in enumerate(self._caps):
            left = self._left[place]
            for label in cap.labels[row]:
                self._spare[place] -= int(left[label] <= 0)
                left[label] -= 1
            if (left[cap.labels[row]] <= 0).any():
                self._look(place)

    def _look(self, place: int) -> None:
        if self._spare[place] <= 0:
            self._broken[place] = (self._left[place] <= 0)[self._caps[place].labels].any(axis=1)


def select(scores: Floats, vectors: Floats, caps: Sequence[Cap], count: int, taken: Sequence[int] = ()) -> Choice:
    """Pick up to `count` rows of those that come best first: argmax of 0.8 score - 0.2 (largest cosine to one picked).

    `vectors` are unit rows. Only the best 50 that break no cap are looked at. When each would break one, the caps give
    way before the list gets shorter, the first of them first. Rows that are `taken` already count for the caps and are
    not picked. Ties go to the row that comes first.
    """
    tally = Tally(caps, len(scores), taken)
    free = np.ones(len(scores), dtype=bool)
    free[list(taken)] = False
    nearest = np.zeros(len(scores), np.float32)
    picked: list[int] = []
    broken = 0
    for _ in range(min(count, int(free.sum()))):
        breaches = tally.breaches
        least = int(breaches[free].min())
        rows = np.flatnonzero(free & (breaches == least))[:BEST]
        best = int(rows[np.argmax(np.round(MMR * scores[rows] - (1 - MMR) * nearest[rows], EXACT))])
        picked.append(best)
        tally.take(best)
        free[best], broken = False, broken | least
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return Choice(picked, [cap.name for place, cap in enumerate(caps) if broken >> place & 1])


def admit(caps: Sequence[Cap], rows: int, count: int) -> list[int]:
    """The first `count` of `rows` rows, without those that break a cap."""
    tally = Tally(caps, rows)
    admitted: list[int] = []
    for row in range(rows):
        if len(admitted) < count and not tally.breaches[row]:
            tally.take(row)
            admitted.append(row)
    return admitted


def cap_groups(name: str, groups: Sequence[Iterable[Hashable]], most: int) -> Cap:
    """A cap of `most` rows on each of the groups, which are given by row."""
    numbers: dict[Hashable, int] = {}
    named = [[numbers.setdefault(group, len(numbers)) for group in row] for row in groups]
    labels = np.full((len(named), max(map(len, named), default=0)), NO_GROUP, np.int64)
    for row, found in enumerate(named):
        labels[row, : len(found)] = found
    return Cap(name, labels, np.full(len(numbers), most, np.int64))


def cap_profiles(owners: Ints, weights: Mapping[int, float], count: int) -> Cap:
    """Fair shares of `count` places: half of its share is kept for each profile that has the rows, the rest is free.

    `owners` names each row's profile, NO_GROUP for none.
    """
    available = Counter(owners.tolist())
    names = sorted(weights)
    kept = keep_shares(weights, available, count)
    numbers = {name: number for number, name in enumerate(names)} | {NO_GROUP: NO_GROUP}
    labels = np.array([numbers[owner] for owner in owners.tolist()], np.int64).reshape(-1, 1)
    most = np.array([kept[name] for name in names], np.int64)
    return Cap("profile", labels, most, max(0, count - int(most.sum())))


def keep_shares(weights: Mapping[int, float], available: Mapping[int, int], count: int) -> dict[int, int]:
    """How many of `count` places are kept for each profile: half of its share, or all that it has."""
    total = sum(weights.values()) or 1.0
    return {
        name: min(available.get(name, 0), math.ceil(count * weight / total / 2)) for name, weight in weights.items()
    }


def cluster(vectors: Floats) -> list[list[int]]:
    """The cluster of near-duplicates that each unit row is in, named by its first row; none where a row is alone."""
    near = vectors @ vectors.T > NEAR_DUPLICATE
    first = np.full(len(vectors), NO_GROUP, np.int64)
    for row in np.flatnonzero(near.sum(axis=1) > 1):
        if first[row] == NO_GROUP:
            first[near[row] & (first == NO_GROUP)] = row
    return [[] if found == NO_GROUP else [found] for found in first.tolist()]


def scale(of_ten: int, count: int) -> int:
    """What is `of_ten` in a list of ten, in a list of `count`; one at least."""
    return max(1, math.ceil(count * of_ten / 10))


def trend_slots(balance: float, count: int) -> int:
    """How many places in a list of `count` are for what trends outside the profile."""
    steps = ((0.6, 3), (0.45, 2), (0.15, 1))
    most = next((slots for least, slots in steps if balance >= least - 1e-6), 0)
    return min(most, count // 3)
