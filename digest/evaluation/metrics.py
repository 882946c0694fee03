"""Measures of a ranking, user by user, from the ranks of what is relevant. Pure arithmetic.

Ranks count from one; a relevant paper that a method never ranked has the rank NEVER. Relevance is binary.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max


def find_ranks(scores: NDArray[np.float32], relevant: Ints) -> Ints:
    """The ranks of the columns `relevant` when `scores` (candidates,) are sorted, best first, smallest rank first.

    Ties go to the earlier column; a candidate whose score is -inf is never reached. Raises ValueError for a NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("A score is not a number.")
    own = scores[relevant]
    ahead = (scores[None, :] > own[:, None]).sum(axis=1)
    tied = scores[None, :] == own[:, None]
    tied &= np.arange(len(scores))[None, :] < relevant[:, None]
    return np.sort(np.where(np.isneginf(own), NEVER, ahead + tied.sum(axis=1) + 1))


def recall(ranks: Ints, depth: int) -> float:
    """The share of what is relevant among the first `depth`."""
    return float((ranks <= depth).mean())


def ndcg(ranks: Ints, depth: int) -> float:
    """Discounted cumulative gain of the first `depth`, over that of the best list; the discount is log2(1 + rank)."""
    best = np.arange(1, min(depth, len(ranks)) + 1)
    return _gain(ranks[ranks <= depth]) / _gain(best)


def reciprocal_rank(ranks: Ints) -> float:
    """One over the rank of the first relevant paper."""
    return float(1 / ranks.min())


def _gain(ranks: Ints) -> float:
    return float((1 / np.log2(1.0 + ranks)).sum())


METRICS: dict[str, Callable[[Ints], float]] = {
    "recall@20": lambda ranks: recall(ranks, 20),
    "recall@100": lambda ranks: recall(ranks, 100),
    "nDCG@10": lambda ranks: ndcg(ranks, 10),
    "nDCG@20": lambda ranks: ndcg(ranks, 20),
    "MRR": reciprocal_rank,
}


def measure(ranks: Sequence[Ints]) -> dict[str, Floats]:
    """Every metric of every user: arrays of the length of `ranks`."""
    return {name: np.array([metric(own) for own in ranks], np.float64) for name, metric in METRICS.items()}
