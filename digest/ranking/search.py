"""Search in the whole store with the ranker itself: a sentence or a paper stands for a profile."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import index, lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, paper_text, rankable
from digest.errors import InvalidRequest
from digest.ranking import candidates, scoring
from digest.ranking.candidates import Library
from digest.ranking.scoring import Evidence
from digest.tables import Paper, PaperVector

NO_VECTOR = np.empty(0, np.float32)
NEAREST = 300  # papers that are scored in both views


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper and how close it is: relevance in deviations above the store's mean."""

    paper: Paper
    relevance: float


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
    """The stored papers closest to the question, best first, without the paper that it is made of."""
    library = candidates.load_library(session, encoder, now, now)
    if library is None:
        raise InvalidRequest("There are no papers yet: `digest ingest sample` or `digest run` brings some.")
    papers = _nearest_papers(session, encoder, question.vector)
    view, _ = candidates.make_view(session, encoder, library.crowd, papers)
    evidence, crowd = _evidence(library, question), library.crowd
    contrast = scoring.contrast_direction(evidence.vectors, crowd.mean, crowd.covariance, crowd.size)
    itself = np.array([[paper_id == question.paper_id for paper_id in library.sample_ids]])
    queries, _ = scoring.fold(evidence, contrast, library.sample, itself)
    relevance = queries.relevance(view)[0]
    order = sorted(range(len(papers)), key=lambda row: (-relevance[row], papers[row].id))
    hits = [Hit(papers[row], float(relevance[row])) for row in order]
    return [hit for hit in hits if hit.paper.id != question.paper_id][:count]


def _evidence(library: Library, question: Question) -> Evidence:
    crowd = library.crowd
    vector = question.vector if len(question.vector) else np.zeros(len(crowd.mean), np.float32)
    return Evidence(
        vectors=vector.reshape(1, -1),
        lift=lexical.lift(lexical.presence(question.counts), crowd.counts, crowd.size),
        tfidf=lexical.tfidf(question.counts, lexical.rarity(crowd.counts, crowd.size)),
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
