"""How quality grows with what is known of a user: from one sentence to ten liked papers, with phrases and without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digest.evaluation import bootstrap, report
from digest.evaluation.bootstrap import Interval
from digest.evaluation.comparison import Bench, Progress
from digest.evaluation.conditions import Conditions
from digest.evaluation.plot import Series
from digest.evaluation.tasks import Method

METHODS = ("digest", "dense-centroid", "tfidf-centroid")  # drawn unless others are asked for
LIKES = (0, 1, 2, 5, 10)  # none stands for a sentence alone
PHRASES = 3
STEPS = ("a sentence", "1 liked", "2 liked", "5 liked", "10 liked")


@dataclass(frozen=True, slots=True)
class Curve:
    """A method's nDCG@20 at each of LIKES, with `phrases` beside them."""

    method: str
    phrases: int
    values: list[Interval]

    @property
    def label(self) -> str:
        return f"{self.method}, {self.phrases} phrases" if self.phrases else self.method


def draw(bench: Bench, methods: Mapping[str, Method], users: int | None, progress: Progress) -> list[Curve]:
    """The curves of each method for the users with ten liked papers or more, the same at every step."""
    curves = {(name, phrases): Curve(name, phrases, []) for name in methods for phrases in (0, PHRASES)}
    for likes in LIKES:
        for phrases in (0, PHRASES):
            under = Conditions(users, likes, phrases, sentence=likes == 0)
            for outcome in bench.compare(under, methods, progress):
                found = bootstrap.interval(outcome.values[report.LEADING])
                curves[outcome.method, phrases].values.append(found)
    return list(curves.values())


def write(curves: Sequence[Curve]) -> str:
    """A table for a person."""
    return report.align(
        (report.LEADING, *STEPS),
        [(curve.label, *(report.number(value.mean) for value in curve.values)) for curve in curves],
    )


def as_data(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    return [
        {"method": curve.method, "phrases": curve.phrases, "likes": likes, **report.plain(value)}
        for curve in curves
        for likes, value in zip(LIKES, curve.values, strict=True)
    ]


def as_series(curves: Sequence[Curve]) -> list[Series]:
    """The lines of a plot; a method has one colour, and dashes where phrases help."""
    colours = {name: place for place, name in enumerate(dict.fromkeys(curve.method for curve in curves))}
    return [Series(curve.label, curve.values, colours[curve.method], dashed=curve.phrases > 0) for curve in curves]
