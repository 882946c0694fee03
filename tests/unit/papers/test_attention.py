"""The stage of the trend: which papers a run works on, what it makes of their counts, and what it foresees."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import structlog
from browsing import ONE_DATABASE
from factories import make_paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from digest.db import Database
from digest.papers import attention
from digest.papers.attention import Cohort, Sighting
from digest.papers.prior import BUCKETS, Formula, Prior
from digest.papers.signals import note_listings
from digest.papers.trending import READERS, deserves_badge, is_likely, times_usual, trend_score, usual_votes
from digest.tables import Paper, PaperListing, Signal, TrendPrior

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FLAT = Prior(Formula(0.0, np.zeros(2 * BUCKETS + 1, np.float32)), Formula(0.0, np.zeros(BUCKETS, np.float32)))


def count(session: Session, paper: Paper, at: datetime, value: int, **fields: str) -> None:
    given = {"source": "huggingface", "kind": "votes"} | fields
    session.add(Signal(paper_id=paper.id, observed_at=at, value=value, **given))
    note_listings(session, {(paper.id, given["source"]): paper.announced_at.date()})
    session.flush()


def run(session: Session, now: datetime) -> list[int]:
    """Plan and work, as a run does; the ids that were planned."""
    planned = attention.plan(session, now)
    attention.work(session, now, planned, FLAT)
    session.flush()
    return planned


def add(session: Session, now: datetime, **fields: Any) -> Paper:
    """A paper of which something was foreseen already: nothing in particular."""
    return make_paper(session, now, **({"prior": 1.0} | fields))


def test_a_paper_gets_its_trend_from_its_votes(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now, announced_at=datetime(2026, 5, 5, 7, 30, tzinfo=UTC))
        count(session, paper, datetime(2026, 5, 6, 6, tzinfo=UTC), 54)
        count(session, paper, datetime(2026, 5, 6, 5, tzinfo=UTC), 3, kind="comments")
        assert run(session, now) == [paper.id]
        assert paper.trend_facts is not None
        mean = usual_votes([54], [30.0])
        times = float(times_usual(54, 30.0, mean))
        assert paper.trend_facts == {
            "votes": 54,
            "comments": 3,
            "hours": 30.0,
            "times": times,
            "source": "huggingface",
        }
        assert paper.trend == pytest.approx(float(trend_score(times)))


def test_what_nobody_counted_stays_unknown(database: Database, now: datetime) -> None:
    with database.session() as session:
        silent, starred = add(session, now), add(session, now)
        count(session, starred, now - timedelta(hours=1), 500, kind="stars")
        assert run(session, now) == []
        assert (silent.trend_facts, starred.trend_facts) == (None, None)


# Invariant 7
def test_a_count_of_the_future_changes_nothing(database: Database, now: datetime) -> None:
    with database.session() as session:
        ahead, counted = add(session, now), add(session, now)
        count(session, ahead, now + timedelta(minutes=1), 900)
        count(session, counted, now, 20)
        count(session, counted, now + timedelta(minutes=1), 900)
        assert run(session, now) == [counted.id]
        assert counted.trend_facts is not None
        assert counted.trend_facts["votes"] == 20
        assert counted.trend_facts["times"] == float(times_usual(20, 9.0, usual_votes([20], [9.0])))


def test_counts_may_fall_and_the_latest_wins(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now)
        count(session, paper, now - timedelta(hours=1), 30)  # stored first, counted last
        count(session, paper, now - timedelta(hours=2), 50)
        run(session, now)
        assert paper.trend_facts is not None
        assert paper.trend_facts["votes"] == 30


def test_of_several_sources_the_largest_latest_count_is_taken(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now)
        count(session, paper, now - timedelta(hours=3), 90, source="files")
        count(session, paper, now - timedelta(hours=2), 20, source="files")
        count(session, paper, now - timedelta(hours=1), 40)
        run(session, now)
        assert paper.trend_facts is not None
        assert paper.trend_facts["votes"] == 40


def test_a_second_run_plans_nothing_until_something_is_counted(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper, _other = add(session, now), add(session, now)
        count(session, paper, now - timedelta(hours=2), 10)
        assert run(session, now) == [paper.id]
        assert run(session, now) == []
        count(session, paper, now - timedelta(hours=1), 10)
        assert run(session, now) == [paper.id]


def test_a_second_run_plans_nothing_when_the_later_count_is_the_smaller(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now)
        count(session, paper, now - timedelta(hours=2), 40)
        count(session, paper, now - timedelta(hours=1), 20, source="files")
        assert run(session, now) == [paper.id]
        assert run(session, now) == []


def test_an_old_paper_is_followed_no_longer(database: Database, now: datetime) -> None:
    with database.session() as session:
        old = add(session, now, announced_at=now - attention.FOLLOWED)
        count(session, old, now, 90)
        assert run(session, now) == []


def test_the_usual_is_learnt_from_the_papers_of_the_last_weeks(database: Database, now: datetime) -> None:
    with database.session() as session:
        for age, value in ((20, 400), (21, 300), (40, 100_000)):
            count(session, add(session, now, announced_at=now - timedelta(days=age)), now, value)
        paper = add(session, now)
        count(session, paper, now, 20)
        run(session, now)
        mean = usual_votes([400, 300, 20], [20 * 24 + 9, 21 * 24 + 9, 9.0])
        assert paper.trend == pytest.approx(float(trend_score(times_usual(20, 9.0, mean))))


# Invariant 6
def test_batches_make_no_difference(database: Database, now: datetime) -> None:
    with database.session() as session:
        papers = [add(session, now) for _ in range(4)]
        for number, paper in enumerate(papers):
            count(session, paper, now - timedelta(hours=1), 10 * number)
        attention.work(session, now, [paper.id for paper in papers], FLAT)
        at_once = [paper.trend for paper in papers]
        for paper in reversed(session.exec(select(Paper)).all()):
            attention.work(session, now, [paper.id], FLAT)
        assert [paper.trend for paper in papers] == at_once
        assert len(set(at_once)) == len(papers)


def test_hours_run_from_the_listing_not_from_the_announcement(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now, announced_at=now - 6 * DAY)
        session.add(PaperListing(paper_id=paper.id, source="huggingface", listed_on=date(2026, 5, 6)))
        count(session, paper, now, 12)
        session.get_one(PaperListing, (paper.id, "huggingface")).listed_on = date(2026, 5, 6)
        assert run(session, now) == [paper.id]
        assert paper.trend_facts is not None
        assert paper.trend_facts["hours"] == 9.0


def test_of_several_sources_the_one_that_is_most_times_its_usual_is_told(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = add(session, now)
        count(session, paper, now, 20)
        count(session, paper, now, 12, source=READERS)
        run(session, now)
        assert paper.trend_facts is not None
        assert (paper.trend_facts["source"], paper.trend_facts["votes"]) == (READERS, 12)


def test_each_source_is_measured_by_its_own_papers() -> None:
    cohort = Cohort({"huggingface": 25.0, READERS: 1.0}, {})
    many, few = Sighting("huggingface", 20, 24.0), Sighting(READERS, 12, 24.0)
    assert cohort.strongest([many, few], 1.0) == (pytest.approx(16 / 4.5), few)
    assert cohort.measure(many, 1.0) == pytest.approx(24 / (25 * 24 / 34 + 4))


def test_a_field_of_few_votes_is_measured_by_itself_too(database: Database, now: datetime) -> None:
    with database.session() as session:
        for _ in range(60):
            count(session, add(session, now, categories=["cs.CL"]), now, 30)
            count(session, add(session, now, categories=["cs.SD"]), now, 1)
        loud = add(session, now, categories=["cs.SD", "cs.CL"])
        count(session, loud, now, 25)
        run(session, now)
        assert loud.trend_facts is not None
        field = loud.trend_facts["field"]
        assert field["name"] == "cs.SD"
        assert field["times"] > 1.5 * loud.trend_facts["times"]


@pytest.mark.parametrize(
    ("others", "alone"),
    [({}, True), ({"kind": "comments", "value": 0}, True), ({"kind": "comments"}, False), ({"source": READERS}, False)],
)
def test_a_burst_that_nothing_confirms_is_told_to_the_operator(
    database: Database, now: datetime, others: dict[str, Any], alone: bool
) -> None:
    with database.session() as session, structlog.testing.capture_logs() as logs:
        paper = add(session, now)
        count(session, paper, now, 400)
        if others:
            count(session, paper, now, **({"value": 1} | others))
        run(session, now)
        assert paper.trend_facts is not None
        assert paper.trend_facts.get("alone", False) is alone
        assert deserves_badge(paper.trend_facts)
    assert [log["event"] for log in logs] == ["votes_alone"] * alone


def foreseen(*values: float) -> Prior:
    """A prior that knows the papers by their authors, whose names are numbers of `values`."""

    class Known(Prior):
        def predict(self, works: Any) -> Any:
            return np.array([values[int(work.authors[0])] for work in works])

    return Known(FLAT.whole, FLAT.text)


def test_before_any_vote_the_prior_is_the_trend_and_the_best_of_a_day_are_likely(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        papers = [make_paper(session, now, authors=[str(number)]) for number in range(70)]
        other = make_paper(session, now, authors=["1"], announced_at=now - DAY)
        made = foreseen(*(1 + number / 100 for number in range(70)))
        for start in (60, 0, 30):  # whatever the batches
            attention.work(session, now, [paper.id for paper in papers[start : start + 30]], made)
        attention.work(session, now, [other.id], made)
        assert [n for n, paper in enumerate(papers) if is_likely(paper.trend_facts)] == [68, 69]
        assert papers[68].trend_facts == {"prior": 1.68, "likely": True}
        assert papers[68].trend == pytest.approx(1.68 / 2.68)
        assert other.trend_facts == {
            "prior": 1.01,
            "likely": False,
        }  # a day of one paper has no best three in a hundred
        assert not any(deserves_badge(paper.trend_facts) for paper in papers)
        assert attention.plan(session, now) == []


def test_votes_take_the_place_of_what_was_foreseen_but_are_shrunk_towards_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        dull, bright = add(session, now, prior=1 / 3), add(session, now, prior=3.0)
        for paper in (dull, bright):
            count(session, paper, now, 5)
        run(session, now)
        mean = usual_votes([5, 5], [9, 9])
        for paper, prior in ((dull, 1 / 3), (bright, 3.0)):
            assert paper.trend == pytest.approx(float(trend_score(times_usual(5, 9, mean, prior))))
            assert paper.trend_facts is not None
            assert "likely" not in paper.trend_facts


def test_a_prior_that_is_fitted_anew_is_applied_anew(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper, old = make_paper(session, now), make_paper(session, now, announced_at=now - 30 * DAY, prior=2.0)
        voted = add(session, now)
        count(session, voted, now, 5)
        run(session, now)
        assert attention.plan(session, now) == []
        attention.adopt(session, FLAT, now)
        session.expire_all()
        assert attention.plan(session, now) == [paper.id, voted.id]
        assert old.prior == 2.0
        assert session.exec(select(TrendPrior.fitted_at)).all() == [now]


def test_the_history_to_fit_on_holds_what_others_counted_last(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper, own, fresh, unseen = (add(session, now) for _ in range(4))
        count(session, paper, now - HOUR, 7)
        count(session, paper, now, 6)
        count(session, own, now, 6, source=READERS)
        count(session, fresh, now - 8 * HOUR, 6)
        count(session, unseen, now, 6, kind="stars")
        count(session, unseen, now + DAY, 6)
        past = attention.past_of_store(session, now)
        assert [work.text for work in past.works] == [f"{paper.title}. {paper.abstract}"]
        assert (past.days, past.votes.tolist(), past.hours.tolist()) == ((date(2026, 5, 6),), [6.0], [9.0])


observations = st.lists(
    st.tuples(
        st.integers(0, 2),  # which paper; the third is a duplicate of the first
        st.sampled_from(["huggingface", "files", READERS]),
        st.sampled_from(["votes", "comments", "stars", "citations"]),
        st.integers(-200, 2000),  # hours after its listing: clocks go back, and forward beyond now
        st.sampled_from([0, 0, 1, 9, 10, 54, 10**6, 10**9]),
    ),
    max_size=30,
)


class _RolledBack(Exception):
    pass


@ONE_DATABASE
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=observations)
def test_whatever_was_counted_the_invariants_hold(database: Database, now: datetime, made: list[Any]) -> None:
    with contextlib.suppress(_RolledBack), database.session() as session:
        check_invariants(session, now, made)
        raise _RolledBack


def check_invariants(session: Session, now: datetime, made: list[Any]) -> None:
    papers = [add(session, now, announced_at=now - 3 * DAY) for _ in range(3)]
    known: dict[tuple[Any, ...], int] = {}
    for which, source, kind, hours, value in made:
        known.setdefault((which, source, kind, now - 3 * DAY + hours * HOUR), value)
    for (which, source, kind, moment), value in known.items():
        count(session, papers[which], moment, value, source=source, kind=kind)
    run(session, now)
    in_time = sorted(known.items(), key=lambda one: one[0][3])
    seen = {
        (which, source): (moment, value)
        for (which, source, kind, moment), value in in_time
        if kind == "votes" and moment <= now
    }
    for which, paper in enumerate(papers):
        voted = [value for (one, _), (_, value) in seen.items() if one == which]
        assert (paper.trend is None) is (not voted)
        if voted and paper.trend is not None and paper.trend_facts is not None:
            assert 0 < paper.trend < 1
            assert paper.trend_facts["votes"] in voted
            assert all(np.isfinite(paper.trend_facts[name]) for name in ("hours", "times"))
            assert not deserves_badge(paper.trend_facts) or paper.trend_facts["votes"] >= 10
