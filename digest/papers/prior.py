"""The prior of a paper before any vote: how many times the usual attention is foreseen from its text and its authors.

    log p = intercept + sum(w of its words and word pairs) / sqrt(n) + sum(a of its authors) / sqrt(m) + c log(1 + m)

A ridge on the logarithm of lambda, over hashed features, so that no encoder is needed and no name is kept. On the
authors it amounts to the record of each, shrunk towards nothing known. A second set of weights knows the text alone.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from digest.errors import ConfigurationError, InvalidRequest
from digest.papers.trending import SHRINKAGE, Floats, clip_prior, growth, usual_votes

BUCKETS = 2**14  # hashed words, and as many hashed authors
PENALTY = 4.0
FEWEST = 300  # papers that a fit needs
BLOCK = 28  # days that have an M of their own
MANY_AUTHORS = 5.0  # the number of authors at which their number says nothing
_SHIPPED = "prior.json"
_WORD = r"(?u)\b[a-z][a-z0-9\-]+\b"

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of a paper before anybody voted: title and abstract, the authors' names, and how many they are."""

    text: str
    authors: Sequence[str]
    author_count: int


@dataclass(frozen=True, slots=True)
class Formula:
    """One linear formula: an intercept, and a weight for each feature."""

    intercept: float
    weights: Weights

    @classmethod
    def read(cls, told: dict[str, Any]) -> Self:
        weights = np.frombuffer(base64.b64decode(told["weights"]), "<f2").astype(np.float32)
        return cls(float(told["intercept"]), weights)

    def tell(self) -> dict[str, Any]:
        weights = base64.b64encode(self.weights.astype("<f2").tobytes()).decode()
        return {"intercept": round(self.intercept, 6), "weights": weights}


@dataclass(frozen=True, slots=True)
class Prior:
    """The formula with the authors and the one without, and `about`: on what they were fitted."""

    whole: Formula
    text: Formula
    about: dict[str, Any] = field(default_factory=dict)
    ignores_authors: bool = False

    def predict(self, works: Sequence[Work]) -> Floats:
        """The prior of each work, within its bounds."""
        if not works:
            return np.empty(0)
        formula = self.text if self.ignores_authors else self.whole
        features = _features(works, with_authors=not self.ignores_authors)
        return clip_prior(np.exp(np.clip(features @ formula.weights + formula.intercept, -5, 5)))

    def without_authors(self) -> "Prior":
        """The same, but whoever wrote a paper makes no difference."""
        return replace(self, ignores_authors=True)

    def to_json(self) -> str:
        return json.dumps({"about": self.about, "whole": self.whole.tell(), "text": self.text.tell()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ConfigurationError for what this release did not write."""
        try:
            told = json.loads(text)
            made = cls(Formula.read(told["whole"]), Formula.read(told["text"]), dict(told["about"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"The prior of the trend cannot be read ({error}): fit it anew.") from error
        if (len(made.whole.weights), len(made.text.weights)) != (2 * BUCKETS + 1, BUCKETS):
            raise ConfigurationError("The prior of the trend is of another release: fit it anew.")
        return made


@cache
def shipped() -> Prior:
    """The prior that comes with the package."""
    return Prior.from_json(files(__package__).joinpath(_SHIPPED).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Past:
    """Papers with the day of their listing and their latest votes, counted `hours` into it (one entry each)."""

    works: Sequence[Work]
    days: Sequence[date]
    votes: Floats
    hours: Floats

    def expected(self) -> Floats:
        """The votes that were usual at that age in the four weeks of the listing."""
        weeks = np.array([day.toordinal() // BLOCK for day in self.days])
        usual = np.empty(len(weeks))
        for week in np.unique(weeks):
            of_week = weeks == week
            usual[of_week] = usual_votes(self.votes[of_week], self.hours[of_week])
        return usual * growth(self.hours)


def fit(past: Past, about: dict[str, Any]) -> Prior:
    """Fit both formulas. Raises InvalidRequest for fewer papers than that needs."""
    works, votes = past.works, past.votes
    if len(works) < FEWEST:
        raise InvalidRequest(f"A prior needs {FEWEST} papers whose votes were counted; there are {len(works)}.")
    expected = past.expected()
    target = np.log((np.maximum(votes, 0) + SHRINKAGE) / (expected + SHRINKAGE))
    certainty = expected / (expected + SHRINKAGE)
    formulas = []
    for with_authors in (True, False):
        features = _features(works, with_authors=with_authors)
        formula = _regress(features, target, certainty)
        foreseen = np.exp(np.clip(features @ formula.weights + formula.intercept, -5, 5))
        level = np.log(max(float(votes.sum()), 1.0) / float((expected * foreseen).sum()))
        formulas.append(replace(formula, intercept=formula.intercept + float(level)))  # a mean, not a middle
    days = {"first_day": min(past.days).isoformat(), "last_day": max(past.days).isoformat()}
    return Prior(formulas[0], formulas[1], {"papers": len(works), **days, "penalty": PENALTY} | about)


def _regress(features: Any, target: Floats, certainty: Floats) -> Formula:
    from sklearn.linear_model import Ridge

    solved = Ridge(alpha=PENALTY, solver="sparse_cg", tol=1e-4).fit(features, target, sample_weight=certainty)
    return Formula(float(solved.intercept_), solved.coef_.astype(np.float16).astype(np.float32))


def _features(works: Sequence[Work], *, with_authors: bool) -> Any:
    """A sparse row for each work: its words and pairs, and with the authors their names and how many they are."""
    from scipy import sparse

    words = _hash([work.text for work in works], {"ngram_range": (1, 2), "token_pattern": _WORD})
    if not with_authors:
        return words
    names = _hash([[*map(_normalise, work.authors)] for work in works], {"analyzer": list})
    counts = [np.log1p(max(work.author_count, len(work.authors), 0)) for work in works]
    crowd = sparse.csr_matrix((np.array(counts)[:, None] - np.log1p(MANY_AUTHORS)) / 2)
    return sparse.hstack([words, names, crowd], format="csr")


def _hash(documents: Sequence[Any], how: dict[str, Any]) -> Any:
    """Hashed features that are there or not, each row of length one."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(n_features=BUCKETS, alternate_sign=False, binary=True, norm="l2", **how)
    return hasher.transform(documents)


def _normalise(name: str) -> str:
    return " ".join(name.casefold().split())
