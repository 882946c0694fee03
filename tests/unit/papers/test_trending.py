"""Trend: the invariants of its formula."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers import trending
from digest.papers.trending import (
    Habit,
    clip_prior,
    deserves_badge,
    facts_within,
    field_level,
    growth,
    habit_of,
    hours_listed,
    is_burst,
    is_likely,
    times_usual,
    trend_score,
    usual_votes,
)

votes = st.integers(0, 10**9)
hours = st.floats(0, 24 * 365)
means = st.floats(0, 10**6)
priors = st.floats(1 / 3, 3)
few = st.integers(0, 10_000)


# Invariant 1
@given(votes=few, more=st.integers(1, 1000), hours=hours, mean=means, prior=priors)
def test_more_votes_raise_a_paper_and_move_no_other(
    votes: int, more: int, hours: float, mean: float, prior: float
) -> None:
    before = times_usual([votes, 7], hours, mean, prior)
    after = times_usual([votes + more, 7], hours, mean, prior)
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert trend_score(after)[0] >= trend_score(before)[0]


# Invariant 3
@given(votes=few, hours=st.floats(0, 1000), later=st.floats(0.1, 100), mean=st.floats(1, 1000))
def test_the_same_votes_mean_less_as_time_passes(votes: int, hours: float, later: float, mean: float) -> None:
    young, old = times_usual(votes, [hours, hours + later], mean)
    assert young > old


@given(mean=means, prior=priors)
def test_before_anything_is_known_the_prior_holds(mean: float, prior: float) -> None:
    assert float(times_usual(0, 0.0, mean, prior)) == pytest.approx(prior)


# Invariant 4
@given(votes=votes, hours=hours, mean=means, prior=priors)
def test_the_trend_lies_between_nought_and_one_whatever_the_counts(
    votes: int, hours: float, mean: float, prior: float
) -> None:
    assert 0 < float(trend_score(times_usual(votes, hours, mean, prior))) < 1


def test_the_usual_has_a_floor() -> None:
    assert float(times_usual(3, 10, 0)) == float(times_usual(3, 10, 1))


def test_counts_from_before_the_listing_are_as_at_its_beginning() -> None:
    assert growth(-5) == growth(0) == 0
    assert float(times_usual(3, -5, 25)) == float(times_usual(3, 0, 25))


# Invariant 9
@given(counts=st.lists(few, min_size=2, max_size=20), hours=hours, mean=st.floats(1, 1000), factor=st.floats(1, 100))
def test_scale_makes_no_difference(counts: list[int], hours: float, mean: float, factor: float) -> None:
    plain = times_usual(counts, hours, mean)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trending, "SHRINKAGE", trending.SHRINKAGE * factor)
        scaled = times_usual(np.array(counts) * factor, hours, mean * factor)
    np.testing.assert_allclose(scaled, plain, rtol=1e-9)


@given(hours=st.lists(st.floats(1, 1000), min_size=1, max_size=50))
def test_papers_that_grow_as_usual_are_estimated_at_the_usual(hours: list[float]) -> None:
    assert usual_votes(25 * growth(hours), hours) == pytest.approx(25)
    assert 25 < usual_votes(80 * growth(hours), hours) < 80


def test_with_history_the_estimate_is_the_mean_of_the_eventual_votes() -> None:
    hours = np.linspace(1, 500, 5000)
    assert usual_votes(80 * growth(hours), hours) == pytest.approx(80, rel=0.02)
    assert usual_votes([], []) == 25
    assert usual_votes([0] * 5000, hours) == 1


def test_the_numbers_of_the_documentation() -> None:
    assert float(growth(10)) == 0.5
    assert float(times_usual(54, 20, 25)) == pytest.approx(58 / (25 * 20 / 30 + 4))
    assert trend_score([1, 3]).tolist() == [0.5, 0.75]


@pytest.mark.parametrize(
    ("times", "votes", "hours", "deserved"),
    [(2.0, 10, 6.0, True), (1.99, 10, 6.0, False), (2.0, 9, 6.0, False), (2.0, 10, 5.9, False)],
)
def test_a_badge_needs_votes_time_and_a_multiple_of_the_usual(
    times: float, votes: int, hours: float, deserved: bool
) -> None:
    assert deserves_badge({"times": times, "votes": votes, "hours": hours}) is deserved


@pytest.mark.parametrize("facts", [None, {}, {"prior": 3.0, "likely": True}, {"times": 9.0, "hours": 9.0}])
def test_a_paper_whose_votes_are_not_known_has_no_badge(facts: dict[str, Any] | None) -> None:
    assert not deserves_badge(facts)


@given(hours=hours, mean=means, prior=priors)
def test_votes_that_are_not_known_leave_the_prior_and_are_not_nought(hours: float, mean: float, prior: float) -> None:
    unknown, nought = times_usual([np.nan, 0.0], hours, mean, prior)
    assert unknown == prior
    assert nought < prior or hours == 0 or nought == pytest.approx(prior)


@given(prior=st.floats())
def test_a_prior_stays_within_its_bounds_whatever_it_was(prior: float) -> None:
    assert 1 / 3 <= float(clip_prior(prior)) <= 3
    assert float(clip_prior(np.nan)) == 1


def test_hours_run_from_the_beginning_of_the_listing_day_to_the_count() -> None:
    assert hours_listed(date(2026, 5, 5), datetime(2026, 5, 6, 6, tzinfo=UTC)) == 30
    assert hours_listed(date(2026, 5, 5), datetime(2026, 5, 4, 6, tzinfo=UTC)) == 0


def test_each_source_has_its_own_usual_and_its_own_half_time() -> None:
    slow = Habit(usual=4.0, half_time=40.0)
    assert usual_votes([], [], slow) == 4
    assert float(growth(40, slow.half_time)) == 0.5
    assert usual_votes(80 * growth(np.full(5000, 40.0), 40.0), np.full(5000, 40.0), slow) == pytest.approx(80, rel=0.02)
    assert habit_of("readers") != habit_of("huggingface") == habit_of("files")


def test_a_field_is_as_usual_until_many_papers_say_otherwise() -> None:
    assert field_level([]) == 1
    assert field_level([0.25] * 30) == pytest.approx(0.625)
    assert field_level([0.25] * 30_000) == pytest.approx(0.25, rel=0.01)


FACTS = {"votes": 12, "hours": 20.0, "times": 1.5, "field": {"name": "cs.SD", "times": 2.4}}


@pytest.mark.parametrize("followed", [["cs.SD"], ["cs"], ["cs.CL", "cs.SD"]])
def test_within_a_field_that_one_reads_a_paper_is_measured_by_it(followed: list[str]) -> None:
    assert facts_within(FACTS, followed) == FACTS | {"times": 2.4, "for": "cs.SD"}
    assert deserves_badge(facts_within(FACTS, followed))


@pytest.mark.parametrize("followed", [[], ["cs.CL"], ["eess"]])
def test_outside_of_the_fields_that_one_reads_it_is_measured_by_all(followed: list[str]) -> None:
    assert facts_within(FACTS, followed) == FACTS
    assert facts_within(None, ["cs"]) is None


def test_what_is_foreseen_may_be_called_likely_only_without_votes() -> None:
    assert is_likely({"prior": 2.5, "likely": True})
    assert not is_likely({"prior": 2.5, "likely": False})
    assert not is_likely({"votes": 0, "likely": True})
    assert not is_likely(None)


@pytest.mark.parametrize(
    ("votes", "times", "confirmed", "burst"),
    [(10, 5.0, False, True), (10, 5.0, True, False), (9, 5.0, False, False), (10, 4.9, False, False)],
)
def test_many_votes_that_nothing_else_confirms_are_a_burst(
    votes: int, times: float, confirmed: bool, burst: bool
) -> None:
    assert is_burst({"votes": votes, "times": times}, confirmed=confirmed) is burst
