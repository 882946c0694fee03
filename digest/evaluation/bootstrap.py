"""How sure a mean over users is: bootstrap intervals, drawn from a fixed seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 2_000
LEVEL = 95  # percent
SEED = 20_260_506


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and between what bounds it lies in LEVEL percent of the draws."""

    mean: float
    low: float
    high: float


def interval(values: Floats) -> Interval:
    """The mean of `values` (one per user) and its percentile interval over resampled users."""
    drawn = np.random.default_rng(SEED)
    means = [values[drawn.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)]
    low, high = np.percentile(means, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def paired(ours: Floats, theirs: Floats) -> Interval:
    """The mean difference of two methods on the same users, who are resampled together."""
    return interval(ours - theirs)


def ratio(parts: Counts, wholes: Counts) -> Interval:
    """The share that `parts` have of `wholes` (one each per user) in sum, over resampled users; 0 of nothing."""
    drawn = np.random.default_rng(SEED)
    rows = drawn.integers(0, len(parts), (DRAWS, len(parts)))
    shares = parts[rows].sum(axis=1) / np.maximum(wholes[rows].sum(axis=1), 1)
    low, high = np.percentile(shares, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Interval(float(parts.sum() / max(wholes.sum(), 1)), float(low), float(high))
