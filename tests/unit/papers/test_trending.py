"""Trend: the invariants of its formula, and which papers a run works on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from factories import make_paper
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from digest.db import Database
from digest.papers import trending
from digest.papers.trending import deserves_badge, growth, plan, times_usual, trend_score, usual_votes, work
from digest.tables import Paper, Signal

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


@pytest.mark.parametrize("facts", [None, {}])
def test_a_paper_without_facts_has_no_badge(facts: dict[str, float] | None) -> None:
    assert not deserves_badge(facts)


def count(session: Session, paper: Paper, at: datetime, value: int, **fields: str) -> None:
    given = {"source": "huggingface", "kind": "votes"} | fields
    session.add(Signal(paper_id=paper.id, observed_at=at, value=value, **given))
    session.flush()


def run(session: Session, now: datetime) -> list[int]:
    """Plan and work, as a run does; the ids that were planned."""
    planned = plan(session, now)
    work(session, now, planned)
    session.flush()
    return planned


def test_a_paper_gets_its_trend_from_its_votes(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now, announced_at=datetime(2026, 5, 5, 7, 30, tzinfo=UTC))
        count(session, paper, datetime(2026, 5, 6, 6, tzinfo=UTC), 54)
        count(session, paper, datetime(2026, 5, 6, 5, tzinfo=UTC), 3, kind="comments")
        assert run(session, now) == [paper.id]
        assert paper.trend_facts is not None
        mean = usual_votes([54], [30.0])
        times = float(times_usual(54, 30.0, mean))
        assert paper.trend_facts == {"votes": 54, "comments": 3, "hours": 30.0, "times": round(times, 2)}
        assert paper.trend == pytest.approx(float(trend_score(times)))


def test_what_nobody_counted_stays_unknown(database: Database, now: datetime) -> None:
    with database.session() as session:
        silent, starred = make_paper(session, now), make_paper(session, now)
        count(session, starred, now - timedelta(hours=1), 500, kind="stars")
        assert run(session, now) == []
        assert (silent.trend, starred.trend) == (None, None)


# Invariant 7
def test_a_count_of_the_future_changes_nothing(database: Database, now: datetime) -> None:
    with database.session() as session:
        ahead, counted = make_paper(session, now), make_paper(session, now)
        count(session, ahead, now + timedelta(minutes=1), 900)
        count(session, counted, now, 20)
        count(session, counted, now + timedelta(minutes=1), 900)
        assert run(session, now) == [counted.id]
        assert counted.trend_facts is not None
        assert counted.trend_facts["votes"] == 20
        assert counted.trend_facts["times"] == round(float(times_usual(20, 9.0, usual_votes([20], [9.0]))), 2)


def test_counts_may_fall_and_the_latest_wins(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)
        count(session, paper, now - timedelta(hours=1), 30)  # stored first, counted last
        count(session, paper, now - timedelta(hours=2), 50)
        run(session, now)
        assert paper.trend_facts is not None
        assert paper.trend_facts["votes"] == 30


def test_of_several_sources_the_largest_latest_count_is_taken(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)
        count(session, paper, now - timedelta(hours=3), 90, source="files")
        count(session, paper, now - timedelta(hours=2), 20, source="files")
        count(session, paper, now - timedelta(hours=1), 40)
        run(session, now)
        assert paper.trend_facts is not None
        assert paper.trend_facts["votes"] == 40


def test_a_second_run_plans_nothing_until_something_is_counted(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper, _other = make_paper(session, now), make_paper(session, now)
        count(session, paper, now - timedelta(hours=2), 10)
        assert run(session, now) == [paper.id]
        assert run(session, now) == []
        count(session, paper, now - timedelta(hours=1), 10)
        assert run(session, now) == [paper.id]


def test_a_second_run_plans_nothing_when_the_later_count_is_the_smaller(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)
        count(session, paper, now - timedelta(hours=2), 40)
        count(session, paper, now - timedelta(hours=1), 20, source="files")
        assert run(session, now) == [paper.id]
        assert run(session, now) == []


def test_an_old_paper_is_followed_no_longer(database: Database, now: datetime) -> None:
    with database.session() as session:
        old = make_paper(session, now, announced_at=now - trending.FOLLOWED)
        count(session, old, now, 90)
        assert run(session, now) == []


def test_the_usual_is_learnt_from_the_papers_of_the_last_weeks(database: Database, now: datetime) -> None:
    with database.session() as session:
        for age, value in ((20, 400), (21, 300), (40, 100_000)):
            count(session, make_paper(session, now, announced_at=now - timedelta(days=age)), now, value)
        paper = make_paper(session, now)
        count(session, paper, now, 20)
        run(session, now)
        mean = usual_votes([400, 300, 20], [20 * 24 + 9, 21 * 24 + 9, 9.0])
        assert paper.trend == pytest.approx(float(trend_score(times_usual(20, 9.0, mean))))


# Invariant 6
def test_batches_make_no_difference(database: Database, now: datetime) -> None:
    with database.session() as session:
        papers = [make_paper(session, now) for _ in range(4)]
        for number, paper in enumerate(papers):
            count(session, paper, now - timedelta(hours=1), 10 * number)
        work(session, now, [paper.id for paper in papers])
        at_once = [paper.trend for paper in papers]
        for paper in reversed(session.exec(select(Paper)).all()):
            work(session, now, [paper.id])
        assert [paper.trend for paper in papers] == at_once
        assert len(set(at_once)) == len(papers)
