"""Tokens that are made ahead give the vectors that the model gives by itself."""

from typing import Any

import pytest
from tiny import make_model

from digest.embeddings import feeding

TEXTS = [f"the robot arm {number} of a galaxy survey " * (number % 5 + 1) for number in range(40)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(make_model(tmp_path_factory.mktemp("tiny") / "model")), device="cpu")


@pytest.mark.parametrize(("threads", "batch"), [(1, 256), (3, 7), (2, 1)])
@pytest.mark.parametrize("prompt", ["", "represent this : "])
def test_made_ahead_or_not_the_vectors_are_the_same(
    model: Any, monkeypatch: pytest.MonkeyPatch, threads: int, batch: int, prompt: str
) -> None:
    monkeypatch.setattr(feeding, "GPU_BATCH", batch)
    ahead = feeding.embed_ahead(model, TEXTS, prompt, "query", threads)
    assert ahead.shape == (len(TEXTS), 32)
    assert float((ahead - feeding.embed(model, TEXTS, prompt, "query")).abs().max()) < 1e-4


def test_a_text_that_cannot_be_read_ends_the_work_with_its_error(model: Any) -> None:
    texts: list[Any] = [*TEXTS, object()]
    with pytest.raises(TypeError):
        feeding.embed_ahead(model, texts, "", "query", 2)


def test_only_so_many_batches_wait() -> None:
    made: list[int] = []
    parts = [[f"robot {number}"] for number in range(30)]
    tokens = feeding._made_ahead(lambda part: {"made": made.append(len(part))}, parts, 1)
    next(tokens)
    assert len(made) <= feeding.AHEAD + 2
    assert len([*tokens]) == 29
