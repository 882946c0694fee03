"""Search in the whole store with the ranker itself: a sentence or a paper stands for a profile."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import index, lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.shelf import EVERYTHING, Filter, Shelf
from digest.embeddings.vectors import from_bytes, paper_text, rankable
from digest.errors import InvalidRequest
from digest.ranking import candidates, scoring
from digest.ranking.candidates import Ints, Library
from digest.ranking.scoring import Evidence
from digest.tables import Paper, PaperVector

NO_VECTOR = np.empty(0, np.float32)
NEAREST = 300  # papers that are scored in both views


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper and how close it is: relevance in deviations above the store's mean; phrases that it shares."""

    paper: Paper
    relevance: float
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """What a process that searches again and again keeps: the crowd that it measures by, and all vectors."""

    sample: Library
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for in both views: a unit vector (empty without an encoder), term counts, the paper's own id."""

    vector: Vectors
    counts: lexical.Matrix
    paper_id: int | None = None


def ask_text(text: str, vector: Vectors) -> Question:
    """The question that a text is; `vector` is its embedding."""
    return Question(vector, lexical.count_terms([text], lexical.content_terms))


def ask_paper(session: Session, encoder: str, paper: Paper) -> Question:
    """The question what is like `paper`."""
    stored = session.get(PaperVector, (paper.id, encoder))
    vector = from_bytes(stored.vector, stored.dimension)[0] if stored else NO_VECTOR
    return Question(vector, lexical.count_terms([paper_text(paper)]), paper.id)


def search(session: Session, encoder: str, question: Question, now: datetime, count: int) -> list[Hit]:
    """The stored papers closest to the question, best first, without the paper that it is made of.

    It reads all vectors, for a process that is asked once; one that stays keeps them on a shelf: `search_shelf`.
    """
    sample = candidates.load_library(session, encoder, now, now)
    if sample is None:
        raise InvalidRequest("There are no papers yet: `digest ingest sample` or `digest run` brings some.")
    return _rank(session, sample, question, _nearest_papers(session, encoder, question.vector))[:count]


def search_shelf(
    session: Session, desk: Desk, question: Question, count: int, wanted: Filter = EVERYTHING
) -> list[Hit]:
    """The same from the papers on a shelf, of those wanted only; `count` of them are scored in both views.

    The question needs a vector. A paper that was merged, or whose text was replaced, since the shelf was filled is left
    out.
    """
    _, ids = desk.shelf.search(question.vector, count + (question.paper_id is not None), wanted)
    query = rankable(desk.shelf.encoder, Paper)
    found = [p for some in batches(ids.tolist(), NEAREST) for p in session.exec(query.where(col(Paper.id).in_(some)))]
    return _rank(session, desk.sample, question, found)[:count]


def _rank(session: Session, sample: Library, question: Question, papers: list[Paper]) -> list[Hit]:
    """Papers by their relevance in both views, without the paper that the question is made of."""
    view, _ = candidates.make_view(session, sample.model, papers)
    terms = np.unique(question.counts.indices).astype(np.int64)
    evidence = _evidence(sample, question, terms)
    contrast = sample.model.whitening.contrast(evidence.vectors)
    itself = np.array([[paper_id == question.paper_id for paper_id in sample.sample_ids]])
    queries, _ = scoring.fold(evidence, contrast, sample.sample.columns(terms), itself, sample.model.fusion)
    relevance = queries.relevance(view.columns(terms))[0]
    order = sorted(range(len(papers)), key=lambda row: (-relevance[row], papers[row].id))
    hits = [Hit(papers[row], float(relevance[row])) for row in order]
    return [hit for hit in hits if hit.paper.id != question.paper_id]


def _evidence(library: Library, question: Question, terms: Ints) -> Evidence:
    """The question as evidence, of its own terms only."""
    crowd = library.crowd
    vector = question.vector if len(question.vector) else np.zeros(len(crowd.mean), np.float32)
    return Evidence(
        vectors=vector.reshape(1, -1),
        tastes=np.zeros((1, library.view.tastes.shape[1]), np.float32),
        lift=lexical.lift(lexical.presence(question.counts), crowd.counts, crowd.size)[:, terms],
        owner=np.zeros(1, np.int64),
        likes=np.array([0 if question.paper_id is None else 1]),
        sign=np.ones(1, np.int64),
    )


def _nearest_papers(session: Session, encoder: str, vector: Vectors) -> list[Paper]:
    """The nearest papers of the whole store by their vectors; without a vector to ask with, all of it."""
    if not len(vector):
        return list(session.exec(rankable(encoder, Paper).order_by(col(Paper.id))))
    rows = session.exec(
        select(PaperVector.paper_id, PaperVector.vector)
        .join(Paper, col(Paper.id) == col(PaperVector.paper_id))
        .where(PaperVector.encoder == encoder, col(Paper.merged_into).is_(None))
        .order_by(col(PaperVector.paper_id))
    ).all()
    matrix = from_bytes(b"".join(content for _, content in rows), len(vector))
    _, found = index.search(vector.reshape(1, -1), matrix, NEAREST)
    ids = [rows[place][0] for place in found[0]]
    return [p for some in batches(ids, NEAREST) for p in session.exec(select(Paper).where(col(Paper.id).in_(some)))]
