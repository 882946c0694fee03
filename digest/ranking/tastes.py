"""Tastes: collaborative filtering for papers that nobody has judged yet.

Readers and the papers that they like are factorised; a paper's taste is that of the liked papers nearest to it. So what
the readers of one kind liked says something about new papers like it, beyond what texts tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from digest.embeddings import index
from digest.embeddings.encoder import unit

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FACTORS = 300
READERS_PER_FACTOR = 3
NEIGHBOURS = 30
SHARPNESS = 4  # the power of the cosine by which neighbours count


@dataclass(frozen=True, slots=True)
class Tastes:
    """Liked papers: whitened unit `vectors` (n, d) and unit `factors` (n, f); f is 0 where too little is known."""

    vectors: Floats
    factors: Floats

    def place(self, whitened: Floats) -> Floats:
        """The tastes (len(whitened), f) of papers by their whitened unit vectors, of unit length."""
        if not self.factors.shape[1]:
            return np.zeros((len(whitened), 0), np.float32)
        cosines, rows = index.search(whitened, self.vectors, NEIGHBOURS)
        worth = np.maximum(cosines, 0) ** SHARPNESS
        return unit(np.einsum("nk,nkf->nf", worth, self.factors[rows]))


def no_tastes() -> Tastes:
    """Of nobody."""
    return Tastes(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))


def factorise(likes: Sequence[Ints], papers: int) -> Floats:
    """A unit row per paper (papers, f): a truncated singular value decomposition of who likes what.

    `likes` are rows of papers per reader. Readers count by the root of how much they like, papers by that of how many
    like them, so that neither collectors nor classics rule. Papers that nobody likes have a row of noughts.
    """
    from scipy.sparse.linalg import svds

    count = min(FACTORS, len(likes) // READERS_PER_FACTOR, papers - 1)
    if count < 1:
        return np.zeros((papers, 0), np.float32)
    owner = np.repeat(np.arange(len(likes)), [len(rows) for rows in likes])
    shape = (len(likes), papers)
    liked = sparse.csr_matrix((np.ones(len(owner)), (owner, np.concatenate(likes))), shape=shape)
    by_reader = 1 / np.sqrt(np.maximum(np.asarray(liked.sum(axis=1)).ravel(), 1))
    by_paper = 1 / np.sqrt(np.maximum(np.asarray(liked.sum(axis=0)).ravel(), 1))
    scaled = sparse.diags(by_reader) @ liked @ sparse.diags(by_paper)
    _, _, axes = svds(scaled, k=count, v0=np.ones(min(shape)), solver="arpack")
    return unit(np.asarray(axes.T, np.float32))
