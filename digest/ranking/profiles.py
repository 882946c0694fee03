"""What a profile says, as arrays: its words and its example papers in both views."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes, profile_text, rankable
from digest.ranking.candidates import Library, make_view
from digest.ranking.scoring import Evidence, Floats, Matrix, View
from digest.tables import Paper, Profile, ProfileExample, ProfileVector

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


def load_examples(session: Session, library: Library, profiles: Sequence[Profile]) -> Examples:
    """The examples of `profiles` that this encoder has a vector of; duplicates found later count as what they are."""
    signs: dict[tuple[int, int], int] = {}  # by profile and work; what was said last counts
    for some in batches([profile.id for profile in profiles], CHUNK):
        paper_id = func.coalesce(Paper.merged_into, Paper.id)
        query = select(ProfileExample.profile_id, paper_id, ProfileExample.sign)
        query = query.join(Paper, col(Paper.id) == col(ProfileExample.paper_id))
        rows = session.exec(query.where(col(ProfileExample.profile_id).in_(some)).order_by(col(ProfileExample.id)))
        signs |= {(profile_id, work): sign for profile_id, work, sign in rows}
    papers = _papers_by_id(session, library.encoder, sorted({work for _, work in signs}))
    view, _ = make_view(session, library.encoder, library.crowd, papers)
    examples = Examples(papers, view)
    places = {paper.id: row for row, paper in enumerate(papers)}
    for (profile_id, work), sign in signs.items():
        if work in places:
            (examples.liked if sign > 0 else examples.disliked)[profile_id].append(places[work])
    return examples


def _papers_by_id(session: Session, encoder: str, ids: list[int]) -> list[Paper]:
    found = rankable(encoder, Paper).order_by(col(Paper.id))
    return [paper for some in batches(ids, CHUNK) for paper in session.exec(found.where(col(Paper.id).in_(some)))]


def gather(session: Session, library: Library, profiles: Sequence[Profile], examples: Examples) -> Evidence:
    """The evidence of `profiles`, in their order."""
    texts = _text_vectors(session, library, [profile.id for profile in profiles])
    pieces: list[_Piece] = []
    for owner, profile in enumerate(profiles):
        if profile_text(profile) and (not library.encoder or profile.id in texts):
            pieces.append(_words(library, owner, profile, texts))
        for sign, rows in ((1, examples.liked[profile.id]), (-1, examples.disliked[profile.id])):
            if rows:
                pieces.append(_papers(owner, sign, rows, examples))
    return _stack(pieces, library)


def _words(library: Library, owner: int, profile: Profile, texts: dict[int, Vectors]) -> _Piece:
    counts = lexical.count_terms([profile_text(profile)], lexical.content_terms)
    idf = lexical.rarity(library.crowd.counts, library.crowd.size)
    nothing = np.empty(library.view.vectors.shape[1], np.float32)
    return _Piece(owner, 0, 1, texts.get(profile.id, nothing), lexical.presence(counts), lexical.tfidf(counts, idf))


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


def _text_vectors(session: Session, library: Library, ids: list[int]) -> dict[int, Floats]:
    vectors: dict[int, Floats] = {}
    for some in batches(ids, CHUNK):
        query = select(ProfileVector).where(
            col(ProfileVector.profile_id).in_(some), ProfileVector.encoder == library.encoder
        )
        vectors |= {row.profile_id: from_bytes(row.vector, row.dimension)[0] for row in session.exec(query)}
    return vectors
