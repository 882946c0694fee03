"""One vector per reader: the mean, and the mean in which the newest counts most."""

from pathlib import Path

import numpy as np
from public_sets import make_task, open_tiny

from digest.evaluation.methods.dense import centroid, zotero_arxiv_daily


def test_the_centroid_is_the_cosine_to_the_mean(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    reader = task.readers[1]
    mean = task.vectors[reader.liked].mean(axis=0)
    expected = task.vectors[task.held_out] @ mean / np.linalg.norm(mean)
    np.testing.assert_allclose(centroid(task)([reader])[0], expected, atol=1e-6)


def test_the_newest_like_weighs_most(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    reader = task.readers[1]
    weights = 1 / (1 + np.log10(np.arange(1, 12)))
    cosines = task.vectors[task.held_out] @ task.vectors[reader.liked[::-1]].T
    expected = cosines @ weights
    found = zotero_arxiv_daily(task)([reader])[0]
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-6)
    oldest_first = cosines @ weights[::-1]
    assert not np.allclose(found / np.linalg.norm(found), oldest_first / np.linalg.norm(oldest_first), atol=1e-6)
