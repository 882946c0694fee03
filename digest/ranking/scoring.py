"""Scores: four signals in closed form, calibrated against a crowd of papers and added. Pure arithmetic on arrays.

A profile's *evidence* is up to four things: its words, the papers it likes, the papers it dislikes, what it is against
in words. A paper x and a piece of evidence are looked at through three views (unit vectors, hashed terms, tastes);
they give four signals:

    closeness   x · m / |m|                  m: mean vector of the evidence
    contrast    x · S⁻¹ (m - c)              c, S: mean and shrunk covariance of the papers in store
    lift        BM25 over words and word pairs, weighted by how much more often the evidence has them than the store
    company     cosine of tastes: what sort of readers like older papers close to x (`tastes`)

Each signal is z-scored by its mean and deviation over the crowd, and they are added with weights that depend on how
long the texts are and how much a profile says, learnt from the readers where there are enough (`fusion`). As every
signal is linear in the paper, all of it folds into one dense direction and one sparse query per profile (`Queries`).
A relevance is a z-score too: 0 is the crowd's mean, and 3 is three standard deviations closer than that.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from digest.embeddings import lexical
from digest.embeddings.encoder import unit
from digest.ranking.fusion import Fusion

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix: TypeAlias = Any  # a scipy.sparse.csr_matrix; scipy carries no types

WORDS_WORTH = 0.7  # the words of a profile are worth this many likes; measured: docs/ranking.md
DISLIKE = 0.2  # all that is disliked weighs this much of all that is liked
# What a signal's mean and deviation are when too few papers are there to measure them, worth this many papers.
USUAL_MEAN = np.array([0.3, 0.0, 0.05, 0.0], np.float32)
USUAL_DEVIATION = np.array([0.12, 0.055, 0.035, 0.1], np.float32)
USUAL_SUM_DEVIATION = 0.8
USUAL_WEIGHT = 20.0
UNKNOWN_TREND = 0.5  # what a paper without votes gets: the usual
ROUNDING = 1e-4  # two sums of the same terms may differ by less than this
FLOOR = 1.5  # relevance below which a paper does not match; a sixteenth of a store lies above it


@dataclass(frozen=True, slots=True)
class View:
    """Papers in all views: unit `vectors` (n, d), unit `tastes` (n, f), and BM25's half `saturated` over hashed terms.

    A paper that nobody's taste is known of has a row of noughts; where none are known at all, f is 0.
    """

    vectors: Floats
    tastes: Floats
    saturated: Matrix

    def rows(self, chosen: NDArray[np.int64]) -> "View":
        return View(self.vectors[chosen], self.tastes[chosen], self.saturated[chosen])

    def columns(self, chosen: NDArray[np.int64]) -> "View":
        """Of all terms only some, for who asks for no others: a product over a million columns costs by the column."""
        return View(self.vectors, self.tastes, self.saturated[:, chosen])


@dataclass(frozen=True, slots=True)
class Evidence:
    """A row per piece: mean vector, mean taste, BM25's profile half; whose it is, how many papers, like or dislike."""

    vectors: Floats
    tastes: Floats
    lift: Matrix
    owner: NDArray[np.int64]
    likes: NDArray[np.int64]  # number of papers; 0 for words
    sign: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Queries:
    """What a profile asks, folded: relevance = vector · direction + taste · company + saturated · lift - offset."""

    direction: Floats
    company: Floats
    lift: Matrix
    offset: Floats

    def rows(self, chosen: list[int]) -> "Queries":
        return Queries(self.direction[chosen], self.company[chosen], self.lift[chosen], self.offset[chosen])

    def relevance(self, papers: View) -> Floats:
        """z-scores of shape (profiles, papers)."""
        dense = self.direction @ papers.vectors.T + self.company @ papers.tastes.T
        return np.asarray(dense + lexical.overlap(self.lift, papers.saturated) - self.offset[:, None], np.float32)


def measure(evidence: Evidence, contrast: Floats, papers: View) -> Floats:
    """The four signals of each paper for each piece of evidence: (evidence, papers, 4)."""
    return np.stack(
        [
            unit(evidence.vectors) @ papers.vectors.T,
            contrast @ papers.vectors.T,
            lexical.overlap(evidence.lift, papers.saturated),
            unit(evidence.tastes) @ papers.tastes.T,
        ],
        axis=2,
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """How signals become a relevance: (sum of share · weight · (signal - mean) - centre) / scale.

    The sum is over pieces of evidence and signals. `weights` are those of the raw signals; they, `means` and
    `deviations` over the crowd are of shape (evidence, 4), `shares` of the pieces in their profiles (profiles,
    evidence), and `centre` and `scale` (profiles,).
    """

    weights: Floats
    means: Floats
    deviations: Floats
    shares: Matrix
    centre: Floats
    scale: Floats


def fold(evidence: Evidence, contrast: Floats, crowd: View, own: Mask, fusion: Fusion) -> tuple[Queries, Floats]:
    """Calibrate the signals over the crowd (one paper or more) and fold them into one query per profile.

    `own` (profiles, papers of the crowd) marks each profile's own examples: they say nothing about strangers and are
    left out. Returns the queries, and the crowd's relevances of the shape of `own`, sorted, NaN for those left out.
    """
    found, relevances = calibrate(evidence, measure(evidence, contrast, crowd), own, fusion)
    mix = sparse.diags(1 / found.scale) @ found.shares
    dense = found.weights[:, [0]] * unit(evidence.vectors) + found.weights[:, [1]] * contrast
    queries = Queries(
        direction=np.asarray(mix @ dense, np.float32),
        company=np.asarray(mix @ (found.weights[:, [3]] * unit(evidence.tastes)), np.float32),
        lift=sparse.csr_matrix(mix @ sparse.diags(found.weights[:, 2]) @ evidence.lift, dtype=np.float32),
        offset=np.asarray(mix @ (found.weights * found.means).sum(axis=1) + found.centre / found.scale, np.float32),
    )
    return queries, np.sort(np.where(own, np.nan, relevances), axis=1)


def calibrate(evidence: Evidence, signals: Floats, own: Mask, fusion: Fusion) -> tuple[Calibration, Floats]:
    """How the crowd's signals (evidence, crowd, 4) become relevances, and these relevances (profiles, crowd)."""
    strangers = ~own
    theirs = strangers[evidence.owner]
    means, deviations = _describe(signals, theirs)
    weights = _weigh(fusion.weigh(evidence.likes), signals, deviations, theirs)
    shares = _shares(evidence, len(own))
    scores = shares @ (np.einsum("ecs,es->ec", signals, weights) - (weights * means).sum(axis=1, keepdims=True))
    positive = np.bincount(evidence.owner[evidence.sign > 0], minlength=len(own)) > 0
    centre, scale = _standardise(scores, strangers, positive)
    found = Calibration(weights, means, deviations, shares, centre, scale)
    return found, np.asarray((scores - centre[:, None]) / scale[:, None], np.float32)


def _describe(signals: Floats, strangers: Mask) -> tuple[Floats, Floats]:
    """The mean and the deviation of each signal over the strangers: both of shape (evidence, 4)."""
    share = _trust(strangers)
    mean, variance = _moments(signals, strangers[:, :, None])
    means = share * mean + (1 - share) * USUAL_MEAN
    deviations = np.sqrt(share * variance + (1 - share) * USUAL_DEVIATION**2)
    return np.asarray(means, np.float32), np.asarray(deviations, np.float32)


def _weigh(wanted: Floats, signals: Floats, deviations: Floats, strangers: Mask) -> Floats:
    """The weight of each raw signal per piece of evidence, (evidence, 4), where `wanted` are those of z-scores.

    A view that is silent about a piece of evidence gets none.
    """
    weights = wanted * signals.any(axis=1)
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6) / deviations
    _, spread = _moments(np.einsum("ecs,es->ec", signals, weights)[:, :, None], strangers[:, :, None])
    # Each piece is brought to deviation one before they are added, so that its share is what `_shares` says.
    share = _trust(strangers)
    return np.asarray(weights / np.sqrt(share * spread + (1 - share) * USUAL_SUM_DEVIATION**2), np.float32)


def _shares(evidence: Evidence, profiles: int) -> Matrix:
    """How much each piece of evidence counts in its profile: (profiles, evidence). Likes outgrow words."""
    worth = np.where(evidence.likes == 0, WORDS_WORTH, evidence.likes)
    side = 2 * evidence.owner + (evidence.sign > 0)  # what is for and what is against are shared out apart
    totals = np.bincount(side, weights=worth, minlength=2 * profiles)
    share = worth / totals[side] * np.where(evidence.sign > 0, 1, -DISLIKE)
    rows = (share.astype(np.float32), (evidence.owner, np.arange(len(share))))
    return sparse.csr_matrix(rows, shape=(profiles, len(share)))


def _standardise(scores: Floats, strangers: Mask, positive: Mask) -> tuple[Floats, Floats]:
    """What to take off every profile's scores over the crowd, and what to divide them by, for mean 0 and deviation 1.

    The less the smaller the crowd is. A profile that only says what it is against keeps its small deviation: to be far
    from that is no match.
    """
    share = _trust(strangers)
    mean, variance = _moments(scores[:, :, None], strangers[:, :, None])
    scale = np.where(positive[:, None], np.sqrt(share * variance + (1 - share)), 1)
    return np.asarray((share * mean)[:, 0], np.float32), np.asarray(scale[:, 0], np.float32)


def _trust(strangers: Mask) -> Floats:
    """How far statistics over the crowd are believed against the usual ones, 0..1, as a column."""
    size = strangers.sum(axis=1, keepdims=True)
    return np.asarray(size / (size + USUAL_WEIGHT), np.float32)


def _moments(values: Floats, counted: Mask) -> tuple[Floats, Floats]:
    """Mean and variance of (rows, crowd, kinds) over the crowd's counted members: (rows, kinds) each."""
    size = np.maximum(counted.sum(axis=1), 1)
    mean = (values * counted).sum(axis=1) / size
    variance = (((values - mean[:, None, :]) * counted) ** 2).sum(axis=1) / size
    return mean, variance


@dataclass(frozen=True, slots=True)
class Standing:
    """How a paper stands in the crowd: `further` of `compared` papers lie further away from the profile."""

    further: int
    compared: int

    @property
    def share(self) -> float:
        return self.further / max(self.compared, 1)


def stand(relevance: float, crowd: Floats) -> Standing:
    """Where `relevance` stands among the crowd's relevances (sorted, NaN last)."""
    known = crowd[~np.isnan(crowd)]
    return Standing(int(np.searchsorted(known, relevance - ROUNDING)), len(known))


def blend(relevance: Floats, trend: Floats, balance: Floats) -> NDArray[np.float64]:
    """The score, 0..1: (1 - balance) s + balance * trend, with s = 1/2 at a relevance of two deviations.

    All three broadcast; a trend that is not known (NaN) counts as the usual. In double precision, so that balance 0
    gives the order of relevance and balance 1 that of the trend.
    """
    known = np.where(np.isnan(trend), UNKNOWN_TREND, trend).astype(np.float64)
    closeness = 1 / (1 + np.exp(2.0 - np.clip(relevance, -30, 30).astype(np.float64)))
    return np.asarray((1 - balance) * closeness + balance * known, np.float64)


def with_trend(papers: View, trend: Floats) -> Floats:
    """The dense views of papers with the trend as one more dimension, for candidate generation."""
    known = np.where(np.isnan(trend), UNKNOWN_TREND, trend)
    return np.column_stack([papers.vectors, papers.tastes, known]).astype(np.float32)


def with_balance(queries: Queries, balance: Floats) -> Floats:
    """The dense part of queries with the trend's pull as one more dimension: `blend` to first order at its middle."""
    pull = 4 * balance / (1 - balance)
    return np.column_stack([queries.direction, queries.company, pull]).astype(np.float32)
