"""Exact search: the same as sorting all inner products."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.embeddings import index
from digest.embeddings.encoder import unit
from digest.errors import ConfigurationError


@given(
    queries=st.integers(1, 5),
    papers=st.integers(1, 120),
    dimension=st.integers(1, 20),
    count=st.integers(1, 150),
    seed=st.integers(0, 2**32 - 1),
    way=st.sampled_from([None, "faiss", "torch-cpu"]),
)
@settings(deadline=None, max_examples=100)
def test_it_finds_what_sorting_all_inner_products_finds(
    *, queries: int, papers: int, dimension: int, count: int, seed: int, way: index.Way | None
) -> None:
    random = np.random.default_rng(seed)
    left = unit(random.normal(size=(queries, dimension)).astype(np.float32))
    right = unit(random.normal(size=(papers, dimension)).astype(np.float32))
    scores, rows = index.search(left, right, count, way)
    exact = left.astype(np.float64) @ right.astype(np.float64).T
    wanted = min(count, papers)
    assert rows.shape == scores.shape == (queries, wanted)
    assert all(len(set(found)) == wanted for found in rows.tolist())
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :wanted], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, rows, axis=1), scores, atol=1e-5)


def test_more_than_there_are_gives_all_there_are() -> None:
    scores, rows = index.search(np.eye(1, 3, dtype=np.float32), np.eye(3, dtype=np.float32), 99)
    assert sorted(rows[0].tolist()) == [0, 1, 2]
    assert scores[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("queries", "papers", "count"), [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_nothing_to_search_gives_nothing(queries: int, papers: int, count: int) -> None:
    scores, rows = index.search(np.ones((queries, 2), np.float32), np.ones((papers, 2), np.float32), count)
    assert len(scores) == len(rows) == queries
    assert scores.size == rows.size == 0


def test_arrays_of_any_layout_are_taken() -> None:
    papers = np.asfortranarray(np.eye(4, dtype=np.float64))[:, ::-1]
    assert index.search(papers[:1], papers, 1)[1].tolist() == [[0]]


def test_a_missing_faiss_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ConfigurationError, match="pip install faiss-cpu"):
        index.search(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32), 1)


@pytest.mark.parametrize(
    ("cards", "driver", "cuda", "way"),
    [(1, True, True, "faiss-gpu"), (0, True, True, "torch-cuda"), (0, True, False, "faiss"), (0, False, True, "faiss")],
)
def test_the_fastest_way_that_there_is_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, cards: int, driver: bool, cuda: bool, way: str
) -> None:
    import torch

    faiss = SimpleNamespace(get_num_gpus=lambda: cards, StandardGpuResources=object)
    monkeypatch.setattr(index, "load_faiss", lambda: faiss)
    monkeypatch.setattr(index, "DRIVER", tmp_path if driver else tmp_path / "none")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    index._torch_has_cuda.cache_clear()
    assert index.best_way() == way
    index._torch_has_cuda.cache_clear()


def test_queries_beyond_one_tile_are_searched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "TILE", 2)
    rows = index.search(np.eye(5, dtype=np.float32), np.eye(5, dtype=np.float32), 1, "torch-cpu")[1]
    assert rows.ravel().tolist() == [0, 1, 2, 3, 4]
