"""Candidate generation: the papers that editions may hold, in both views, and one search for all profiles at once."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import background, index, lexical
from digest.embeddings.background import Crowd
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, paper_text, rankable
from digest.ranking import scoring
from digest.ranking.scoring import Queries, View
from digest.tables import Paper, PaperVector

CROWD_SAMPLE = 1_000  # newest papers that relevances are calibrated on
OVER_FETCH = 200  # candidates per profile in the first search
CHUNK = 1_000

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Library:
    """The papers of a window in both views (row by row in `papers`), and the crowd that they are measured against."""

    papers: list[Paper]
    sentences: list[Vectors]
    view: View
    sample: View
    sample_ids: list[int]
    crowd: Crowd
    encoder: str

    @cached_property
    def rows(self) -> dict[int, int]:
        """The row of each paper id."""
        return {paper.id: row for row, paper in enumerate(self.papers)}

    @cached_property
    def trend(self) -> Vectors:
        """The trend of each paper, NaN where it is not known."""
        return np.array([np.nan if paper.trend is None else paper.trend for paper in self.papers], np.float32)

    @cached_property
    def stems(self) -> list[str]:
        """Each paper's stems between blanks, for finding phrases."""
        return [f" {' '.join(lexical.words(paper_text(paper)))} " for paper in self.papers]

    def mentions(self, phrase: str) -> NDArray[np.bool_]:
        """Which papers have `phrase` as whole words, in any number and case."""
        wanted = f" {' '.join(lexical.words(phrase))} "
        return np.array([wanted in stems for stems in self.stems], dtype=bool)

    def announced_after(self, moment: datetime) -> NDArray[np.bool_]:
        return np.array([paper.announced_at > moment for paper in self.papers], dtype=bool)


def load_library(session: Session, encoder: str, since: datetime, now: datetime) -> Library | None:
    """The papers announced in (since, now] that this encoder can rank; None while the store holds none at all."""
    crowd = background.load(session, encoder)
    if crowd is None:
        return None
    newest = (
        rankable(encoder, Paper)
        .where(Paper.announced_at <= now)
        .order_by(col(Paper.announced_at).desc(), col(Paper.id))
    )
    sample = list(session.exec(newest.limit(CROWD_SAMPLE)))
    window = list(session.exec(newest.where(Paper.announced_at > since)))
    papers = list({paper.id: paper for paper in [*window, *sample]}.values())
    view, sentences = make_view(session, encoder, crowd, papers)
    sampled = {paper.id for paper in sample}
    rows = np.array([row for row, paper in enumerate(papers) if paper.id in sampled], np.int64)
    sample_ids = [papers[row].id for row in rows]
    return Library(
        papers=window,
        sentences=sentences[: len(window)],
        view=view.rows(np.arange(len(window))),
        sample=view.rows(rows),
        sample_ids=sample_ids,
        crowd=crowd,
        encoder=encoder,
    )


def make_view(session: Session, encoder: str, crowd: Crowd, papers: list[Paper]) -> tuple[View, list[Vectors]]:
    """Papers in both views, and the vectors of their sentences."""
    dimension = len(crowd.mean)
    vectors, sentences = _stored_vectors(session, encoder, dimension, [paper.id for paper in papers])
    counts = lexical.count_terms([paper_text(paper) for paper in papers])
    mean_length = crowd.counts.sum() / max(crowd.size, 1)
    view = View(
        vectors=vectors,
        saturated=lexical.saturate(counts, mean_length),
        tfidf=lexical.tfidf(counts, lexical.rarity(crowd.counts, crowd.size)),
    )
    return view, sentences


def _stored_vectors(session: Session, encoder: str, dimension: int, ids: list[int]) -> tuple[Vectors, list[Vectors]]:
    """Rows in the order of `ids`; without an encoder they have no columns."""
    stored: dict[int, tuple[bytes, bytes | None]] = {}
    for some in batches(ids, CHUNK) if encoder else ():
        query = select(PaperVector.paper_id, PaperVector.vector, PaperVector.sentences)
        rows = session.exec(query.where(col(PaperVector.paper_id).in_(some), PaperVector.encoder == encoder))
        stored |= {paper_id: (vector, sentences) for paper_id, vector, sentences in rows}
    if not encoder:
        return np.empty((len(ids), 0), np.float32), [np.empty((0, 0), np.float32)] * len(ids)
    vectors = from_bytes(b"".join(stored[paper_id][0] for paper_id in ids), dimension)
    return vectors, [from_bytes(stored[paper_id][1] or b"", dimension) for paper_id in ids]


def nearest(library: Library, queries: Queries, balance: Vectors, allowed: list[Mask], wanted: int) -> list[Ints]:
    """For each profile the rows of its candidates, best first: at least `wanted` allowed ones, or all there are.

    One exact search serves all profiles; where too few of the found are allowed, it widens until enough are.
    """
    total = len(library.papers)
    if queries.direction.shape[1] == 0:  # by words alone there is nothing to search with
        return [np.flatnonzero(mask) for mask in allowed]
    papers = scoring.with_trend(library.view.vectors, library.trend)
    asked = scoring.with_balance(queries.direction, balance)
    count, open_profiles = OVER_FETCH, np.arange(len(balance))
    found: list[Ints] = [np.empty(0, np.int64)] * len(balance)
    while len(open_profiles):
        _, rows = index.search(asked[open_profiles], papers, count)
        for profile, candidates in zip(open_profiles, rows, strict=True):
            found[profile] = candidates[allowed[profile][candidates]]
        short = [profile for profile in open_profiles if len(found[profile]) < wanted]
        open_profiles = np.array(short, np.int64) if count < total else np.empty(0, np.int64)
        count *= 4
    return found
