"""Dense vectors alone, by one vector per reader: the mean example, and zotero-arxiv-daily's weighted one."""

from collections.abc import Callable, Sequence

import numpy as np

from digest.embeddings.encoder import Vectors, unit
from digest.evaluation.tasks import Floats, Reader, Scorer, Task


def centroid(task: Task) -> Scorer:
    """Cosine to the mean of the liked papers."""
    return _by_direction(task, lambda vectors: vectors.mean(axis=0))


def zotero_arxiv_daily(task: Task) -> Scorer:
    """The mean of the cosines, weighted 1 / (1 + log10 rank) with the newest liked paper first."""
    return _by_direction(task, lambda vectors: _decay(len(vectors)) @ vectors[::-1])


def _decay(count: int) -> Floats:
    weights = 1 / (1 + np.log10(np.arange(1, count + 1)))
    return np.asarray(weights / weights.sum(), np.float32)


def _by_direction(task: Task, direction: Callable[[Vectors], Vectors]) -> Scorer:
    papers = task.candidates

    def score(readers: Sequence[Reader]) -> Floats:
        asked = np.stack([direction(task.vectors_of(reader)) for reader in readers])
        return np.asarray(unit(asked) @ papers.T, np.float32)

    return score


METHODS = {"dense-centroid": centroid, "zotero-arxiv-daily": zotero_arxiv_daily}
