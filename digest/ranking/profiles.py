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
from digest.ranking.scoring import WORDS_WORTH, Evidence, Floats, View
from digest.tables import Paper, Profile

CHUNK = 1_000
USUAL_WORTH = 3.0  # papers; measured by `digest evaluate --highlight`: docs/ranking.md


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


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece of evidence: the mean over `rows` by their weights; `likes` counts papers, 0 for words."""

    owner: int
    sign: int
    likes: int
    rows: Sequence[int] | Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class _Words:
    """A text that somebody wrote, with its vector; empty without an encoder."""

    text: str
    vector: Vectors


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
    told: list[_Words] = []

    def tell(owner: int, sign: int, words: _Words | None) -> None:
        if words is not None:
            pieces.append(_Piece(owner, sign, 0, [len(examples.papers) + len(told)], np.ones(1, np.float32)))
            told.append(words)

    for owner, profile in enumerate(brief.profiles):
        tell(owner, 1, _hear(library.model, profile_text(profile), brief.texts.get(profile.id)))
        for sign, rows in ((1, examples.liked[profile.id]), (-1, examples.disliked[profile.id])):
            if rows:
                pieces.append(_Piece(owner, sign, len(rows), rows, examples.weigh(profile.id, rows)))
        tell(owner, -1, _hear(library.model, against_text(profile), brief.against.get(profile.id)))
    return _mean(library.model, pieces, _with_words(library.model, examples.view, told))


def find_centre(brief: Brief, examples: Examples, profile: Profile, usual: Vectors) -> Vectors:
    """The middle (d,) of what a profile wants, not of length 1: its likes by their weights, its words as so many likes.

    To which come so many papers of the `usual` kind, the crowd's mean: of an interest that says little, little is
    sure. Nought where it says nothing.
    """
    rows = examples.liked[profile.id]
    centre = np.asarray(examples.weigh(profile.id, rows) @ examples.view.vectors[rows], np.float32)
    words = brief.texts.get(profile.id) if profile_text(profile) else None
    if words is not None:
        centre = centre + WORDS_WORTH * words
    return np.asarray(centre + USUAL_WORTH * usual if centre.any() else centre, np.float32)


def average(model: Model, view: View, likes: Sequence[Ints]) -> Evidence:
    """The evidence of readers who like the papers at these rows of a view, and say nothing else."""
    pieces = [_Piece(owner, 1, len(rows), rows, np.ones(len(rows), np.float32)) for owner, rows in enumerate(likes)]
    return _mean(model, pieces, _with_words(model, view, []))


def _hear(model: Model, text: str, vector: Vectors | None) -> _Words | None:
    """Nothing without a text, or before the encoder has read it."""
    if not text or (model.encoder and vector is None):
        return None
    return _Words(text, np.empty(0, np.float32) if vector is None else vector)


def _with_words(model: Model, papers: View, told: Sequence[_Words]) -> View:
    """Papers and texts, row by row: vectors, tastes (of a text none is known) and which terms each has."""
    counts = lexical.count_terms([words.text for words in told], lexical.content_terms)
    vectors = np.array([words.vector for words in told], np.float32).reshape(len(told), len(model.crowd.mean))
    return View(
        np.concatenate([papers.vectors, vectors]),
        np.concatenate([papers.tastes, np.zeros((len(told), papers.tastes.shape[1]), np.float32)]),
        lexical.presence(sparse.vstack([papers.saturated, counts], format="csr")),
    )


def _mean(model: Model, pieces: Sequence[_Piece], seen: View) -> Evidence:
    """All pieces at once, one product per view."""
    places = np.repeat(np.arange(len(pieces)), [len(piece.rows) for piece in pieces])
    rows = np.concatenate([np.empty(0, np.int64), *(np.asarray(piece.rows, np.int64) for piece in pieces)])
    shares = [np.empty(0, np.float32), *(piece.weights / piece.weights.sum() for piece in pieces)]
    mix = sparse.csr_matrix((np.concatenate(shares), (places, rows)), shape=(len(pieces), len(seen.vectors)))
    return Evidence(
        vectors=np.asarray(mix @ seen.vectors, np.float32),
        tastes=np.asarray(mix @ seen.tastes, np.float32),
        lift=lexical.lift(sparse.csr_matrix(mix @ seen.saturated), model.crowd.counts, model.crowd.size),
        owner=np.array([piece.owner for piece in pieces], np.int64),
        likes=np.array([piece.likes for piece in pieces], np.int64),
        sign=np.array([piece.sign for piece in pieces], np.int64),
    )
