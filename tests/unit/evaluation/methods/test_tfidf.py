"""Tf-idf rivals: the mean of unit rows, and an SVM that has seen which papers are liked."""

from pathlib import Path

import numpy as np
from public_sets import make_task, open_tiny

from digest.evaluation.conditions import Conditions
from digest.evaluation.methods.tfidf import _Space, _train, centroid


def test_the_centroid_is_the_mean_of_the_cosines(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path), Conditions(likes=2, phrases=3))
    space = _Space(task)
    candidates = space.papers[task.held_out]
    for reader, row in zip(task.readers, centroid(task)(task.readers), strict=True):
        parts = [candidates @ space.papers[[place]].T for place in reader.liked] + [candidates @ space.words(reader).T]
        np.testing.assert_allclose(row, np.mean([part.toarray().ravel() for part in parts], axis=0), atol=1e-6)


def test_the_svm_tells_liked_papers_from_all_others(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    space, reader = _Space(task), task.readers[2]
    scores = _train(space, reader).decision_function(space.papers)
    others = [row for row in range(len(task.papers)) if not 32 <= row < 48]
    assert scores[reader.liked].min() > scores[others].max()
