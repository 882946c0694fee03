"""Chance is even, and the same for a reader whoever else is ranked for."""

from pathlib import Path

import numpy as np
from public_sets import make_task, open_tiny

from digest.evaluation.methods.chance import at_random


def test_a_readers_scores_do_not_depend_on_the_others(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    score = at_random(task)
    np.testing.assert_array_equal(score(task.readers)[3:4], score(task.readers[3:4]))
    assert len(np.unique(score(task.readers))) == 100
