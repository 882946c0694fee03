"""The mean over each paper's nearest examples."""

import numpy as np

from digest.evaluation.methods.nearest import NEAREST, _mean_of_best


def test_only_the_nearest_count() -> None:
    cosines = np.random.default_rng(3).random((9, 4)).astype(np.float32)
    expected = np.sort(cosines, axis=0)[-NEAREST:].mean(axis=0)
    np.testing.assert_allclose(_mean_of_best(cosines), expected, atol=1e-6)


def test_of_few_examples_all_count() -> None:
    cosines = np.array([[0.5, 0.1], [0.3, 0.9]], np.float32)
    np.testing.assert_allclose(_mean_of_best(cosines), [0.4, 0.5], atol=1e-6)
