"""Late fusion: how much each signal weighs, by how long the texts are and how much a profile says, and learning it.

Titles alone leave most to the vectors, abstracts most to the words; with few likes the contrast is not yet sure.
Where there are readers enough, the weights are learnt from them: a part of what they like is hidden and ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SIGNALS = ("closeness", "contrast", "lift", "company")
FEW, MANY = 2, 10  # papers liked; between them the weights pass from the one to the other
TITLE, ABSTRACT = 20.0, 200.0  # different terms in a text
# Rows: few and many papers liked. Measured on sets with titles only and with abstracts: docs/ranking.md.
OF_TITLES = np.array([[0.6, 0.2, 0.2, 0.0], [0.25, 0.55, 0.2, 0.1]], np.float32)
OF_ABSTRACTS = np.array([[0.3, 0.1, 0.6, 0.0], [0.05, 0.3, 0.65, 0.1]], np.float32)
BEST = 60  # of every signal, the papers that the hidden ones have to be told from
STEEPNESS = 2.0  # the sum of the weights at which learning starts
PULL = 0.4  # towards the usual weights, over the root of the number of readers
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Fusion:
    """The weights (4,) of the z-scored signals for who likes few papers and for who likes many."""

    few: Floats
    many: Floats

    def weigh(self, likes: Ints) -> Floats:
        """The weights by the number of papers liked, 0 for words: (len(likes), 4)."""
        share = _between(np.maximum(likes, 1), FEW, MANY)[:, None]
        return np.asarray((1 - share) * self.few + share * self.many, np.float32)


def usual(text_length: float) -> Fusion:
    """The weights before anything is learnt, by how many different terms the papers' texts have on average."""
    share = _between(np.array([max(text_length, 1.0)]), TITLE, ABSTRACT)
    few, many = (1 - share) * OF_TITLES + share * OF_ABSTRACTS
    return Fusion(few.astype(np.float32), many.astype(np.float32))


def _between(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.float64]:
    """Where values stand between low and high on a logarithmic scale, 0..1."""
    return np.asarray(np.clip(np.log(np.asarray(values, np.float64) / low) / np.log(high / low), 0, 1))


def learn(signals: Floats, hidden: Sequence[Ints], prior: Floats) -> Floats:
    """Weights that put the hidden papers before all others, drawn to `prior` the more the fewer readers there are.

    `signals` (readers, papers, 4) are raw; `hidden` names each reader's papers, one or more. It is a listwise softmax
    over the hidden papers and the best of each signal. Returns weights (4,) that are not negative and sum to one.
    """
    from scipy.optimize import minimize

    lists = [_shortlist(scores, theirs) for scores, theirs in zip(_standardise(signals), hidden, strict=True)]
    rows = np.concatenate([scores for scores, _ in lists]).astype(np.float64)
    wanted = np.concatenate([share for _, share in lists])
    starts = np.cumsum([0, *(len(share) for _, share in lists[:-1])])
    sizes = [len(share) for _, share in lists]
    start = STEEPNESS * prior.astype(np.float64) / prior.sum()
    pull = PULL / np.sqrt(len(lists))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = rows @ weights
        shifted = scores - np.repeat(np.maximum.reduceat(scores, starts), sizes)
        total = np.repeat(np.add.reduceat(np.exp(shifted), starts), sizes)
        likelihood = (wanted * (shifted - np.log(total))).sum() / len(lists)
        slope = rows.T @ (wanted - np.exp(shifted) / total) / len(lists)
        away = weights - start
        return float(-likelihood + pull * away @ away), -slope + 2 * pull * away

    bounds = [(0.0, None)] * len(start)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": ROUNDS}).x
    return np.asarray(found / found.sum() if found.sum() > 0 else prior / prior.sum(), np.float32)


def _standardise(signals: Floats) -> Floats:
    """Each signal of each reader at mean 0 and deviation 1 over the papers."""
    mean, deviation = signals.mean(axis=1, keepdims=True), signals.std(axis=1, keepdims=True)
    return np.asarray((signals - mean) / np.maximum(deviation, 1e-6), np.float32)


def _shortlist(scores: Floats, hidden: Ints) -> tuple[Floats, NDArray[np.float64]]:
    """The signals of the hidden papers and of the best others, and the share that each should have of the softmax."""
    best = min(BEST, len(scores))
    rows = np.unique(np.concatenate([hidden, *np.argpartition(-scores, best - 1, axis=0)[:best].T]))
    return scores[rows], np.isin(rows, hidden) / len(hidden)
