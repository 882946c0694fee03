"""Mean of the nearest examples: a paper is as good as the liked papers that lie closest to it say."""

from collections.abc import Sequence

import numpy as np

from digest.embeddings.encoder import Vectors
from digest.evaluation.tasks import Floats, Reader, Scorer, Task

NEAREST = 5


def nearest_examples(task: Task) -> Scorer:
    """The mean cosine to the NEAREST liked papers that are closest, or to all if there are fewer."""
    papers = task.candidates

    def score(readers: Sequence[Reader]) -> Floats:
        return np.stack([_mean_of_best(task.vectors_of(reader) @ papers.T) for reader in readers])

    return score


def _mean_of_best(cosines: Vectors) -> Floats:
    """Of (examples, papers), the mean over each paper's best examples: shape (papers,)."""
    first = max(len(cosines) - NEAREST, 0)
    best = np.partition(cosines, first, axis=0)[first:] if first else cosines
    return np.asarray(best.mean(axis=0), np.float32)


METHODS = {"nearest-examples": nearest_examples}
