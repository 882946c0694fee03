"""List-level choices: variety (maximal marginal relevance) and fair shares between interests. Pure arithmetic."""

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

MMR = 0.8  # weight of the score against likeness to what is already picked; costs at most 1 % of nDCG
BEST = 50  # papers of an interest among which variety may choose


def select(scores: Floats, vectors: Floats, profiles: Ints, caps: dict[int, int], count: int) -> list[int]:
    """Pick up to `count` rows, best first: argmax of 0.8 score - 0.2 (largest cosine to a row picked before).

    `vectors` are unit rows, `profiles` names each row's profile and `caps` the most rows a profile may get; caps give
    way before the list gets shorter. Ties go to the lower row.
    """
    order = _best_of_each(scores, profiles, max(BEST, count))
    nearest = np.zeros(len(scores), np.float32)
    taken: Counter[int] = Counter()
    picked: list[int] = []
    while order and len(picked) < count:
        allowed = [row for row in order if taken[int(profiles[row])] < caps.get(int(profiles[row]), count)] or order
        best = max(allowed, key=lambda row: (MMR * scores[row] - (1 - MMR) * nearest[row], -row))
        order.remove(best)
        picked.append(best)
        taken[int(profiles[best])] += 1
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return picked


def _best_of_each(scores: Floats, profiles: Ints, most: int) -> list[int]:
    """The rows of every profile's best `most`, best first."""
    taken: Counter[int] = Counter()
    rows: list[int] = []
    for row in map(int, np.argsort(-scores, kind="stable")):
        taken[int(profiles[row])] += 1
        if taken[int(profiles[row])] <= most:
            rows.append(row)
    return rows


def fair_caps(weights: dict[int, float], available: dict[int, int], count: int) -> dict[int, int]:
    """The most rows each profile may get, so that every other one finds half of its share (or all that it has)."""
    total = sum(weights.values()) or 1.0
    kept = {
        name: min(available.get(name, 0), math.ceil(count * weight / total / 2)) for name, weight in weights.items()
    }
    return {name: max(1, count - (sum(kept.values()) - kept[name])) for name in weights}


def trend_slots(balance: float, count: int) -> int:
    """How many places in a list of `count` are for what trends outside the profile."""
    steps = ((0.6, 3), (0.45, 2), (0.15, 1))
    most = next((slots for least, slots in steps if balance >= least - 1e-6), 0)
    return min(most, count // 3)
