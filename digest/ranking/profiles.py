"""What a profile says, as arrays: its words and its example papers in both views."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sqlmodel import Session, col

from digest.db import batches
from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import against_text, profile_text, rankable
from digest.ranking.briefs import Brief, Signs
from digest.ranking.candidates import Library, make_view
from digest.ranking.scoring import Evidence, Matrix, View
from digest.tables import Paper

CHUNK = 1_000


@dataclass(slots=True)
class Examples:
    """The example papers of a batch of profiles, in both views; `liked` and `disliked` name rows per profile id."""

    papers: list[Paper]
    view: View
    liked: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    disliked: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class _Piece:
    """One piece of evidence before it is stacked."""

    owner: int
    likes: int
    sign: int
    vector: Vectors
    share: Matrix
    tfidf: Matrix


def load_examples(session: Session, library: Library, signs: Signs) -> Examples:
    """The examples that this encoder has a vector of."""
    papers = _papers_by_id(session, library.encoder, sorted({paper_id for _, paper_id in signs}))
    view, _ = make_view(session, library.encoder, library.crowd, papers)
    examples = Examples(papers, view)
    places = {paper.id: row for row, paper in enumerate(papers)}
    for (profile_id, paper_id), sign in signs.items():
        if paper_id in places:
            (examples.liked if sign > 0 else examples.disliked)[profile_id].append(places[paper_id])
    return examples


def _papers_by_id(session: Session, encoder: str, ids: list[int]) -> list[Paper]:
    found = rankable(encoder, Paper).order_by(col(Paper.id))
    return [paper for some in batches(ids, CHUNK) for paper in session.exec(found.where(col(Paper.id).in_(some)))]


def gather(library: Library, brief: Brief, examples: Examples) -> Evidence:
    """The evidence of a brief's profiles, in their order."""
    pieces: list[_Piece] = []
    for owner, profile in enumerate(brief.profiles):
        pieces += _words(library, (owner, 1), profile_text(profile), brief.texts.get(profile.id))
        for sign, rows in ((1, examples.liked[profile.id]), (-1, examples.disliked[profile.id])):
            if rows:
                pieces.append(_papers(owner, sign, rows, examples))
        pieces += _words(library, (owner, -1), against_text(profile), brief.against.get(profile.id))
    return _stack(pieces, library)


def _words(library: Library, whose: tuple[int, int], text: str, vector: Vectors | None) -> list[_Piece]:
    """What `whose` (owner and sign) words are worth: nothing without a text, or before the encoder has read it."""
    if not text or (library.encoder and vector is None):
        return []
    owner, sign = whose
    counts = lexical.count_terms([text], lexical.content_terms)
    idf = lexical.rarity(library.crowd.counts, library.crowd.size)
    dense = np.empty(0, np.float32) if vector is None else vector
    return [_Piece(owner, 0, sign, dense, lexical.presence(counts), lexical.tfidf(counts, idf))]


def _papers(owner: int, sign: int, rows: list[int], examples: Examples) -> _Piece:
    view = examples.view.rows(np.array(rows, np.int64))
    share = sparse.csr_matrix(lexical.presence(view.saturated).mean(axis=0), dtype=np.float32)
    overlap = lexical.scale_rows(sparse.csr_matrix(view.tfidf.mean(axis=0), dtype=np.float32))
    return _Piece(owner, len(rows), sign, view.vectors.mean(axis=0), share, overlap)


def _stack(pieces: list[_Piece], library: Library) -> Evidence:
    empty = sparse.csr_matrix((0, lexical.TERMS), dtype=np.float32)
    width = library.view.vectors.shape[1]
    share = sparse.vstack([empty, *(piece.share for piece in pieces)], format="csr")
    return Evidence(
        vectors=np.array([piece.vector for piece in pieces], np.float32).reshape(len(pieces), width),
        lift=lexical.lift(share, library.crowd.counts, library.crowd.size),
        tfidf=sparse.vstack([empty, *(piece.tfidf for piece in pieces)], format="csr"),
        owner=np.array([piece.owner for piece in pieces], np.int64),
        likes=np.array([piece.likes for piece in pieces], np.int64),
        sign=np.array([piece.sign for piece in pieces], np.int64),
    )
