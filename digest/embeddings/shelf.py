"""All vectors of one encoder in memory, for a process that is asked again and again.

The vectors lie in FAISS indexes of `SEGMENT` rows each, in the float16 that the database holds, so that a search is
exact. What a search looks at is never changed: a refresh replaces it by a new whole, of which only the last segment was
copied. Beside the vectors stand the day and the categories of every paper, so that a filter is a part of the search.
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import vectors
from digest.embeddings.encoder import Vectors
from digest.embeddings.index import load_faiss
from digest.tables import Paper, PaperVector

SEGMENT = 65_536  # rows of one index
CHUNK = 16_384  # rows read at once
NAMED = 1_000  # ids in one question
OVERLAP = 2_000  # the newest ids are asked for again: a transaction may commit after one with a larger id

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Filter:
    """What may be found: papers in one of the categories (`cs` stands for every `cs.*`), announced on `since` or later.

    A paper whose source names no category is not ruled out.
    """

    categories: tuple[str, ...] = ()
    since: date | None = None


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class _Stock:
    """What a search looks at: a row per vector, and which rows still count."""

    segments: tuple[Any, ...]
    ids: Ints
    days: NDArray[np.int32]
    groups: NDArray[np.int32]
    alive: Mask


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Rows for the stock."""

    vectors: Vectors
    ids: Ints
    days: NDArray[np.int32]
    groups: NDArray[np.int32]


class Shelf:
    """The vectors of one encoder: `refresh` fills it and brings what came since, and any thread may search."""

    def __init__(self, encoder: str) -> None:
        self.encoder = encoder
        self._lock = threading.Lock()
        self._groups = _Groups()
        none = np.empty(0, np.int32)
        self._stock = _Stock((), np.empty(0, np.int64), none, none, np.empty(0, np.bool_))
        self._newest = 0
        self._waiting: set[int] = set()

    def __len__(self) -> int:
        """How many papers can be found."""
        return int(self._stock.alive.sum())

    @property
    def nbytes(self) -> int:
        """The memory that vectors and their columns take."""
        stock = self._stock
        columns = (stock.ids, stock.days, stock.groups, stock.alive)
        codes = sum(int(segment.ntotal * segment.code_size) for segment in stock.segments)
        return codes + sum(column.nbytes for column in columns)

    def refresh(self, session: Session) -> int:
        """Add the papers that were embedded since the last refresh, and drop those merged; returns how many came."""
        with self._lock:
            newest = session.exec(select(func.max(Paper.id))).one() or 0
            waiting = set(vectors.plan_papers(session, self.encoder))
            stock, count = self._stock, 0
            for delivery in self._read_new(session, waiting) if self._newest else self._read_all(session):
                stock = _add(_drop(stock, delivery.ids), delivery)
                count += len(delivery.ids)
            merged = session.exec(select(Paper.id).where(col(Paper.merged_into).is_not(None))).all()
            self._stock = _drop(stock, merged)
            self._newest, self._waiting = newest, waiting
            return count

    def search(self, vector: Vectors, count: int, wanted: Filter = EVERYTHING) -> tuple[Vectors, Ints]:
        """The `count` papers with the largest inner product among those wanted: scores and paper ids, best first."""
        stock = self._stock
        asked, allowed = np.ascontiguousarray(vector, np.float32).reshape(1, -1), self._allowed(stock, wanted)
        scores, ids = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
        for start, segment in zip(range(0, len(stock.ids), SEGMENT), stock.segments, strict=True):
            found, rows = _search(segment, asked, count, allowed[start : start + SEGMENT])
            scores.append(found)
            ids.append(stock.ids[start + rows])
        every, names = np.concatenate(scores), np.concatenate(ids)
        best = np.lexsort((names, -every))[:count]
        return every[best], names[best]

    def _allowed(self, stock: _Stock, wanted: Filter) -> Mask:
        allowed = stock.alive
        if wanted.since is not None:
            allowed = allowed & (stock.days >= wanted.since.toordinal())
        if wanted.categories:
            allowed = allowed & np.isin(stock.groups, self._groups.within(wanted.categories))
        return allowed

    def _read_all(self, session: Session) -> Iterator[_Delivery]:
        """Everything, in chunks by id."""
        after = 0
        while rows := self._select(session, Paper.id > after, CHUNK):
            yield self._deliver(rows)
            after = rows[-1][0]

    def _read_new(self, session: Session, waiting: set[int]) -> Iterator[_Delivery]:
        """Those of the newest ids that are not on the shelf, and those that wait for a vector no more."""
        recent = self._newest - OVERLAP
        query = vectors.rankable(self.encoder, Paper.id).where(Paper.id > recent)
        here = set(self._stock.ids[self._stock.ids > recent].tolist())
        came = {*session.exec(query)} - here
        for some in batches(sorted(came | (self._waiting - waiting)), NAMED):
            if rows := self._select(session, col(Paper.id).in_(some), NAMED):
                yield self._deliver(rows)

    def _select(self, session: Session, condition: Any, limit: int) -> Sequence[Any]:
        columns = (Paper.id, Paper.announced_at, Paper.categories, PaperVector.vector)
        query = vectors.rankable(self.encoder, *columns).where(condition)
        return list(session.exec(query.order_by(col(Paper.id)).limit(limit)))

    def _deliver(self, rows: Sequence[tuple[int, datetime, list[str], bytes]]) -> _Delivery:
        ids, moments, categories, contents = zip(*rows, strict=True)
        return _Delivery(
            vectors=vectors.from_bytes(b"".join(contents), len(contents[0]) // np.dtype(np.float16).itemsize),
            ids=np.array(ids, np.int64),
            days=np.array([moment.toordinal() for moment in moments], np.int32),
            groups=np.array([self._groups.number(names) for names in categories], np.int32),
        )


class _Groups:
    """Numbers the combinations of categories that papers have. One thread adds to it while others ask."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._within: dict[str, list[int]] = defaultdict(list)

    def number(self, categories: Collection[str]) -> int:
        combination = tuple(categories)
        if combination not in self._numbers:
            number = len(self._numbers)
            for name in {name for category in combination for name in _names(category)} or {""}:
                self._within[name].append(number)
            self._numbers[combination] = number
        return self._numbers[combination]

    def within(self, wanted: Collection[str]) -> list[int]:
        """The combinations that have one of the categories, or none at all."""
        return [number for name in {*wanted, ""} for number in tuple(self._within.get(name, ()))]


def _names(category: str) -> list[str]:
    """A category and all that it is a part of: `cs.LG` is in `cs.LG` and in `cs`."""
    parts = category.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _search(segment: Any, asked: Vectors, count: int, allowed: Mask) -> tuple[Vectors, Ints]:
    """Scores and rows of one segment, of allowed rows only."""
    wanted = min(count, int(allowed.sum()))
    if not wanted:
        return np.empty(0, np.float32), np.empty(0, np.int64)
    faiss = load_faiss()
    chosen = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    scores, rows = segment.search(asked, wanted, params=faiss.SearchParameters(sel=chosen))
    return scores[0], rows[0]


def _drop(stock: _Stock, ids: Sequence[int] | Ints) -> _Stock:
    """The stock without some papers: their rows stay, and are found no more."""
    gone = np.isin(stock.ids, np.asarray(ids, np.int64))
    return replace(stock, alive=stock.alive & ~gone) if gone.any() else stock


def _add(stock: _Stock, more: _Delivery) -> _Stock:
    """The stock with more rows; the segments that are full are shared with it."""
    faiss = load_faiss()
    segments, added = list(stock.segments), 0
    if segments and segments[-1].ntotal < SEGMENT:
        segments[-1] = faiss.clone_index(segments[-1])
    while added < len(more.ids):
        if not segments or segments[-1].ntotal == SEGMENT:
            kind = faiss.ScalarQuantizer.QT_fp16
            segments.append(faiss.IndexScalarQuantizer(more.vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT))
        room = SEGMENT - segments[-1].ntotal
        segments[-1].add(more.vectors[added : added + room])
        added += room
    return _Stock(
        tuple(segments),
        np.concatenate([stock.ids, more.ids]),
        np.concatenate([stock.days, more.days]),
        np.concatenate([stock.groups, more.groups]),
        np.concatenate([stock.alive, np.ones(len(more.ids), np.bool_)]),
    )
