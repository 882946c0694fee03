"""The ranking model: all that was estimated from the papers in store and from what readers like, by one encoder."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from digest.embeddings import background, lexical
from digest.embeddings.background import Crowd
from digest.embeddings.vectors import from_bytes
from digest.ranking import fusion
from digest.ranking.fusion import Fusion
from digest.ranking.scoring import Matrix, View
from digest.ranking.tastes import Tastes, no_tastes
from digest.ranking.whitening import Whitening, make_whitening
from digest.tables import LearntRanking

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """The crowd that papers are measured against, how signals are weighed, and the tastes of the readers.

    `liked` (n, d) are the unit vectors of liked papers and `factors` (n, f) their tastes.
    """

    encoder: str
    crowd: Crowd
    fusion: Fusion
    liked: Floats
    factors: Floats

    @cached_property
    def whitening(self) -> Whitening:
        return make_whitening(self.crowd.mean, self.crowd.covariance, self.crowd.size)

    @cached_property
    def tastes(self) -> Tastes:
        return Tastes(self.whitening.whiten(self.liked), self.factors) if len(self.liked) else no_tastes()

    def look_at(self, vectors: Floats, counts: Matrix) -> View:
        """Papers in all views, by their unit vectors (n, d) and how often they have each hashed term."""
        tastes = self.tastes.place(self.whitening.whiten(vectors))
        return View(vectors, tastes, lexical.saturate(counts, self.crowd.mean_length))


def make_model(encoder: str, crowd: Crowd) -> Model:
    """The model of a store whose readers nothing was learnt from."""
    nothing = np.empty((0, len(crowd.mean)), np.float32)
    return Model(encoder, crowd, fusion.usual(crowd.mean_length), nothing, np.empty((0, 0), np.float32))


def load_model(session: Session, encoder: str) -> Model | None:
    """None while the store holds no papers that this encoder can rank."""
    crowd = background.load(session, encoder)
    if crowd is None:
        return None
    query = select(LearntRanking).where(LearntRanking.encoder == encoder).order_by(col(LearntRanking.id).desc())
    learnt = session.exec(query.limit(1)).first()
    model = make_model(encoder, crowd)
    if learnt is None or learnt.dimension != len(crowd.mean):
        return model
    weights = Fusion(np.array(learnt.few, np.float32), np.array(learnt.many, np.float32))
    if not learnt.factor_count:
        return replace(model, fusion=weights)
    liked = from_bytes(learnt.vectors, learnt.dimension)
    return Model(encoder, crowd, weights, liked, from_bytes(learnt.factors, learnt.factor_count))
