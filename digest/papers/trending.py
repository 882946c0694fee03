"""Trend: how many times the usual attention for its age a paper has. Pure functions over arrays.

    expected(h) = M h / (h + half_time)     votes a typical paper has h hours into its listing day
    times       = (votes + 4 p) / (expected(h) + 4)
    trend       = times / (1 + times)       0..1; 0.5 is usual, 0.75 is three times usual

`h` runs from 00:00 UTC of the day on which the source listed the paper to the moment of counting, `p` is a prior (1
when nothing is known) and `M` the mean of eventual votes over the last weeks. Each source of votes has its own `M` and
half-time. Source: Gamma-Poisson shrinkage of votes towards the cohort's growth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHRINKAGE = 4.0  # votes' worth of prior
USUAL_WEIGHT = 30.0  # papers' worth of the M that a source begins with
FIELD_WEIGHT = 30.0  # papers' worth of a field's being as usual
LEAST_PRIOR, MOST_PRIOR = 1 / 3, 3.0
BADGE_TIMES, BADGE_VOTES, BADGE_HOURS = 2.0, 10, 6.0
BURST_TIMES = 5.0

Facts = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Habit:
    """How a source's votes grow: M before the instance has a history of its own, and the hours until half are in."""

    usual: float = 25.0
    half_time: float = 10.0


USUAL_HABIT = Habit()  # measured on Hugging Face, see docs/trending.md
READERS = "readers"  # the source of this instance's own votes
HABITS = {READERS: Habit(usual=1.0, half_time=24.0)}  # a mail a day


def habit_of(source: str) -> Habit:
    return HABITS.get(source, USUAL_HABIT)


def hours_listed(listed_on: date, counted_at: datetime) -> float:
    """Hours from the beginning of a listing day to a moment; 0 before it."""
    return max(0.0, (counted_at - datetime.combine(listed_on, time(), UTC)).total_seconds() / 3600)


def growth(hours: ArrayLike, half_time: float = USUAL_HABIT.half_time) -> Floats:
    """The share of its eventual votes that a paper has after `hours`, 0..1."""
    elapsed = np.maximum(np.asarray(hours, dtype=np.float64), 0.0)
    return elapsed / (elapsed + half_time)


def usual_votes(votes: ArrayLike, hours: ArrayLike, habit: Habit = USUAL_HABIT) -> float:
    """M, the mean of eventual votes, estimated from the latest counts; never below one."""
    seen = np.sum(np.maximum(np.asarray(votes, dtype=np.float64), 0.0))
    shares = np.sum(growth(hours, habit.half_time))
    return max(1.0, float((seen + habit.usual * USUAL_WEIGHT) / (shares + USUAL_WEIGHT)))


def times_usual(
    votes: ArrayLike,
    hours: ArrayLike,
    mean_votes: float,
    prior: ArrayLike = 1.0,
    half_time: float = USUAL_HABIT.half_time,
) -> Floats:
    """Lambda: how many times the usual for its age, shrunk towards `prior`; votes that are NaN are not known."""
    counted, expected = np.asarray(votes, dtype=np.float64), np.asarray(prior, dtype=np.float64)
    usual = max(mean_votes, 1.0) * growth(hours, half_time)
    times = (np.maximum(counted, 0.0) + SHRINKAGE * expected) / (usual + SHRINKAGE)
    return np.where(np.isnan(counted), expected, times)


def trend_score(times: ArrayLike) -> Floats:
    """`times` brought into 0..1."""
    ratio = np.asarray(times, dtype=np.float64)
    return ratio / (1.0 + ratio)


def clip_prior(prior: ArrayLike) -> Floats:
    """A prior within its bounds; one that is not known is 1."""
    return np.clip(np.nan_to_num(np.asarray(prior, dtype=np.float64), nan=1.0), LEAST_PRIOR, MOST_PRIOR)


def field_level(times: ArrayLike) -> float:
    """How many times the usual a field's papers have on average, shrunk towards one."""
    seen = np.asarray(times, dtype=np.float64)
    return float((seen.sum() + FIELD_WEIGHT) / (seen.size + FIELD_WEIGHT))


def deserves_badge(facts: Facts | None) -> bool:
    """Whether a paper may be called trending: enough votes, for long enough, well above the usual.

    A paper whose votes nobody counted never may, whatever is foreseen of it.
    """
    return bool(
        facts
        and facts.get("votes", 0) >= BADGE_VOTES
        and facts["hours"] >= BADGE_HOURS
        and facts["times"] >= BADGE_TIMES
    )


def is_likely(facts: Facts | None) -> bool:
    """Whether a paper without votes is among those of its day that are likeliest to trend."""
    return bool(facts and "votes" not in facts and facts.get("likely"))


def field_of(categories: Sequence[str]) -> str:
    """The field of a paper is the first of its categories; empty when it has none."""
    return categories[0] if categories else ""


def names_of(field: str) -> set[str]:
    """The categories that a field is in: its own, and `cs` for every `cs.*`."""
    return {field, field.partition(".")[0]} - {""}


def facts_within(facts: Facts | None, categories: Sequence[str]) -> Facts | None:
    """The facts by the measure of the paper's own field, where that is one of `categories` (or in one as `cs`)."""
    field = (facts or {}).get("field")
    if not facts or not field or names_of(field["name"]).isdisjoint(categories):
        return facts
    return facts | {"times": field["times"], "for": field["name"]}


def is_burst(facts: Facts, confirmed: bool) -> bool:  # noqa: FBT001 - the one thing asked for
    """Whether votes are so many that a second source, or a comment, should have noticed the paper too."""
    return facts["votes"] >= BADGE_VOTES and facts["times"] >= BURST_TIMES and not confirmed
