"""BM25 by the library bm25s: all that a reader likes, as one long query. Words, lower case, without stop words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from digest.errors import ConfigurationError
from digest.evaluation.tasks import Floats, Reader, Scorer, Task

K1, B = 1.2, 0.75


def bm25(task: Task) -> Scorer:
    """A word counts as often as the liked papers have it; raises ConfigurationError without the library."""
    library = _load_library()
    index = library.BM25(k1=K1, b=B, method="lucene")
    index.index(_split(library, task.texts), show_progress=False)

    def score(readers: Sequence[Reader]) -> Floats:
        queries = _split(library, [" ".join(task.texts_of(reader)) for reader in readers])
        return np.stack([_ask(index, words, len(task.papers))[task.held_out] for words in queries])

    return score


def _split(library: Any, texts: list[str]) -> list[list[str]]:
    words: list[list[str]] = library.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
    return words


def _ask(index: Any, words: list[str], papers: int) -> Floats:
    """The scores of all papers; a word that none of them has counts nothing."""
    known = [word for word in words if word in index.vocab_dict]
    return np.asarray(index.get_scores(known), np.float32) if known else np.zeros(papers, np.float32)


def _load_library() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise ConfigurationError("bm25 needs a library: `pip install 'paper-digest[evaluate]'`.") from error
    return bm25s


METHODS = {"bm25": bm25}
