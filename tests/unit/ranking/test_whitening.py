"""Whitening, against the inverse of the shrunk covariance by numpy."""

import numpy as np
import pytest

from digest.embeddings.encoder import unit
from digest.ranking.scoring import Floats
from digest.ranking.whitening import make_whitening, shrink

WIDTH = 8


def make_crowd(count: int = 2_000) -> Floats:
    """Vectors that vary eight times as much along their last axis as along their first."""
    return (np.random.default_rng(5).normal(size=(count, WIDTH)) * np.arange(1, WIDTH + 1) + 1).astype(np.float32)


@pytest.mark.parametrize(("papers", "ridge"), [(100, 3.0), (999, 3.0), (1000, 1.0)])
def test_contrast_is_whitened_by_the_shrunk_covariance(papers: int, ridge: float) -> None:
    random = np.random.default_rng(5)
    covariance = np.cov(random.normal(size=(WIDTH, 50)) * np.arange(1, WIDTH + 1)[:, None])
    mean, evidence = random.normal(size=WIDTH), random.normal(size=(3, WIDTH))
    shrunk = covariance + ridge * np.trace(covariance) / WIDTH * np.eye(WIDTH)
    exact = (np.linalg.inv(shrunk) @ (evidence - mean).T).T
    whitening = make_whitening(mean.astype(np.float32), covariance.astype(np.float32), papers)
    found = whitening.contrast(evidence.astype(np.float32))
    np.testing.assert_allclose(found, exact / np.linalg.norm(exact, axis=1, keepdims=True), atol=1e-5)


def test_in_a_small_store_contrast_is_the_difference_from_the_mean() -> None:
    mean, evidence = np.eye(WIDTH, dtype=np.float32)[:2]
    whitening = make_whitening(mean, np.diag(np.arange(1.0, WIDTH + 1)).astype(np.float32), 99)
    np.testing.assert_allclose(whitening.contrast(evidence[None]), unit((evidence - mean)[None]), atol=1e-6)
    np.testing.assert_allclose(whitening.whiten(evidence[None]), unit((evidence - mean)[None]), atol=1e-6)


@pytest.mark.parametrize("papers", [50, 500, 5_000])
def test_the_root_twice_is_the_inverse(papers: int) -> None:
    whitening = make_whitening(np.zeros(WIDTH, np.float32), np.cov(make_crowd().T).astype(np.float32), papers)
    np.testing.assert_allclose(whitening.root @ whitening.root, whitening.inverse, atol=1e-5)
    np.testing.assert_allclose(whitening.root, whitening.root.T, atol=1e-6)


def test_whitened_the_crowd_varies_less_unevenly() -> None:
    crowd = make_crowd()
    whitening = make_whitening(crowd.mean(axis=0), np.cov(crowd.T).astype(np.float32), len(crowd))
    whitened = whitening.whiten(crowd)
    plain = unit(crowd - crowd.mean(axis=0))
    assert np.linalg.norm(whitened, axis=1) == pytest.approx(1, abs=1e-5)
    before, after = (rows.std(axis=0).max() / rows.std(axis=0).min() for rows in (plain, whitened))
    assert after < 0.7 * before


def test_shrinking_keeps_the_axes_and_narrows_the_spread_of_their_lengths() -> None:
    covariance = np.cov(make_crowd().T).astype(np.float32)
    before, after = np.linalg.eigvalsh(covariance), np.linalg.eigvalsh(shrink(covariance, 5_000))
    np.testing.assert_allclose(after - before, np.trace(covariance) / WIDTH, rtol=1e-3)


def test_without_vectors_there_is_no_contrast() -> None:
    nothing = np.empty((3, 0), np.float32)
    whitening = make_whitening(nothing[0], np.empty((0, 0), np.float32), 5_000)
    assert whitening.contrast(nothing).shape == whitening.whiten(nothing).shape == (3, 0)
