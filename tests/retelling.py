"""The standard ranker once more, as its documentation says it: from stored rows alone, term by term, in float64.

Only the constants are the ranker's own. Of readers' tastes it knows nothing.
"""

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, select

from digest.embeddings import lexical
from digest.embeddings.lexical import K1, PAIR, B
from digest.ranking import fusion, scoring, whitening
from digest.ranking.methods import USUAL
from digest.ranking.profiles import USUAL_WORTH
from digest.ranking.scoring import DISLIKE, WORDS_WORTH
from digest.tables import Background, Paper, PaperVector, Profile, ProfileExample, ProfileVector

Floats = NDArray[np.float64]
Terms = dict[int, float]
HALF_LIFE = USUAL.half_life.total_seconds()


def unpack(content: bytes) -> Floats:
    return np.frombuffer(content, np.float16).astype(np.float64)


def direct(vector: Floats) -> Floats:
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def between(value: float, low: float, high: float) -> float:
    return min(max(math.log(value / low) / math.log(high / low), 0.0), 1.0)


@dataclass(frozen=True)
class Said:
    """A piece of evidence: mean vector, share of each term, papers (0: words), and for or against."""

    vector: Floats
    terms: Terms
    papers: int
    sign: int


class Store:
    """What the database holds of papers."""

    def __init__(self, session: Session, encoder: str) -> None:
        self.papers = {paper.id: paper for paper in session.exec(select(Paper))}
        rows = session.exec(select(PaperVector).where(PaperVector.encoder == encoder)).all()
        self.vectors = {row.paper_id: direct(unpack(row.vector)) for row in rows}
        self.sentences = {row.paper_id: unpack(row.sentences or b"").reshape(-1, row.dimension) for row in rows}
        known = session.exec(select(Background).where(Background.encoder == encoder)).one()
        self.size = known.paper_count
        self.counts = np.frombuffer(zlib.decompress(known.term_counts), np.uint32)
        self.mean = np.frombuffer(known.mean, np.float32).astype(np.float64)
        covariance = np.frombuffer(known.covariance, np.float32).astype(np.float64)
        self.covariance = covariance.reshape(known.dimension, known.dimension)
        self.mean_length = self.counts.sum() / self.size
        self.terms = {paper.id: self._saturate(f"{paper.title}. {paper.abstract}") for paper in self.papers.values()}
        newest = sorted(self.papers.values(), key=lambda paper: (-paper.announced_at.timestamp(), paper.id))
        self.crowd = [paper.id for paper in newest[:1000]]

    def _saturate(self, text: str) -> Terms:
        found = lexical.terms(text)
        columns = lexical.hash_terms(found)
        often = Counter(columns[term] for term in found)
        norm = K1 * (1 - B + B * len(often) / self.mean_length)
        return {column: times * (K1 + 1) / (times + norm) for column, times in often.items()}

    def lift(self, shares: Terms) -> Terms:
        weights = {
            column: (1 if column < lexical.STEMS else PAIR)
            * math.sqrt(share)
            * math.log(1 + 0.1 * share * self.size / max(self.counts[column], 1))
            for column, share in shares.items()
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {column: weight / length for column, weight in weights.items()}

    def contrast(self, vector: Floats) -> Floats:
        dimension = len(self.mean)
        ridge = whitening.SMALL_STORE_RIDGE if self.size < whitening.SMALL_STORE else whitening.RIDGE
        ball = ridge * np.trace(self.covariance) / dimension * np.eye(dimension)
        shrunk = self.covariance + ball if self.size >= whitening.SMALLEST_STORE else np.eye(dimension)
        return direct(np.linalg.solve(shrunk, vector - self.mean))

    def weights(self, likes: int) -> Floats:
        """Of closeness, contrast, lift and company."""
        long = between(self.mean_length, fusion.TITLE, fusion.ABSTRACT)
        many = between(max(likes, 1), fusion.FEW, fusion.MANY)
        tables = (table.astype(np.float64) for table in (fusion.OF_TITLES, fusion.OF_ABSTRACTS))
        titles, abstracts = ((1 - many) * few + many * often for few, often in tables)
        return (1 - long) * titles + long * abstracts


class Interest:
    """One profile, and its likeness to every paper of the store."""

    def __init__(self, session: Session, store: Store, profile: Profile, encoder: str) -> None:
        self.store, self.profile = store, profile
        rows = session.exec(select(ProfileExample).where(ProfileExample.profile_id == profile.id)).all()
        self.examples = {sign: [row for row in rows if row.sign == sign] for sign in (1, -1)}
        self.words = session.get(ProfileVector, (profile.id, encoder))
        own = {row.paper_id for row in rows}
        self.strangers = [paper_id for paper_id in store.crowd if paper_id not in own]
        self.likeness = self._look()

    @property
    def text(self) -> str:
        return ". ".join(part for part in (self.profile.text.strip(), ", ".join(self.profile.keywords)) if part)

    def liked(self) -> list[int]:
        return [row.paper_id for row in self.examples[1]]

    def weigh(self, rows: Sequence[ProfileExample]) -> Floats:
        newest = max(row.created_at for row in rows)
        return np.array([2 ** (-(newest - row.created_at).total_seconds() / HALF_LIFE) for row in rows])

    def centre(self) -> Floats:
        """The middle of what is wanted."""
        total = np.zeros(len(self.store.mean))
        if rows := self.examples[1]:
            total += self.weigh(rows) @ np.array([self.store.vectors[row.paper_id] for row in rows])
        if self.text and self.words:
            total += WORDS_WORTH * direct(unpack(self.words.vector))
        return total + USUAL_WORTH * self.store.mean if total.any() else total

    def _said(self) -> list[Said]:
        said = []
        if self.text and self.words:
            said.append(self._say(self.text, self.words.vector, 1))
        said += [self._average(rows, sign) for sign, rows in self.examples.items() if rows]
        if self.profile.against.strip() and self.words and self.words.against:
            said.append(self._say(self.profile.against.strip(), self.words.against, -1))
        return said

    def _say(self, text: str, vector: bytes, sign: int) -> Said:
        columns = lexical.hash_terms(lexical.content_terms(text))
        return Said(direct(unpack(vector)), dict.fromkeys(columns.values(), 1.0), 0, sign)

    def _average(self, rows: Sequence[ProfileExample], sign: int) -> Said:
        weights = self.weigh(rows) / self.weigh(rows).sum()
        vector = weights @ np.array([self.store.vectors[row.paper_id] for row in rows])
        shares: Counter[int] = Counter()
        for weight, row in zip(weights, rows, strict=True):
            for column in self.store.terms[row.paper_id]:
                shares[column] += weight
        return Said(vector, dict(shares), len(rows), sign)

    def _look(self) -> Mapping[int, float]:
        """The z-score of each paper, without wishes."""
        said = self._said()
        trust = len(self.strangers) / (len(self.strangers) + scoring.USUAL_WEIGHT)
        raw = dict.fromkeys(self.store.papers, 0.0)
        for piece in said:
            side = [other for other in said if other.sign == piece.sign]
            worth = (piece.papers or WORDS_WORTH) / sum(other.papers or WORDS_WORTH for other in side)
            for paper_id, score in self._score(piece, trust).items():
                raw[paper_id] += score * worth * (1 if piece.sign > 0 else -DISLIKE)
        among = np.array([raw[paper_id] for paper_id in self.strangers])
        deviation = math.sqrt(trust * among.var() + 1 - trust) if any(piece.sign > 0 for piece in said) else 1.0
        return {paper_id: (score - trust * among.mean()) / deviation for paper_id, score in raw.items()}

    def _score(self, piece: Said, trust: float) -> dict[int, float]:
        """The weighted sum of a piece's z-scores for each paper, at deviation one."""
        store, lift = self.store, self.store.lift(piece.terms)
        ids = list(store.papers)
        vectors = np.array([store.vectors[paper_id] for paper_id in ids])
        lifts = [
            sum(lift[column] * value for column, value in store.terms[paper_id].items() if column in lift)
            for paper_id in ids
        ]
        signals = np.stack(
            [vectors @ direct(piece.vector), vectors @ store.contrast(piece.vector), np.array(lifts)], axis=1
        )
        rows = [ids.index(paper_id) for paper_id in self.strangers]
        mean, deviation = scoring.USUAL_MEAN[:3], scoring.USUAL_DEVIATION[:3]
        means = trust * signals[rows].mean(axis=0) + (1 - trust) * mean
        deviations = np.sqrt(trust * signals[rows].var(axis=0) + (1 - trust) * deviation**2)
        crowd = [ids.index(paper_id) for paper_id in store.crowd]
        weights = store.weights(piece.papers)[:3] * signals[crowd].any(axis=0)
        scores = (signals - means) / deviations @ (weights / weights.sum())
        spread = (signals[rows] / deviations @ (weights / weights.sum())).var()
        scores = scores / math.sqrt(trust * spread + (1 - trust) * scoring.USUAL_SUM_DEVIATION**2)
        return dict(zip(ids, scores.tolist(), strict=True))
