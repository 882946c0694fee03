"""What shorter numbers cost: nDCG@20 of the dense signals by how the vectors are stored.

    python tests/benchmarks/vector_storage.py FOLDER... --cache FOLDER

Each FOLDER holds papers.jsonl.gz and users.jsonl.gz. The papers are embedded by the default encoder, once: the cache
keeps the unrounded vectors. The dense signals alone are measured, since the lexical ones would hide a loss.
"""

import argparse
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.embeddings import vectors
from digest.embeddings.encoder import DEFAULT, EncoderSpec, Vectors, make_encoder, unit
from digest.ranking.whitening import make_whitening

CUT = 20
DRAWS = 2_000


def as_int8(rows: Vectors) -> Vectors:
    """One scale a row, which the length of one makes superfluous once it is read."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return unit(np.rint(rows / largest * 127).astype(np.int8).astype(np.float32))


def as_int8_of_one_scale(rows: Vectors) -> Vectors:
    return unit(np.rint(rows / np.abs(rows).max() * 127).astype(np.int8).astype(np.float32))


FORMS: dict[str, tuple[float, Callable[[Vectors], Vectors]]] = {
    "float32": (4, lambda rows: rows),
    "float16, as stored": (2, lambda rows: vectors.from_bytes(vectors.to_bytes(rows), rows.shape[1])),
    "int8, a scale a row": (1, as_int8),
    "int8, one scale": (1, as_int8_of_one_scale),
}


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def embed(papers: list[dict[str, Any]], cached: Path) -> Vectors:
    if cached.is_file():
        return np.asarray(np.load(cached), np.float32)
    encoder = make_encoder(EncoderSpec(DEFAULT))
    if encoder is None:
        raise SystemExit("The default encoder cannot be had here.")
    rows = encoder.encode([f"{paper['title']}. {paper['abstract']}" for paper in papers])
    np.save(cached, rows)
    return rows


def rank(rows: Vectors, liked: list[list[int]], cold: NDArray[np.int64]) -> dict[str, Vectors]:
    """Scores of the held-out papers for each user, by the mean liked vector and by the same after whitening."""
    means = np.stack([rows[theirs].mean(axis=0) for theirs in liked])
    contrast = make_whitening(rows.mean(axis=0), np.cov(rows.T).astype(np.float32), len(rows)).contrast(means)
    return {"cosine": unit(means) @ rows[cold].T, "whitened": np.asarray(contrast @ rows[cold].T, np.float32)}


def ndcg(scores: Vectors, relevant: list[list[int]]) -> NDArray[np.float64]:
    """nDCG@20 of each user; `relevant` are columns of `scores`."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
    gain = 1 / np.log2(np.arange(2, CUT + 2))
    return np.array(
        [
            gain[np.isin(row, theirs)].sum() / gain[: min(len(theirs), CUT)].sum()
            for row, theirs in zip(best, relevant, strict=True)
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path, default=Path())
    given = parser.parse_args()
    print("| set | form | bytes | cosine | whitened | difference to float32 (95 %) |")
    print("|---|---|---:|---:|---:|---|")
    for folder in given.folders:
        papers, users = read(folder / "papers.jsonl.gz"), read(folder / "users.jsonl.gz")
        place = {paper["id"]: number for number, paper in enumerate(papers)}
        cold = np.array([number for number, paper in enumerate(papers) if paper["cold"]], np.int64)
        column = {papers[number]["id"]: position for position, number in enumerate(cold)}
        liked = [[place[name] for name in user["profile"]] for user in users]
        relevant = [[column[name] for name in user["relevant"]] for user in users]
        whole = embed(papers, given.cache / f"{folder.name}.npy")
        truth: NDArray[np.float64] | None = None
        for form, (size, shorten) in FORMS.items():
            found = {name: ndcg(scores, relevant) for name, scores in rank(shorten(whole), liked, cold).items()}
            truth = found["whitened"] if truth is None else truth
            print(f"| {folder.name} | {form} | {size * whole.shape[1]:.0f} | {found['cosine'].mean():.4f} ", end="")
            print(f"| {found['whitened'].mean():.4f} | {interval(found['whitened'] - truth)} |")


def interval(differences: NDArray[np.float64]) -> str:
    """The mean of paired differences with its bootstrap interval."""
    chance = np.random.default_rng(7)
    draws = chance.integers(len(differences), size=(DRAWS, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    return f"{differences.mean():+.5f} [{low:+.5f}, {high:+.5f}]"


if __name__ == "__main__":
    main()
