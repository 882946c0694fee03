"""The papers in store as a crowd: mean and covariance of their vectors, and how many of them have each term.

What is usual for everybody says nothing about one reader; scoring subtracts it.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, paper_text, rankable
from digest.tables import Background, Paper, PaperVector

MOST_PAPERS = 20_000
CHUNK = 2_000
FRESH = timedelta(hours=20)
GROWTH = 1.1  # a store that has grown by a tenth is another store


@dataclass(frozen=True)
class Crowd:
    """`mean` (d,), `covariance` (d, d), `counts`: papers per hashed term, of `size` papers."""

    size: int
    mean: Vectors
    covariance: Vectors
    counts: NDArray[np.uint32]

    @cached_property
    def mean_length(self) -> float:
        """How many different terms a paper has."""
        return float(self.counts.sum() / max(self.size, 1))


def plan(session: Session, encoder: str, now: datetime) -> list[int]:
    """The newest paper's id when the crowd has changed, and grown by a tenth or aged, since it was last looked at."""
    last, newest = _latest(session, encoder), session.exec(_newest(encoder, 1)).first()
    if newest is None or (last is not None and last.newest_paper_id == newest):
        return []
    read = session.exec(select(func.count()).select_from(_newest(encoder, MOST_PAPERS).subquery())).one()
    grown = last is None or read >= last.paper_count * GROWTH or last.computed_at < now - FRESH
    return [newest] if grown else []


def describe(chunks: Iterable[tuple[lexical.Matrix, Vectors]], dimension: int) -> Crowd:
    """The crowd of the papers that come in `chunks`: how often they have each hashed term, and their vectors."""
    size, total, outer = 0, np.zeros(dimension), np.zeros((dimension, dimension))
    counts = np.zeros(lexical.TERMS, dtype=np.uint32)
    for terms, rows in chunks:
        counts += lexical.paper_counts(terms)
        vectors = rows.astype(np.float64)
        size, total, outer = size + terms.shape[0], total + vectors.sum(axis=0), outer + vectors.T @ vectors
    mean = total / max(size, 1)
    covariance = outer / max(size, 1) - np.outer(mean, mean)
    return Crowd(size, mean.astype(np.float32), covariance.astype(np.float32), counts)


def refresh(session: Session, encoder: str, now: datetime) -> int:
    """Work the crowd out anew from the newest papers, in chunks; returns how many there were."""
    ids = session.exec(_newest(encoder, MOST_PAPERS)).all()
    dimension = _dimension(session, encoder)
    crowd = describe(_read_chunks(session, encoder, dimension, ids), dimension)
    row = Background(
        encoder=encoder,
        dimension=dimension,
        paper_count=crowd.size,
        newest_paper_id=max(ids),
        mean=crowd.mean.tobytes(),
        covariance=crowd.covariance.tobytes(),
        term_counts=zlib.compress(crowd.counts.tobytes(), 1),
        computed_at=now,
    )
    for old in session.exec(select(Background).where(Background.encoder == encoder)):
        session.delete(old)
    session.add(row)
    return crowd.size


def _read_chunks(
    session: Session, encoder: str, dimension: int, ids: Sequence[int]
) -> Iterator[tuple[lexical.Matrix, Vectors]]:
    for chunk in batches(ids, CHUNK):
        papers = session.exec(select(Paper).where(col(Paper.id).in_(chunk))).all()
        counts = lexical.count_terms([paper_text(paper) for paper in papers])
        yield counts, _vectors(session, encoder, dimension, chunk)


def load(session: Session, encoder: str) -> Crowd | None:
    row = _latest(session, encoder)
    if row is None:
        return None
    return Crowd(
        size=row.paper_count,
        mean=np.frombuffer(row.mean, dtype=np.float32),
        covariance=np.frombuffer(row.covariance, dtype=np.float32).reshape(row.dimension, row.dimension),
        counts=np.frombuffer(zlib.decompress(row.term_counts), dtype=np.uint32),
    )


def _newest(encoder: str, count: int) -> Any:
    return rankable(encoder, Paper.id).order_by(col(Paper.id).desc()).limit(count)


def _latest(session: Session, encoder: str) -> Background | None:
    query = select(Background).where(Background.encoder == encoder).order_by(col(Background.id).desc()).limit(1)
    return session.exec(query).first()


def _dimension(session: Session, encoder: str) -> int:
    query = select(PaperVector.dimension).where(PaperVector.encoder == encoder).limit(1)
    return session.exec(query).first() or 0


def _vectors(session: Session, encoder: str, dimension: int, ids: list[int]) -> Vectors:
    query = select(PaperVector.vector).where(col(PaperVector.paper_id).in_(ids), PaperVector.encoder == encoder)
    return from_bytes(b"".join(session.exec(query).all()), dimension) if encoder else np.empty((0, 0), np.float32)
