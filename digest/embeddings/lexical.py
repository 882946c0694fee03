"""The lexical view of a text: light stems and pairs of neighbouring stems, hashed into a fixed number of terms."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

STEMS = 2**18  # columns of single stems; those of pairs come after them
PAIRS = 2**20
TERMS = STEMS + PAIRS
DENSE = 0.05  # of the texts; a term that more of them have is common
REMEMBERED = 8_192  # texts and terms that an edition names again and again
K1, B = 1.2, 1.0  # BM25's constants, measured: docs/ranking.md
PAIR = 0.5  # what a pair weighs beside a stem, as it comes with two of them
_BRITISH = re.compile(r"(?<=[a-z]{4})is(ation|ing|ed|er|e)$")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_JOINT = re.compile(r"[-'’]")

Matrix: TypeAlias = Any  # a scipy.sparse.csr_matrix; scipy carries no types
STOP_WORDS = frozenset(map(str, ENGLISH_STOP_WORDS))


@lru_cache(maxsize=REMEMBERED)
def surface(text: str) -> tuple[str, ...]:
    """The words of `text` in order, folded to lower case without accents."""
    found = _WORD.findall(_plain(text).casefold())
    return tuple(word for piece in found for word in ([piece] if piece.isalnum() else _JOINT.split(piece)))


def _plain(text: str) -> str:
    """`text` without accents."""
    if text.isascii():  # as most abstracts are
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """The stems of `text` in order."""
    return [stem(word) for word in surface(text)]


@lru_cache(maxsize=REMEMBERED * 8)
def stem(word: str) -> str:
    """`word` without its plural, and in one spelling of -ise and -ize; anything cleverer merges words that differ."""
    return _BRITISH.sub(r"iz\1", _singular(word))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - "lies" is no plural of "ly"
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):  # noqa: PLR2004 - "gas"
        return word[:-1]
    return word


def terms(text: str) -> list[str]:
    """Stems and pairs of neighbouring stems."""
    stems = words(text)
    return [*stems, *map(" ".join, pairwise(stems))]


def content_terms(text: str) -> list[str]:
    """The terms of `text` that hold no stop word and no single letter: what a sentence about an interest is about."""
    return [term for term in terms(text) if all(len(word) > 1 and word not in STOP_WORDS for word in term.split())]


def count_terms(texts: Sequence[str], analyzer: Callable[[str], list[str]] = terms) -> Matrix:
    """How often each text has each hashed term: shape (len(texts), TERMS)."""
    found = [analyzer(text) for text in texts]
    stems = [[term for term in text if " " not in term] for text in found]
    pairs = [[term for term in text if " " in term] for text in found]
    return sparse.hstack([_hash(stems, STEMS), _hash(pairs, PAIRS)], format="csr", dtype=np.float32)


def _hash(texts: list[list[str]], columns: int) -> Matrix:
    if not texts:
        return sparse.csr_matrix((0, columns), dtype=np.float32)
    hasher = FeatureHasher(columns, input_type="string", alternate_sign=False, dtype=np.float32)
    return hasher.transform(texts)


def hash_terms(wanted: list[str]) -> dict[str, int]:
    """The column of each term."""
    return {term: _column(term) for term in wanted}


@lru_cache(maxsize=REMEMBERED * 8)
def _column(term: str) -> int:
    return int(count_terms([term], lambda text: [text]).indices[0])


def presence(matrix: Matrix) -> Matrix:
    """One for each term that a text has, however often."""
    return _with_values(matrix, np.ones_like(matrix.data))


def paper_counts(matrix: Matrix) -> NDArray[np.uint32]:
    """In how many of the texts each term occurs: shape (TERMS,)."""
    return np.bincount(matrix.indices, minlength=TERMS).astype(np.uint32)


def saturate(matrix: Matrix, mean_length: float) -> Matrix:
    """BM25's half that belongs to the text: tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))."""
    lengths = np.diff(matrix.indptr)  # in different terms, as the store's mean length is
    norms = K1 * (1 - B + B * lengths / max(mean_length, 1e-9))
    return _with_values(matrix, matrix.data * (K1 + 1) / (matrix.data + np.repeat(norms, lengths)))


def lift(share: Matrix, counts: NDArray[np.uint32], total: int) -> Matrix:
    """BM25's half that belongs to a profile: sqrt(s) log(1 + 0.1 s N / n) for a term in a share `s` of its texts.

    Of a pair, half of that. Rows of length one.
    """
    per_paper = np.float32(0.1 * max(total, 1)) / np.maximum(counts[share.indices], 1).astype(np.float32)
    worth = np.where(share.indices < STEMS, np.float32(1), np.float32(PAIR))
    return scale_rows(_with_values(share, worth * np.sqrt(share.data) * np.log1p(share.data * per_paper)))


def scale_rows(matrix: Matrix) -> Matrix:
    """Rows of length one; empty rows stay empty."""
    matrix = sparse.csr_matrix(matrix)
    each = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(each)), each)
    lengths = np.sqrt(np.bincount(rows, matrix.data.astype(np.float64) ** 2, minlength=len(each)))
    return _with_values(matrix, matrix.data / np.where(lengths > 0, lengths, 1)[rows])


def overlap(asked: Matrix, texts: Matrix) -> NDArray[np.float32]:
    """The inner product of every row of `asked` with every row of `texts`.

    Only the columns that both have are multiplied: a sparse product over a million columns misses the cache at each.
    Of these, the few that many texts have make most of the work, and are multiplied faster as if they were dense.
    """
    both = _has(asked) & _has(texts)
    place = np.cumsum(both, dtype=np.int32) - np.int32(1)
    left, right = _narrow(asked, both, place), _narrow(texts, both, place)
    often = np.bincount(right.indices, minlength=right.shape[1]) > DENSE * right.shape[0]
    common, other = np.flatnonzero(often), np.flatnonzero(~often)
    dense = left[:, common].toarray() @ right[:, common].toarray().T
    return np.asarray(dense + (left[:, other] @ right[:, other].T).toarray(), np.float32)


def _has(matrix: Matrix) -> NDArray[np.bool_]:
    """Which columns a matrix has anything in."""
    has = np.zeros(matrix.shape[1], dtype=bool)
    has[matrix.indices] = True
    return has


def _narrow(matrix: Matrix, wanted: NDArray[np.bool_], place: NDArray[np.int32]) -> Matrix:
    """The wanted columns only; `place` says where each of them comes to stand."""
    kept = np.flatnonzero(wanted[matrix.indices])
    starts = np.searchsorted(kept, matrix.indptr)
    width = int(place[-1]) + 1 if len(place) else 0
    return sparse.csr_matrix((matrix.data[kept], place[matrix.indices[kept]], starts), shape=(matrix.shape[0], width))


def _with_values(matrix: Matrix, values: NDArray[np.generic]) -> Matrix:
    """The same places with other values; the places are shared, not copied."""
    return sparse.csr_matrix((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
