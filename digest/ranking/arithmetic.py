"""A relevance taken apart into the numbers that `scoring.fold` makes it of. Pure arithmetic on arrays."""

from dataclasses import dataclass

import numpy as np

from digest.ranking import scoring
from digest.ranking.fusion import SIGNALS, Fusion
from digest.ranking.scoring import Evidence, Floats, Mask, Queries, View


@dataclass(frozen=True, slots=True)
class Part:
    """One signal of one piece of evidence: product = share · weight · z, with z = (value - mean) / deviation."""

    signal: str
    value: float
    mean: float
    deviation: float
    z: float
    weight: float
    product: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence and what it adds: `kind` is words, likes, dislikes or against, `share` below 0 takes away.

    `papers` are as many as it was averaged over, 0 for words.
    """

    kind: str
    papers: int
    share: float
    parts: list[Part]

    @property
    def product(self) -> float:
        return sum(part.product for part in self.parts)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a paper's likeness to a profile comes about: (raw - centre) / scale, where raw is the sum of all products.

    `lift` says by column what each term of the paper adds to the likeness.
    """

    pieces: list[Piece]
    centre: float
    scale: float
    lift: dict[int, float]

    @property
    def raw(self) -> float:
        return sum(piece.product for piece in self.pieces)

    @property
    def value(self) -> float:
        """The relevance that `Queries.relevance` gives."""
        return (self.raw - self.centre) / self.scale


@dataclass(frozen=True, slots=True)
class Workings:
    """All that `scoring.fold` is given."""

    evidence: Evidence
    contrast: Floats
    crowd: View
    own: Mask
    fusion: Fusion

    def fold(self) -> tuple[Queries, Floats]:
        return scoring.fold(self.evidence, self.contrast, self.crowd, self.own, self.fusion)


def take_apart(workings: Workings, paper: View) -> list[Likeness]:
    """The likeness of one paper (a view of one row) to each profile."""
    evidence, contrast = workings.evidence, workings.contrast
    over_crowd = scoring.measure(evidence, contrast, workings.crowd)
    found, _ = scoring.calibrate(evidence, over_crowd, workings.own, workings.fusion)
    values = scoring.measure(evidence, contrast, paper)[:, 0, :]
    pieces = [_piece(evidence, found, place, values[place]) for place in range(len(values))]
    return [
        Likeness(
            pieces=[pieces[place] for place in np.flatnonzero(evidence.owner == profile)],
            centre=float(found.centre[profile]),
            scale=float(found.scale[profile]),
            lift=_lift(evidence, found, profile, paper),
        )
        for profile in range(len(found.scale))
    ]


def _piece(evidence: Evidence, found: scoring.Calibration, place: int, values: Floats) -> Piece:
    share = float(found.shares[evidence.owner[place], place])
    papers, wanted = int(evidence.likes[place]), bool(evidence.sign[place] > 0)
    kinds = {(False, True): "words", (True, True): "likes", (True, False): "dislikes", (False, False): "against"}
    columns = (values, found.means[place], found.deviations[place], found.weights[place])
    parts = [_part(name, share, *map(float, numbers)) for name, *numbers in zip(SIGNALS, *columns, strict=True)]
    return Piece(kinds[papers > 0, wanted], papers, share, parts)


def _part(signal: str, share: float, *numbers: float) -> Part:
    """`numbers`: value, mean, deviation and the weight of the raw signal."""
    value, mean, deviation, by_value = numbers
    z, weight = (value - mean) / deviation, by_value * deviation
    return Part(signal, value, mean, deviation, z, weight, share * weight * z)


def _lift(evidence: Evidence, found: scoring.Calibration, profile: int, paper: View) -> dict[int, float]:
    """By column, what the terms that the paper has in common with the profile add to its likeness."""
    worth = found.shares[[profile]].multiply(found.weights[:, 2] / found.scale[profile])
    added = ((worth @ evidence.lift).multiply(paper.saturated)).tocoo()
    return dict(zip(added.col.tolist(), added.data.tolist(), strict=True))
