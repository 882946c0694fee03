"""Vectors of a set: those that lie beside it, and the cache that goes on where it was interrupted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from public_sets import quiet, write_set

from digest.embeddings.encoder import DEFAULT, HashingEncoder, Vectors
from digest.embeddings.vectors import paper_text
from digest.errors import ConfigurationError, InvalidRequest
from digest.evaluation import datasets, vectors
from digest.evaluation.vectors import Cache


class Counting(HashingEncoder):
    """Remembers what it was asked, and fails after `limit` texts."""

    def __init__(self, limit: int = 10_000) -> None:
        self.asked: list[str] = []
        self.limit = limit

    def encode(self, texts: Sequence[str]) -> Vectors:
        if len(self.asked) + len(texts) > self.limit:
            raise KeyboardInterrupt
        self.asked += texts
        return super().encode(texts)


def refuse() -> HashingEncoder:
    raise AssertionError("no encoder is needed")


TEXTS = [f"text number {number}" for number in range(10)]


def test_a_text_is_embedded_once_and_found_by_the_next_process(tmp_path: Path) -> None:
    encoder = Counting()
    first = Cache(tmp_path, encoder.name, lambda: encoder).embed([*TEXTS, *TEXTS], quiet)
    assert encoder.asked == TEXTS
    again = Cache(tmp_path, encoder.name, refuse).embed(TEXTS[::-1], quiet)
    np.testing.assert_array_equal(first[:10], again[::-1])
    np.testing.assert_allclose(first[:10], encoder.encode(TEXTS), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-6)


def test_what_was_interrupted_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SHARD", 3)
    broken, whole = Counting(limit=7), Counting()
    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path, broken.name, lambda: broken).embed(TEXTS, quiet)
    Cache(tmp_path, whole.name, lambda: whole).embed(TEXTS, quiet)
    assert (broken.asked, whole.asked) == (TEXTS[:6], TEXTS[6:])


def test_another_encoder_has_vectors_of_its_own(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    Cache(tmp_path, "one", lambda: one).embed(TEXTS, quiet)
    Cache(tmp_path, "other/one", lambda: other).embed(TEXTS, quiet)
    assert one.asked == other.asked == TEXTS


def test_a_broken_shard_is_named(tmp_path: Path) -> None:
    Cache(tmp_path, "one", HashingEncoder).embed(TEXTS, quiet)
    (shard,) = tmp_path.rglob("*.npz")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ConfigurationError, match=shard.name):
        Cache(tmp_path, "one", HashingEncoder)


def test_the_file_beside_the_set_serves_its_own_encoder_only(tmp_path: Path) -> None:
    dataset = datasets.load(write_set(tmp_path / "tiny"))
    rows = np.random.default_rng(0).integers(-99, 99, (80, 4)).astype(np.int8)
    np.save(dataset.folder / "minilm-int8.npy", rows)
    beside = vectors.of_papers(dataset, Cache(tmp_path, DEFAULT, refuse), quiet)
    np.testing.assert_allclose(beside, rows / np.linalg.norm(rows.astype(float), axis=1, keepdims=True), atol=1e-6)
    encoder = Counting()
    assert vectors.of_papers(dataset, Cache(tmp_path, "hashing", lambda: encoder), quiet).shape == (80, 256)
    assert encoder.asked == [paper_text(paper) for paper in dataset.papers]


@pytest.mark.parametrize("content", ["rows", "nonsense"])
def test_a_file_that_does_not_fit_the_set_is_told(tmp_path: Path, content: str) -> None:
    dataset = datasets.load(write_set(tmp_path / "tiny"))
    path = dataset.folder / "minilm-int8.npy"
    np.save(path, np.ones((79, 4), np.int8))
    if content == "nonsense":
        path.write_bytes(b"nonsense")
    with pytest.raises(InvalidRequest, match=r"minilm-int8\.npy"):
        vectors.of_papers(dataset, Cache(tmp_path, DEFAULT, refuse), quiet)


def test_without_an_encoder_there_are_no_columns(tmp_path: Path) -> None:
    dataset = datasets.load(write_set(tmp_path / "tiny"))
    cache = Cache(tmp_path, "", refuse)
    assert vectors.of_papers(dataset, cache, quiet).shape == (80, 0)
    assert cache.embedder(quiet) is None
