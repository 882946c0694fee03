"""What a method is given, and what it gives back. Nothing in here tells which papers are relevant.

A method is a function with a name: `prepare(task)` does what is done once for all readers, and returns a scorer, which
gives some of the readers' scores of shape (readers, papers held out), larger for better; -inf for what it never found.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import paper_text
from digest.errors import ConfigurationError
from digest.tables import Paper

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reader:
    """What is known of somebody: rows of papers liked (oldest first) and disliked, and words with their vector.

    `candidates` are the columns that count, of the papers held out; None stands for all of them.
    """

    name: str
    liked: Ints
    disliked: Ints
    candidates: Ints | None = None
    text: str = ""
    vector: Vectors | None = None  # shape (d,)


@dataclass(frozen=True, eq=False)
class Task:
    """All papers with their unit vectors (papers, d; no columns without an encoder), the rows to rank, the readers."""

    papers: Sequence[Paper]
    vectors: Vectors
    held_out: Ints
    readers: Sequence[Reader]
    encoder: str

    @cached_property
    def texts(self) -> list[str]:
        return [paper_text(paper) for paper in self.papers]

    @cached_property
    def candidates(self) -> Vectors:
        """The vectors of the papers to rank; raises ConfigurationError without an encoder."""
        if not self.vectors.shape[1]:
            raise ConfigurationError("This method needs vectors, and DIGEST_ENCODER is `none`.")
        return self.vectors[self.held_out]

    def vectors_of(self, reader: Reader) -> Vectors:
        """The vectors of what `reader` likes, oldest first; words come last, as if they were one more paper."""
        words = [] if reader.vector is None else [reader.vector[None, :]]
        return np.concatenate([self.vectors[reader.liked], *words])

    def texts_of(self, reader: Reader) -> list[str]:
        """The texts of what `reader` likes, and the reader's words."""
        return [*(self.texts[row] for row in reader.liked), *([reader.text] if reader.text else [])]


Scorer: TypeAlias = Callable[[Sequence[Reader]], Floats]
Method: TypeAlias = Callable[[Task], Scorer]


def make_generator(reader: Reader) -> np.random.Generator:
    """A reader's own source of chance, the same in every run and whoever else is ranked for."""
    seed = hashlib.sha256(reader.name.encode()).digest()[:8]
    return np.random.default_rng(int.from_bytes(seed, "big"))
