"""Trending lists: their order, their counts, their periods, and how the database finds them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from factories import make_paper, make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from post import count_queries
from sqlalchemy import event, text
from sqlmodel import Session

from digest.db import Database
from digest.errors import InvalidRequest
from digest.papers import listing
from digest.papers.listing import Listed, Period
from digest.papers.signals import note_listings
from digest.tables import Feedback, Paper, Signal

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
TODAY = NOW.date()


def count_votes(session: Session, paper: Paper, value: int, age: int = 1, **fields: str) -> None:
    given = {"source": "huggingface", "kind": "votes"} | fields
    session.add(Signal(paper_id=paper.id, observed_at=NOW - age * HOUR, value=value, **given))


def vote(session: Session, paper: Paper, value: int = 1) -> None:
    reader = make_subscriber(session, NOW)
    session.add(Feedback(subscriber_id=reader.id, paper_id=paper.id, value=value, created_at=NOW))


def top(database: Database, period: Period, *args: object) -> list[Listed]:
    with database.session(write=False) as session:
        return listing.top(session, period, *args)


def titles(listed: list[Listed]) -> list[str]:
    return [each.paper.title for each in listed]


def test_a_day_holds_its_papers_by_trend_and_then_the_newest(database: Database) -> None:
    midnight = datetime(2026, 5, 6, tzinfo=UTC)
    with database.session() as session:
        make_paper(session, NOW, title="the day before", announced_at=midnight - timedelta(seconds=1), trend=0.9)
        make_paper(session, NOW, title="old", announced_at=midnight)
        make_paper(session, NOW, title="usual", announced_at=midnight + HOUR, trend=0.5)
        make_paper(session, NOW, title="new", announced_at=midnight + 2 * HOUR)
        hot = make_paper(session, NOW, title="hot", announced_at=midnight, trend=0.8)
        make_paper(session, NOW, title="the day after", announced_at=midnight + DAY, trend=0.9)
        make_paper(session, NOW, title="double", announced_at=midnight, trend=0.9, merged_into=hot.id)
        session.flush()
        assert listing.count(session, listing.day(TODAY, NOW)) == 4
    period = listing.day(TODAY, NOW)
    assert titles(top(database, period)) == ["hot", "usual", "new", "old"]
    assert titles(top(database, period, "", 2, 1)) == ["usual", "new"]


def test_a_category_rules_out_the_others(database: Database) -> None:
    with database.session() as session:
        make_paper(session, NOW, title="learning", categories=["cs.LG", "stat.ML"])
        make_paper(session, NOW, title="vision", categories=["cs.CV"])
        make_paper(session, NOW, title="galaxies", categories=["astro-ph.GA"])
        make_paper(session, NOW, title="unsaid", categories=[])
        assert listing.count(session, listing.day(TODAY, NOW), "cs") == 3
    period = listing.day(TODAY, NOW)
    assert set(titles(top(database, period, "cs"))) == {"learning", "vision", "unsaid"}
    assert set(titles(top(database, period, "cs.LG"))) == {"learning", "unsaid"}


def test_counts_are_the_latest_of_each_source_and_the_highest_of_all(database: Database) -> None:
    with database.session() as session:
        paper = make_paper(session, NOW)
        count_votes(session, paper, 50, age=9)
        count_votes(session, paper, 40, age=1)  # somebody took a vote back
        count_votes(session, paper, 12, age=3, source="elsewhere")
        count_votes(session, paper, 0, kind="comments")
    (listed,) = top(database, listing.day(TODAY, NOW))
    assert listed.counts == {"comments": 0, "votes": 40}
    assert (listed.votes, listed.comments, listed.stars) == (40, 0, None)


def test_readers_are_those_who_voted_a_work_up_under_any_of_its_names(database: Database) -> None:
    with database.session() as session:
        keep = make_paper(session, NOW)
        double = make_paper(session, NOW, merged_into=keep.id)
        for paper, value in ((keep, 1), (keep, 1), (double, 1), (keep, -1)):
            vote(session, paper, value)
    (listed,) = top(database, listing.day(TODAY, NOW))
    assert listed.readers == 3
    assert listed.votes is None


def test_papers_are_read_in_the_order_of_their_ids(database: Database) -> None:
    with database.session() as session:
        ids = [make_paper(session, NOW).id for _ in range(3)]
    with database.session(write=False) as session:
        assert [listed.paper.id for listed in listing.read(session, [ids[2], 99_999, ids[0]])] == [ids[2], ids[0]]
        assert listing.read(session, []) == []


def test_a_list_costs_four_questions_however_long(database: Database) -> None:
    with database.session() as session:
        for _ in range(40):
            count_votes(session, make_paper(session, NOW), 3)
    period = listing.day(TODAY, NOW)
    assert len(top(database, period)) == 40
    few, many = (count_queries(database, lambda n=n: top(database, period, "", n)) for n in (1, 40))
    assert few == many <= 5  # with the BEGIN


@pytest.mark.parametrize("ask", [listing.top, listing.count])
def test_a_month_is_found_by_the_index_of_days(database: Database, ask: object) -> None:
    with database.session() as session:
        for age in range(400):
            make_paper(session, NOW, announced_at=NOW - age * DAY)
        session.connection().execute(text("ANALYZE"))
    sent: list[tuple[str, object]] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _k, sql, given, *_: sent.append((sql, given)))
    with database.session(write=False) as session:
        ask(session, listing.month(2026, 4, NOW))
        sql, parameters = next(each for each in sent if "announced_at >=" in each[0])
        explain = "EXPLAIN" if session.connection().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = str(session.connection().exec_driver_sql(f"{explain} {sql}", parameters).all())
    assert "ix_paper_announced_at" in plan


def test_the_nearest_day_with_papers_lies_on_either_side(database: Database) -> None:
    with database.session() as session:
        assert listing.nearest_day(session, TODAY) is None
        for age in (3, 10, 14):
            make_paper(session, NOW, announced_at=NOW - age * DAY)
        make_paper(session, NOW, announced_at=NOW - 6 * DAY, merged_into=1)
        for age, nearest in ((0, 3), (3, 3), (6, 3), (7, 10), (12, 14), (40, 14)):
            assert listing.nearest_day(session, TODAY - age * DAY) == TODAY - nearest * DAY


def late(session: Session, announced: int, listed: int, *counts: tuple[int, int], **fields: Any) -> Paper:
    """A paper announced and listed so many days ago; its `counts` are (hours ago, votes)."""
    paper = make_paper(session, NOW, announced_at=NOW - announced * DAY, **fields)
    note_listings(session, {(paper.id, "huggingface"): TODAY - listed * DAY})
    for hours, value in counts:
        count_votes(session, paper, value, hours)
    return paper


def rises(database: Database, period: Period, category: str = "") -> dict[int, tuple[int, int]]:
    with database.session(write=False) as session:
        return {one.listed.paper.id: (one.before, one.after) for one in listing.late_risers(session, period, category)}


def test_late_risers_are_older_papers_that_at_least_doubled_their_votes(database: Database) -> None:
    with database.session() as session:
        doubled = late(session, 5, 5, (50, 10), (1, 30), categories=["cs.SD"])
        more = late(session, 3, 3, (20, 0), (1, 50), categories=["cs.CL"])
        late(session, 5, 5, (50, 30), (1, 59))  # not doubled
        late(session, 5, 5, (50, 1), (1, 10))  # nine more
        late(session, 0, 0, (1, 90))  # of the day itself
        late(session, 5, 5, (1, 90))  # nobody knows how many there were before
        listed_now = late(session, 5, 0, (1, 40), categories=["cs.CL"])
        late(session, 40, 40, (50, 10), (1, 90))  # nobody counts it any more
        late(session, 5, 5, (50, 10), (1, 30), merged_into=more.id)
    today = Period(TODAY, TODAY + DAY)
    assert list(rises(database, today).items()) == [
        (more.id, (0, 50)),
        (listed_now.id, (0, 40)),
        (doubled.id, (10, 30)),
    ]
    assert rises(database, today, "cs.SD") == {doubled.id: (10, 30)}
    assert rises(database, Period(TODAY - DAY, TODAY)) == {}


def test_what_comes_after_a_period_is_no_rise_in_it(database: Database) -> None:
    with database.session() as session:
        late(session, 5, 5, (50, 10), (30, 15), (1, 90))
    assert rises(database, Period(TODAY - DAY, TODAY)) == {}


def test_periods_begin_and_end_where_calendars_say() -> None:
    assert listing.day(TODAY, NOW) == Period(TODAY, TODAY + DAY)
    assert listing.week(2026, 19, NOW) == Period(date(2026, 5, 4), date(2026, 5, 11))
    assert listing.month(2026, 2, NOW) == Period(date(2026, 2, 1), date(2026, 3, 1))
    assert listing.week(1991, 1, NOW) == Period(date(1990, 12, 31), date(1991, 1, 7))


@given(st.dates(date(1991, 2, 1), TODAY))
def test_before_and_after_are_each_others_opposite(day: date) -> None:
    year, week, _ = day.isocalendar()
    later = NOW + 40 * DAY
    for period in (listing.day(day, NOW), listing.week(year, week, NOW), listing.month(day.year, day.month, NOW)):
        assert period.start <= day < period.end
        before, after = period.previous(), period.next(later)
        assert before is not None
        assert after is not None
        assert before.end == period.start
        assert after.start == period.end
        assert before.next(later) == period == after.previous()


def test_there_is_nothing_before_the_first_year_and_after_today() -> None:
    assert listing.day(date(1991, 1, 1), NOW).previous() is None
    assert listing.month(1991, 1, NOW).previous() is None
    assert listing.week(1991, 1, NOW).previous() is None
    assert listing.day(TODAY, NOW).next(NOW) is None
    assert listing.month(2026, 5, NOW).next(NOW) is None
    assert listing.day(TODAY + DAY, NOW).start == TODAY + DAY


@pytest.mark.parametrize(
    "ask",
    [
        lambda: listing.day(date(1990, 12, 31), NOW),
        lambda: listing.day(TODAY + 2 * DAY, NOW),
        lambda: listing.day(date.max, NOW),
        lambda: listing.week(2026, 54, NOW),
        lambda: listing.week(2026, 21, NOW),
        lambda: listing.week(1990, 52, NOW),
        lambda: listing.week(9999, 52, NOW),
        lambda: listing.week(10**30, 1, NOW),
        lambda: listing.month(2026, 13, NOW),
        lambda: listing.month(9999, 12, NOW),
        lambda: listing.month(1990, 12, NOW),
        lambda: listing.month(0, 0, NOW),
        lambda: listing.month(10**30, 1, NOW),
    ],
)
def test_absurd_periods_are_refused(ask: object) -> None:
    with pytest.raises(InvalidRequest):
        ask()


def test_pages_by_date_meet_at_a_paper_and_share_none(database: Database) -> None:
    with database.session() as session:
        made = [make_paper(session, NOW, announced_at=NOW - age * HOUR).id for age in (30, 3, 3, 3, 1)]
        make_paper(session, NOW, merged_into=made[0])
    seen: list[int] = []
    after: tuple[datetime, int] | None = None
    with database.session(write=False) as session:
        while page := listing.page_by_date(session, Period(TODAY - DAY, TODAY + DAY), "", after, 2):
            seen += [one.paper.id for one in page]
            after = page[-1].paper.announced_at, page[-1].paper.id
    assert seen == [made[4], made[3], made[2], made[1], made[0]]


def test_papers_with_votes_come_before_those_of_which_much_is_foreseen(database: Database) -> None:
    with database.session() as session:
        foreseen = make_paper(session, NOW, trend=0.7, trend_facts={"prior": 2.4, "likely": True})
        voted = make_paper(
            session, NOW, trend=0.3, trend_facts={"votes": 3, "hours": 9.0, "times": 0.4}, trended_at=NOW
        )
        listed = listing.top(session, Period(TODAY, TODAY + DAY))
        assert [one.paper.id for one in listed] == [voted.id, foreseen.id]
