"""What a profile says, as arrays: its words and its example papers in all views."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sqlmodel import Session, col

from digest.db import batches
from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import against_text, profile_text, rankable
from digest.ranking.briefs import Brief, Signs, Weights
from digest.ranking.candidates import Ints, Library, Mask, make_view
from digest.ranking.model import Model
from digest.ranking.scoring import Evidence, Floats, Matrix, View
from digest.tables import Paper

CHUNK = 1_000


@dataclass(slots=True)
class Examples:
    """The example papers of a batch of profiles, in both views; `liked` and `disliked` name rows per profile id.

    `weights` say how much a row counts for a profile (id), where that is less than 1.
    """

    papers: list[Paper]
    view: View
    liked: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    disliked: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    weights: dict[tuple[int, int], float] = field(default_factory=dict)

    def weigh(self, profile_id: int, rows: list[int]) -> Floats:
        """How much each of `rows` counts for a profile: shape (len(rows),)."""
        return np.array([self.weights.get((profile_id, row), 1.0) for row in rows], np.float32)

    def turned(self) -> "Examples":
        """What is disliked as if it were liked."""
        return Examples(self.papers, self.view, liked=self.disliked, weights=self.weights)

    def ids(self, profile_id: int) -> list[int]:
        """The ids of a profile's own examples."""
        return [self.papers[row].id for row in (*self.liked[profile_id], *self.disliked[profile_id])]


@dataclass(slots=True)
class _Piece:
    """One piece of evidence before it is stacked."""

    owner: int
    likes: int
    sign: int
    vector: Vectors
    taste: Floats
    share: Matrix


def load_examples(session: Session, library: Library, signs: Signs, weights: Weights | None = None) -> Examples:
    """The examples that this encoder has a vector of."""
    papers = _papers_by_id(session, library.encoder, sorted({paper_id for _, paper_id in signs}))
    view, _ = make_view(session, library.model, papers)
    places = {paper.id: row for row, paper in enumerate(papers)}
    known = {key: weight for key, weight in (weights or {}).items() if key[1] in places}
    examples = Examples(papers, view, weights={(key[0], places[key[1]]): weight for key, weight in known.items()})
    for (profile_id, paper_id), sign in signs.items():
        if paper_id in places:
            (examples.liked if sign > 0 else examples.disliked)[profile_id].append(places[paper_id])
    return examples


def _papers_by_id(session: Session, encoder: str, ids: list[int]) -> list[Paper]:
    found = rankable(encoder, Paper).order_by(col(Paper.id))
    return [paper for some in batches(ids, CHUNK) for paper in session.exec(found.where(col(Paper.id).in_(some)))]


def own_examples(library: Library, brief: Brief, examples: Examples) -> Mask:
    """Which papers of the library's sample are examples of which profile: (profiles, sample)."""
    own = [np.isin(library.sample_ids, examples.ids(profile.id)) for profile in brief.profiles]
    return np.array(own, dtype=bool).reshape(len(brief.profiles), len(library.sample_ids))


def gather(library: Library, brief: Brief, examples: Examples) -> Evidence:
    """The evidence of a brief's profiles, in their order."""
    pieces: list[_Piece] = []
    for owner, profile in enumerate(brief.profiles):
        pieces += _words(library.model, (owner, 1), profile_text(profile), brief.texts.get(profile.id))
        for sign, rows in ((1, examples.liked[profile.id]), (-1, examples.disliked[profile.id])):
            if rows:
                view = examples.view.rows(np.array(rows, np.int64))
                pieces.append(_papers((owner, sign), view, examples.weigh(profile.id, rows)))
        pieces += _words(library.model, (owner, -1), against_text(profile), brief.against.get(profile.id))
    return _stack(pieces, library.model)


def average(model: Model, view: View, likes: Sequence[Ints]) -> Evidence:
    """The evidence of readers who like the papers at these rows of a view, and say nothing else."""
    pieces = [_papers((owner, 1), view.rows(rows), np.ones(len(rows), np.float32)) for owner, rows in enumerate(likes)]
    return _stack(pieces, model)


def _words(model: Model, whose: tuple[int, int], text: str, vector: Vectors | None) -> list[_Piece]:
    """What `whose` (owner and sign) words are worth: nothing without a text, or before the encoder has read it."""
    if not text or (model.encoder and vector is None):
        return []
    counts = lexical.count_terms([text], lexical.content_terms)
    dense = np.empty(0, np.float32) if vector is None else vector
    taste = np.zeros(model.factors.shape[1], np.float32)
    return [_Piece(whose[0], 0, whose[1], dense, taste, lexical.presence(counts))]


def _papers(whose: tuple[int, int], view: View, weights: Floats) -> _Piece:
    """The mean over `whose` (owner and sign) papers, by their weights."""
    mean = sparse.csr_matrix(weights / weights.sum())
    share = sparse.csr_matrix(mean @ lexical.presence(view.saturated), dtype=np.float32)
    vector, taste = (np.asarray(mean @ rows, np.float32)[0] for rows in (view.vectors, view.tastes))
    return _Piece(whose[0], len(weights), whose[1], vector, taste, share)


def _stack(pieces: list[_Piece], model: Model) -> Evidence:
    empty = sparse.csr_matrix((0, lexical.TERMS), dtype=np.float32)
    share = sparse.vstack([empty, *(piece.share for piece in pieces)], format="csr")
    return Evidence(
        vectors=np.array([piece.vector for piece in pieces], np.float32).reshape(len(pieces), len(model.crowd.mean)),
        tastes=np.array([piece.taste for piece in pieces], np.float32).reshape(len(pieces), model.factors.shape[1]),
        lift=lexical.lift(share, model.crowd.counts, model.crowd.size),
        owner=np.array([piece.owner for piece in pieces], np.int64),
        likes=np.array([piece.likes for piece in pieces], np.int64),
        sign=np.array([piece.sign for piece in pieces], np.int64),
    )
