"""The same functions on an NVIDIA card and on the processor: equal within the tolerance that each test states.

Without a card the cases of CUDA are skipped, and the same functions run on tensors of the processor.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import make_model

from digest.embeddings import feeding, index
from digest.embeddings.encoder import EncoderSpec, Vectors, make_encoder, unit

TEXTS = [f"the robot arm {number} of a galaxy survey " * (number % 6 + 1) for number in range(700)]
FP32, BF16 = 1e-5, 0.999  # largest difference of a score; smallest cosine of a vector


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device here")
    return str(request.param)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny") / "model")


def make_vectors(count: int, seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, 384)).astype(np.float32))


@pytest.mark.parametrize("count", [1, 20, 200, 5_000])
def test_a_search_by_torch_finds_what_faiss_finds(device: str, count: int) -> None:
    queries, papers = make_vectors(300, 1), make_vectors(2_000, 2)
    expected, rows = index.search(queries, papers, count, "faiss")
    scores, found = index.search(queries, papers, count, "torch-cuda" if device == "cuda" else "torch-cpu")
    assert (scores.dtype, found.dtype, scores.shape) == (np.float32, np.int64, expected.shape)
    np.testing.assert_allclose(scores, expected, atol=FP32)
    np.testing.assert_allclose(np.take_along_axis(queries @ papers.T, found, axis=1), expected, atol=FP32)
    assert (found == rows).mean() > 0.999


def test_a_search_by_the_gpu_of_faiss_finds_what_its_cpu_finds() -> None:
    faiss = index.load_faiss()
    if not index._has_gpu(faiss):
        pytest.skip("this build of FAISS finds no GPU")
    queries, papers = make_vectors(300, 1), make_vectors(2_000, 2)
    expected, rows = index.search(queries, papers, 200, "faiss")
    scores, found = index.search(queries, papers, 200, "faiss-gpu")
    np.testing.assert_allclose(scores, expected, atol=FP32)
    assert (found == rows).mean() > 0.999


def test_tokens_made_ahead_give_the_vectors_of_the_processor(device: str, tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    plain, model = (SentenceTransformer(str(tiny), device=where) for where in ("cpu", device))
    expected: Any = plain.encode(TEXTS, convert_to_tensor=True)
    found = feeding.embed_ahead(model, TEXTS, "", "document", 4).cpu()
    assert float((found - expected).abs().max()) < 1e-3


def test_an_encoder_in_bfloat16_gives_the_directions_of_the_processor(device: str, tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    made = make_encoder(EncoderSpec(str(tiny)), device=device)
    assert made is not None
    expected = unit(np.asarray(SentenceTransformer(str(tiny), device="cpu").encode(TEXTS), np.float32))
    for rows in (made.encode(TEXTS), made.encode_queries(TEXTS)):
        assert float((rows * expected).sum(axis=1).min()) > BF16
