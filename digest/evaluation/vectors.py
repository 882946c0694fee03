"""The vectors of a set's texts: read from a file beside the set, or embedded once and kept by encoder and text."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digest.embeddings.encoder import DEFAULT, Encoder, Vectors, unit
from digest.embeddings.vectors import paper_text
from digest.errors import ConfigurationError, InvalidRequest
from digest.evaluation.datasets import Dataset

BESIDE = {DEFAULT: "minilm-int8.npy"}  # by encoder: vectors that a set may bring along
SHARD = 512  # texts embedded, and written down, at a time

Progress = Callable[[str, int, int], None]


class Cache:
    """Embeddings by one encoder in a folder: shards of `keys` (hashes of texts) and float16 `rows`.

    A shard is written as soon as it is made, so that what was interrupted goes on where it stopped.
    """

    def __init__(self, folder: Path, name: str, load: Callable[[], Encoder]) -> None:
        """`load` makes the encoder called `name`; it is called only when a text is new. No name: there is none."""
        self.name = name
        self._folder = folder / _hash(name)[:16]
        self._load = load
        self._encoder: Encoder | None = None
        self._known: dict[str, Vectors] = {}
        for shard in sorted(self._folder.glob("*.npz")):
            self._remember(*_read_shard(shard))

    @property
    def encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = self._load()
        return self._encoder

    def embedder(self, progress: Progress) -> Callable[[Sequence[str]], Vectors] | None:
        """Embeds texts; None where the ranking goes by words alone."""
        return partial(self.embed, progress=progress) if self.name else None

    def embed(self, texts: Sequence[str], progress: Progress) -> Vectors:
        """A unit row per text."""
        keys = [_hash(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        for start in range(0, len(new), SHARD):
            self._add(list(new.items())[start : start + SHARD])
            progress("embed", min(start + SHARD, len(new)), len(new))
        return unit(np.stack([self._known[key] for key in keys]).astype(np.float32))

    def _add(self, new: list[tuple[str, str]]) -> None:
        keys = [key for key, _ in new]
        rows = self.encoder.encode([text for _, text in new]).astype(np.float16)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{_hash(''.join(keys))[:16]}.npz"
        draft = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with draft.open("wb") as file:
            np.savez(file, keys=np.array(keys), rows=rows)
        draft.replace(path)
        self._remember(keys, rows)

    def _remember(self, keys: Sequence[str], rows: Any) -> None:
        self._known |= dict(zip(map(str, keys), rows, strict=True))


def _read_shard(path: Path) -> tuple[Sequence[str], Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as shard:
            return shard["keys"], shard["rows"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path} cannot be read: delete it, and its texts are embedded anew.") from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def of_papers(dataset: Dataset, cache: Cache, progress: Progress) -> Vectors:
    """A unit row per paper of the set: those that it brings along for this encoder, or embedded. No encoder: (n, 0)."""
    if not cache.name:
        return np.empty((len(dataset.papers), 0), np.float32)
    beside = dataset.folder / BESIDE.get(cache.name, "")
    if beside.is_file():
        return _read_beside(beside, len(dataset.papers))
    return cache.embed([paper_text(paper) for paper in dataset.papers], progress)


def _read_beside(path: Path, wanted: int) -> Vectors:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidRequest(f"{path} is no file of vectors ({error}).") from error
    if rows.ndim != 2 or len(rows) != wanted:  # noqa: PLR2004 - a matrix
        raise InvalidRequest(f"{path} holds an array of shape {rows.shape}; the set has {wanted} papers.")
    return unit(rows.astype(np.float32))
