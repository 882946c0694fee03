"""Logistic regression sees known papers only, and the same ones each time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from public_sets import make_task, open_tiny

from digest.evaluation.methods import logistic
from digest.evaluation.methods.logistic import logistic as prepare


def test_papers_held_out_are_no_negatives(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    before = prepare(task)(task.readers)
    first, second = task.held_out[:2]
    moved = task.vectors.copy()
    moved[second] = -moved[second]
    after = prepare(replace(task, vectors=moved))(task.readers)
    np.testing.assert_array_equal(np.delete(before, 1, axis=1), np.delete(after, 1, axis=1))
    assert not np.allclose(before[:, 1], after[:, 1])
    assert first != second


def test_negatives_are_sampled_the_same_way_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "NEGATIVES", 20)
    task = make_task(open_tiny(tmp_path))
    np.testing.assert_array_equal(prepare(task)(task.readers)[2:3], prepare(task)(task.readers[2:3]))
