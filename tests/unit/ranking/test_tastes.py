"""What sort of readers like a paper that nobody has judged yet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.embeddings.encoder import unit
from digest.ranking import tastes
from digest.ranking.scoring import Floats
from digest.ranking.tastes import Ints, Tastes, factorise, no_tastes

WIDTH, EACH = 12, 20


def two_groups(readers: int = 15, seed: int = 1) -> list[Ints]:
    """Two groups of readers, the first of whom likes papers 0..19 and the second 20..39."""
    random = np.random.default_rng(seed)
    return [np.sort(random.choice(EACH, 8, replace=False)) + EACH * (reader % 2) for reader in range(2 * readers)]


def around(centre: int, count: int, seed: int) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, WIDTH)) * 0.1
    return unit((np.eye(WIDTH)[centre] + noise).astype(np.float32))


def test_a_new_paper_gets_the_taste_of_the_readers_of_its_neighbours() -> None:
    """Each group's papers lie in two places, so that a taste joins what texts part."""
    vectors = np.vstack([around(place, EACH // 2, place) for place in range(4)])
    placed = Tastes(vectors, factorise(two_groups(), 2 * EACH)).place(
        np.vstack([around(place, 1, 9 + place) for place in range(4)])
    )
    cosines = placed @ placed.T
    assert min(cosines[0, 1], cosines[2, 3]) > 0.5
    assert abs(cosines[:2, 2:]).max() < 0.3


def test_papers_of_one_group_of_readers_have_like_tastes_and_of_two_groups_none() -> None:
    factors = factorise(two_groups(), 2 * EACH)
    cosines = factors @ factors.T
    assert factors.shape == (2 * EACH, 30 // tastes.READERS_PER_FACTOR)
    assert min(cosines[:EACH, :EACH].mean(), cosines[EACH:, EACH:].mean()) > 0.15
    assert abs(cosines[:EACH, EACH:]).max() < 0.05


def test_a_paper_that_nobody_likes_has_no_taste() -> None:
    factors = factorise(two_groups(), 2 * EACH + 3)
    np.testing.assert_allclose(factors[2 * EACH :], 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(factors[: 2 * EACH], axis=1), 1, atol=1e-5)


def test_factors_are_the_same_in_every_run() -> None:
    first, again = (factorise(two_groups(), 2 * EACH) for _ in range(2))
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize(("readers", "papers"), [(0, 10), (2, 10), (30, 1)])
def test_too_few_have_no_factors(readers: int, papers: int) -> None:
    assert factorise([np.array([0])] * readers, papers).shape == (papers, 0)


@given(st.integers(3, 40), st.integers(2, 30), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_any_readers_can_be_factorised(readers: int, papers: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    likes = [np.flatnonzero(random.random(papers) < 0.4) for _ in range(readers)]
    factors = factorise(likes, papers)
    lengths = np.linalg.norm(factors, axis=1)
    assert factors.shape == (papers, min(tastes.FACTORS, readers // tastes.READERS_PER_FACTOR, papers - 1))
    assert np.isfinite(factors).all()
    assert ((lengths < 1e-3) | (abs(lengths - 1) < 1e-4)).all()


def test_neighbours_count_by_the_fourth_power_of_their_cosine() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 1, 0], [-1, 0, 0]], np.float32))
    found = Tastes(vectors, np.eye(3, dtype=np.float32)).place(vectors[:1])
    np.testing.assert_allclose(found, unit(np.array([[1, 0.25, 0]], np.float32)), atol=1e-6)


def test_a_paper_far_from_all_that_is_liked_has_no_taste() -> None:
    liked = np.array([[1, 0]], np.float32)
    assert not Tastes(liked, np.ones((1, 1), np.float32)).place(-liked).any()


def test_nobody_has_no_taste() -> None:
    assert no_tastes().place(np.ones((4, WIDTH), np.float32)).shape == (4, 0)
    assert Tastes(np.ones((2, WIDTH), np.float32), np.empty((2, 0), np.float32)).place(around(0, 3, 1)).shape == (3, 0)
