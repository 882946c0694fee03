"""Which of two rankers readers prefer, told by the votes on team drafts. Pure arithmetic."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from scipy.stats import binomtest

Z = 1.959964  # deviations of a normal distribution within which 95 % lies


@dataclass(frozen=True, slots=True)
class Match:
    """A reader's edition of two teams with votes on it: per ranker, the votes for more less those for less."""

    reader: int
    balance: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`first` against `second`: an edition is won by the ranker whose picks have the better balance of votes.

    Readers differ in how much they vote, so each counts once: `preference` is the mean over readers of the share of
    their editions that `first` won, a tie being half; `low` and `high` bound it; `p` is of the two-sided sign test over
    the readers with whom one of the two won more often (None without any).
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    readers: int
    preference: float
    low: float
    high: float
    p: float | None


def compare(matches: Iterable[Match]) -> list[Comparison]:
    """A comparison for every pair of rankers that met, in the order of their names."""
    met: dict[tuple[str, str], list[Match]] = defaultdict(list)
    for match in matches:
        first, second = sorted(match.balance)
        met[first, second].append(match)
    return [_compare(first, second, met[first, second]) for first, second in sorted(met)]


def _compare(first: str, second: str, matches: list[Match]) -> Comparison:
    by_reader: dict[int, list[int]] = defaultdict(list)
    for match in matches:
        by_reader[match.reader].append(_sign(match.balance[first] - match.balance[second]))
    outcomes = Counter(outcome for own in by_reader.values() for outcome in own)
    shares = [(sum(own) / len(own) + 1) / 2 for own in by_reader.values()]
    preference = sum(shares) / len(shares)
    low, high = wilson(preference, len(shares))
    sides = Counter(_sign(sum(own)) for own in by_reader.values())
    decided = sides[1] + sides[-1]
    return Comparison(
        first=first,
        second=second,
        wins=outcomes[1],
        losses=outcomes[-1],
        ties=outcomes[0],
        readers=len(by_reader),
        preference=preference,
        low=low,
        high=high,
        p=float(binomtest(sides[1], decided).pvalue) if decided else None,
    )


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def wilson(mean: float, size: int) -> tuple[float, float]:
    """Wilson's score interval (95 %) of a share, or of the mean of `size` numbers between 0 and 1.

    Such numbers vary at most as much as noughts and ones of the same mean, so the interval is never too narrow; and
    unlike resampling it does not shrink to nothing when the few that there are agree.
    """
    centre, spread = mean + Z**2 / (2 * size), Z * sqrt(mean * (1 - mean) / size + (Z / (2 * size)) ** 2)
    low, high = ((centre + side * spread) / (1 + Z**2 / size) for side in (-1, 1))
    return max(low, 0.0), min(high, 1.0)
