"""Whitening: vectors as they differ from the crowd's, in directions in which the crowd does not differ anyway."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.embeddings.encoder import unit

Floats = NDArray[np.float32]

RIDGE, SMALL_STORE_RIDGE, SMALL_STORE, SMALLEST_STORE = 1.0, 3.0, 1000, 100


@dataclass(frozen=True, slots=True)
class Whitening:
    """The crowd's `mean` (d,), and of its shrunk covariance S the inverse and the root of the inverse, both (d, d)."""

    mean: Floats
    inverse: Floats
    root: Floats

    def contrast(self, means: Floats) -> Floats:
        """S⁻¹ (m - c) per row, of unit length: the direction that parts m from the crowd."""
        return unit(np.asarray((means - self.mean) @ self.inverse, np.float32))

    def whiten(self, vectors: Floats) -> Floats:
        """S^-½ (x - c) per row, of unit length."""
        return unit(np.asarray((vectors - self.mean) @ self.root, np.float32))


def make_whitening(mean: Floats, covariance: Floats, paper_count: int) -> Whitening:
    """With too few papers to know a covariance, S is the identity."""
    if not len(mean) or paper_count < SMALLEST_STORE:
        same = np.eye(len(mean), dtype=np.float32)
        return Whitening(mean, same, same)
    values, axes = np.linalg.eigh(shrink(covariance, paper_count).astype(np.float64))
    inverse, root = (axes / values) @ axes.T, (axes / np.sqrt(values)) @ axes.T
    return Whitening(mean, inverse.astype(np.float32), root.astype(np.float32))


def shrink(covariance: Floats, paper_count: int) -> Floats:
    """S: the covariance drawn towards a ball, the more the fewer papers it is of."""
    ridge = RIDGE if paper_count >= SMALL_STORE else SMALL_STORE_RIDGE
    level = ridge * np.trace(covariance) / len(covariance)
    return np.asarray(covariance + level * np.eye(len(covariance), dtype=np.float32), np.float32)
