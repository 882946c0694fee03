"""Papers and profiles a second on a GPU, beside what its matrix product and the tokenisers could do at most.

    PYTHONPATH=. python tests/gpu/benchmark.py [--model MODEL] [--device cuda] [--papers 20000] [--profiles 100000]

Needs the checkout, torch and sentence-transformers, nothing else. Without --model, and where the default model cannot
be had, one of its shape with random weights is made: the arithmetic is the same.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from digest.embeddings import feeding, index
from digest.embeddings.encoder import DEFAULT, EncoderSpec, SentenceTransformerEncoder, find_weights, unit

ROUNDS, NEW_PAPERS, TOP, SIZE = 3, 2_000, 20, 4_096
MINILM = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1_536,
    "max_position_embeddings": 256,
}
SAMPLE = Path(__file__).resolve().parents[2] / "digest/sources/sample.jsonl"


def time_of(work: Callable[[], Any], device: str) -> float:
    """The median of a few rounds after a warm-up, in seconds."""
    taken = []
    for _ in range(ROUNDS + 1):
        started = perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(perf_counter() - started)
    return median(taken[1:])


def make_texts(count: int) -> list[str]:
    """Titles and abstracts of the sample papers, again and again, in another order of sentences each time."""
    papers = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]
    pieces = [f"{paper['title']}. {paper['abstract']}".split(". ") for paper in papers]
    chance = np.random.default_rng(7)
    return [". ".join(chance.permutation(pieces[number % len(pieces)])) for number in range(count)]


def load_encoder(name: str | None, device: str, texts: list[str]) -> SentenceTransformerEncoder:
    spec = EncoderSpec(name or DEFAULT)
    try:
        return SentenceTransformerEncoder(spec, find_weights(spec.name, None), device)
    except Exception as error:
        if name:
            raise
        print(f"the default model cannot be had ({type(error).__name__}): one of its shape, with random weights")
    from tiny import make_model

    words = sorted({word.strip(".,:;()").lower() for text in texts[:500] for word in text.split()} - {""})
    folder = make_model(Path(tempfile.mkdtemp()) / "model", words, **MINILM)
    return SentenceTransformerEncoder(EncoderSpec(str(folder)), find_weights(str(folder), None), device)


def flops_of(model: Any, tokens: int, pieces: int) -> float:
    """Floating-point operations of so many texts with so many tokens in all: linear layers, and attention."""
    config = model[0].config if hasattr(model[0], "config") else model[0].auto_model.config
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    length = tokens / pieces
    return layers * tokens * (2 * (4 * width * width + 2 * width * inner) + 4 * width * length)


def matmul_rate(device: str, kind: torch.dtype) -> float:
    """Operations a second of a square product of that kind."""
    size = SIZE if device == "cuda" else SIZE // 4
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    return 2 * size**3 / time_of(lambda: left @ right, device)


def measure_encoder(encoder: SentenceTransformerEncoder, texts: list[str]) -> None:
    model, device, count = encoder._model, encoder.device, len(texts)
    threads = min(os.cpu_count() or 1, feeding.MOST_THREADS)
    tokenise = feeding._Tokeniser(model, "", "document")
    parts = [texts[start : start + feeding.GPU_BATCH] for start in range(0, count, feeding.GPU_BATCH)]

    def make_tokens() -> int:
        return sum(int(made["attention_mask"].sum()) for made in feeding._made_ahead(tokenise, parts, threads))

    tokens = make_tokens()
    kind = next(model.parameters()).dtype
    by_tokeniser = count / time_of(make_tokens, "cpu")
    by_matmul = count * matmul_rate(device, kind) / flops_of(model, tokens, count)
    ahead = count / time_of(lambda: feeding.embed_ahead(model, texts, "", "document", threads), device)
    plain = count / time_of(
        lambda: model.encode(texts, batch_size=feeding.GPU_BATCH if device == "cuda" else feeding.BATCH), device
    )
    print(f"{count} papers of {tokens / count:.0f} tokens, {kind}, {threads} tokeniser threads")
    print(f"  tokenisers alone        {by_tokeniser:12,.0f} papers/s")
    print(f"  bare matrix product     {by_matmul:12,.0f} papers/s")
    print(f"  embedded, tokens ahead  {ahead:12,.0f} papers/s", end="")
    print(f"  = {ahead / by_tokeniser:.0%} of the tokenisers, {ahead / by_matmul:.0%} of the product")
    print(f"  embedded, library's own {plain:12,.0f} papers/s")


def measure_search(device: str, profiles: int) -> None:
    chance = np.random.default_rng(7)
    queries = unit(chance.normal(size=(profiles, 384)).astype(np.float32))
    papers = unit(chance.normal(size=(NEW_PAPERS, 384)).astype(np.float32))
    ways: list[index.Way] = ["torch-cuda"] if device == "cuda" else ["torch-cpu"]
    if find_spec("faiss") is not None:
        ways += ["faiss-gpu", "faiss"] if index._has_gpu(index.load_faiss()) else ["faiss"]
    left, right = torch.from_numpy(queries).to(device), torch.from_numpy(papers).to(device).T

    def multiply() -> None:
        for start in range(0, profiles, index.TILE):
            torch.mm(left[start : start + index.TILE], right)

    bare = profiles / time_of(multiply, device)
    print(f"{profiles} profiles x {NEW_PAPERS} papers, 384 numbers, top {TOP}")
    print(f"  bare product, on {device:<6} {bare:12,.0f} profiles/s")
    for way in ways:
        rate = profiles / time_of(lambda way=way: index.search(queries, papers, TOP, way), device)  # type: ignore[misc]
        print(f"  search, {way:<15} {rate:12,.0f} profiles/s  = {rate / bare:.0%} of the bare product")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--papers", type=int, default=20_000)
    parser.add_argument("--profiles", type=int, default=100_000)
    given = parser.parse_args()
    card = torch.cuda.get_device_name() if given.device == "cuda" else "no GPU"
    print(f"{card}, {os.cpu_count()} processors, torch {torch.__version__}")
    texts = make_texts(given.papers)
    measure_encoder(load_encoder(given.model, given.device, texts), texts)
    measure_search(given.device, given.profiles)


if __name__ == "__main__":
    main()
