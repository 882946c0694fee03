"""Scores by chance: where every metric starts."""

from collections.abc import Sequence

import numpy as np

from digest.evaluation.tasks import Floats, Reader, Scorer, Task, make_generator


def at_random(task: Task) -> Scorer:
    def score(readers: Sequence[Reader]) -> Floats:
        return np.stack([make_generator(reader).random(len(task.held_out), np.float32) for reader in readers])

    return score


METHODS = {"random": at_random}
