"""Logistic regression on dense vectors, liked papers against sampled others: Scholar Inbox's kind of ranker."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from digest.evaluation.tasks import Floats, Reader, Scorer, Task, make_generator

NEGATIVES = 500


def logistic(task: Task) -> Scorer:
    """A classifier per reader; the negatives are drawn among the known papers that the reader does not like."""
    papers = task.candidates
    known = np.ones(len(task.papers), dtype=bool)
    known[task.held_out] = False

    def score(readers: Sequence[Reader]) -> Floats:
        return np.stack([_train(task, reader, known).decision_function(papers) for reader in readers]).astype(
            np.float32
        )

    return score


def _train(task: Task, reader: Reader, known: np.ndarray) -> LogisticRegression:
    others = known.copy()
    others[reader.liked] = False
    others = np.flatnonzero(others)
    drawn = make_generator(reader).choice(others, min(NEGATIVES, len(others)), replace=False)
    liked, rest = task.vectors_of(reader), task.vectors[np.union1d(drawn, reader.disliked)]
    wanted = np.repeat([1, 0], [len(liked), len(rest)])
    return LogisticRegression(class_weight="balanced", max_iter=1_000).fit(np.concatenate([liked, rest]), wanted)


METHODS = {"logistic": logistic}
