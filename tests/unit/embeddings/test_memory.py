"""Texts are embedded once, and come back as the store would have kept them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digest.embeddings.encoder import HashingEncoder, Vectors
from digest.embeddings.memory import TextMemory
from digest.embeddings.vectors import from_bytes, to_bytes


class Counting(HashingEncoder):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().encode(texts)


def test_a_text_is_embedded_once_and_comes_as_the_store_keeps_it() -> None:
    encoder, memory = Counting(), TextMemory()
    first = memory.embed(encoder, ["graphs", "", "trees", "graphs"])
    assert encoder.asked == ["graphs", "trees"]
    np.testing.assert_array_equal(
        first[[0, 2]], from_bytes(to_bytes(encoder.encode(["graphs", "trees"])), encoder.dimension)
    )
    assert not first[1].any()
    encoder.asked.clear()
    np.testing.assert_array_equal(memory.embed(encoder, ["trees", "graphs"]), first[[2, 0]])
    assert encoder.asked == []
    assert memory.embed(encoder, []).shape == (0, encoder.dimension)


def test_what_was_not_asked_for_longest_is_forgotten_but_never_within_a_question() -> None:
    encoder, memory = Counting(), TextMemory(most=2)
    assert memory.embed(encoder, ["a1", "b2", "c3"]).any(axis=1).all()
    memory.embed(encoder, ["b2"])
    memory.embed(encoder, ["d4"])
    encoder.asked.clear()
    memory.embed(encoder, ["b2", "c3"])
    assert encoder.asked == ["c3"]


def test_encoders_are_told_apart() -> None:
    memory, one, other = TextMemory(), Counting(), Counting()
    other.name = "other"
    memory.embed(one, ["graphs"])
    memory.embed(other, ["graphs"])
    assert one.asked == other.asked == ["graphs"]


def test_threads_may_share_it() -> None:
    encoder, memory = Counting(), TextMemory(most=3)
    texts = [f"word{n % 5}" for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda text: memory.embed(encoder, [text])[0], texts))
    np.testing.assert_allclose(rows, encoder.encode(texts), atol=1e-3)
