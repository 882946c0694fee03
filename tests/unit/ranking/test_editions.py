"""Who is due, and the one transaction that stores what they get, or why they get none."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import Session, select

from digest.db import Database
from digest.ranking import editions
from digest.ranking.drafts import Draft, Hidden, Pick
from digest.tables import Edition, EditionItem, Paper, Run, SkipReason, Subscriber, SubscriberStatus

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTHING = Draft(skip_reason=SkipReason.NO_NEW_PAPERS)


def add_reader(session: Session, now: datetime, **fields: Any) -> Subscriber:
    subscriber = make_subscriber(session, now, **fields)
    make_profile(session, subscriber)
    return subscriber


def make_draft(*papers: Paper) -> Draft:
    reason = {"kind": "trending", "trend": None}
    picks = [Pick(paper, None, 0.9 - 0.1 * n, 2.5, reason, "A sentence.") for n, paper in enumerate(papers)]
    return Draft(picks, considered=7)


def store(database: Database, made: dict[int, Draft], now: datetime) -> Counter[str]:
    with database.session() as session:
        return editions.store(session, made, now, "hashing")


def plan(database: Database, now: datetime, only: int | None = None) -> list[int]:
    with database.session(write=False) as session:
        return editions.plan(session, now, only)


def stored(database: Database) -> list[Edition]:
    with database.session(write=False) as session:
        return list(session.exec(select(Edition).order_by(Edition.id)))


def reread(database: Database, subscriber: Subscriber) -> Subscriber:
    with database.session(write=False) as session:
        return session.get_one(Subscriber, subscriber.id)


@pytest.fixture
def reader(database: Database, now: datetime) -> Subscriber:
    """Due two hours before `now`, at 07:00 UTC every day; one paper is in store."""
    with database.session() as session:
        make_paper(session, now)
        return add_reader(session, now, next_edition_at=now - 2 * HOUR)


def test_active_subscribers_with_an_interest_or_who_never_had_one_are_due_when_their_moment_has_come(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        make_paper(session, now)
        due = [add_reader(session, now, next_edition_at=moment).id for moment in (now, now - 9 * DAY)]
        add_reader(session, now, next_edition_at=now + timedelta(seconds=1))
        add_reader(session, now, next_edition_at=None)
        for status in set(SubscriberStatus) - {SubscriberStatus.ACTIVE}:
            add_reader(session, now, status=status)
        make_subscriber(session, now)
        make_profile(session, make_subscriber(session, now), active=False)
        make_profile(session, make_subscriber(session, now), removed_at=now)
        make_profile(session, make_subscriber(session, now, confirmed_at=now - DAY), active=False)
        make_subscriber(session, now, confirmed_at=now - DAY, had_interests=True)
        make_subscriber(session, now, confirmed_at=now - HOUR + timedelta(seconds=1))
        newcomer = make_subscriber(session, now, confirmed_at=now - HOUR)
    assert plan(database, now) == [*due, newcomer.id]
    assert plan(database, now, only=due[1]) == due[1:]
    assert plan(database, now, only=due[1] + 1) == []


def test_a_reader_is_due_while_the_store_is_empty(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = add_reader(session, now)
    assert plan(database, now) == [reader.id]


def test_a_draft_is_stored_whole_and_in_order(database: Database, reader: Subscriber, now: datetime) -> None:
    with database.session() as session:
        papers = [make_paper(session, now, trend=0.25) for _ in range(3)]
    assert store(database, {reader.id: make_draft(*papers)}, now) == {"editions": 1, "items": 3}
    (edition,) = stored(database)
    assert (edition.edition_date, edition.created_at, edition.skip_reason) == (now.date(), now, None)
    assert (edition.encoder, edition.considered, edition.failed_sources) == ("hashing", 7, [])
    with database.session(write=False) as session:
        items = session.exec(select(EditionItem).order_by(EditionItem.rank)).all()
    assert [(item.rank, item.paper_id) for item in items] == [(n, paper.id) for n, paper in enumerate(papers, 1)]
    assert [item.score for item in items] == pytest.approx([0.9, 0.8, 0.7])
    assert {(item.relevance, item.trend, item.highlight) for item in items} == {(2.5, 0.25, "A sentence.")}


def test_what_muted_words_kept_out_is_stored_whether_or_not_there_is_an_edition(
    database: Database, reader: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        paper, hidden = make_paper(session, now), make_paper(session, now)
        other = add_reader(session, now)
    kept_out = [Hidden(hidden, 5, "quantum")]
    full = Draft(make_draft(paper).picks, 7, hidden=kept_out)
    store(database, {reader.id: full, other.id: Draft([], 7, SkipReason.NO_MATCH, kept_out)}, now)
    expected = [{"paper": hidden.id, "profile": 5, "phrase": "quantum"}]
    assert [edition.hidden for edition in stored(database)] == [expected, expected]


def test_a_second_pass_finds_nobody_and_changes_nothing(database: Database, reader: Subscriber, now: datetime) -> None:
    with database.session() as session:
        draft = make_draft(make_paper(session, now))
    store(database, {reader.id: draft}, now)
    before = stored(database)[0].model_dump()
    assert plan(database, now) == []
    assert store(database, {reader.id: draft}, now) == {}
    assert [edition.model_dump() for edition in stored(database)] == [before]


def test_who_left_meanwhile_gets_no_edition(database: Database, reader: Subscriber, now: datetime) -> None:
    with database.session() as session:
        session.get_one(Subscriber, reader.id).status = SubscriberStatus.UNSUBSCRIBED
    assert store(database, {reader.id: NOTHING}, now) == {}
    assert stored(database) == []


def test_the_next_edition_is_at_the_readers_hour_on_the_readers_next_day(database: Database, now: datetime) -> None:
    with database.session() as session:  # `now` is a Wednesday
        reader = add_reader(session, now, zone="America/New_York", hour=18, weekdays=[0, 4])
    store(database, {reader.id: NOTHING}, now)
    assert reread(database, reader).next_edition_at == datetime(2026, 5, 8, 22, tzinfo=UTC)
    assert reread(database, reader).last_edition_at == now


def test_after_days_down_one_edition_is_dated_by_the_last_missed_day(
    database: Database, reader: Subscriber, now: datetime
) -> None:
    early = now.replace(hour=5)
    with database.session() as session:
        session.get_one(Subscriber, reader.id).next_edition_at = now.replace(hour=7) - 5 * DAY
    store(database, {reader.id: NOTHING}, early)
    assert [edition.edition_date for edition in stored(database)] == [date(2026, 5, 5)]
    assert reread(database, reader).next_edition_at == now.replace(hour=7)


@pytest.mark.parametrize("skipped", editions.RETRIED)
def test_a_skipped_edition_is_tried_again_once_when_papers_came_since(
    database: Database, reader: Subscriber, now: datetime, skipped: SkipReason
) -> None:
    store(database, {reader.id: Draft(skip_reason=skipped)}, now)
    assert plan(database, now + HOUR) == []
    with database.session() as session:
        paper = make_paper(session, now, first_seen_at=now + HOUR)
    assert plan(database, now) == []
    assert plan(database, now + HOUR) == [reader.id]
    next_at = reread(database, reader).next_edition_at
    store(database, {reader.id: make_draft(paper)}, now + HOUR)
    assert [(edition.edition_date, edition.skip_reason) for edition in stored(database)] == [(now.date(), None)]
    assert reread(database, reader).next_edition_at == next_at
    assert plan(database, now + 2 * HOUR) == []


def test_a_retry_without_a_match_waits_for_papers_that_are_newer_still(
    database: Database, reader: Subscriber, now: datetime
) -> None:
    store(database, {reader.id: NOTHING}, now)
    with database.session() as session:
        make_paper(session, now, first_seen_at=now + HOUR)
    store(database, {reader.id: Draft(skip_reason=SkipReason.NO_MATCH)}, now + HOUR)
    assert [edition.skip_reason for edition in stored(database)] == [SkipReason.NO_MATCH]
    assert plan(database, now + 2 * HOUR) == []


def test_a_skip_of_yesterday_and_an_edition_with_papers_are_not_tried_again(
    database: Database, reader: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        weekly = add_reader(session, now, weekdays=[2])
        draft = make_draft(make_paper(session, now))
    store(database, {reader.id: draft, weekly.id: NOTHING}, now)
    with database.session() as session:
        make_paper(session, now, first_seen_at=now + HOUR)
    assert plan(database, now + 2 * HOUR) == [weekly.id]
    assert weekly.id not in plan(database, now + DAY)


def test_a_skip_is_not_tried_again_after_the_next_edition(
    database: Database, reader: Subscriber, now: datetime
) -> None:
    store(database, {reader.id: NOTHING}, now)
    with database.session() as session:
        paper = make_paper(session, now, first_seen_at=now + 21 * HOUR)
    store(database, {reader.id: make_draft(paper)}, now + 22 * HOUR)
    with database.session() as session:
        make_paper(session, now, first_seen_at=now + 23 * HOUR)
    assert plan(database, now + 23 * HOUR) == []


def add_run(database: Database, moment: datetime, source: str, *, ok: bool) -> None:
    with database.session() as session:
        session.add(Run(moment=moment, stage="ingest", source=source, started_at=moment, ok=ok))


def test_a_source_has_failed_when_its_latest_poll_of_late_did(database: Database, now: datetime) -> None:
    for source, age, ok in [
        ("healed", 2, False),
        ("healed", 1, True),
        ("broken", 2, True),
        ("broken", 1, False),
        ("also", 3, False),
        ("forgotten", 49, False),
        ("tomorrow", -1, False),
    ]:
        add_run(database, now - age * HOUR, source, ok=ok)
    with database.session() as session:
        session.add(Run(moment=now, stage="rank", source="", started_at=now, ok=False))
        assert editions.failed_sources(session, now) == ["also", "broken"]


@pytest.mark.parametrize("ok", [True, False])
def test_nothing_new_is_only_said_when_every_source_could_be_asked(
    database: Database, reader: Subscriber, now: datetime, ok: bool
) -> None:
    add_run(database, now, "arxiv", ok=ok)
    reason = SkipReason.NO_NEW_PAPERS if ok else SkipReason.SOURCE_FAILED
    assert store(database, {reader.id: NOTHING}, now) == {reason.value: 1}
    (edition,) = stored(database)
    assert (edition.skip_reason, edition.failed_sources) == (reason, [] if ok else ["arxiv"])


def test_no_match_stays_no_match_when_a_source_failed(database: Database, reader: Subscriber, now: datetime) -> None:
    add_run(database, now, "arxiv", ok=False)
    assert store(database, {reader.id: Draft(skip_reason=SkipReason.NO_MATCH)}, now) == {"no_match": 1}


def test_a_draft_that_is_only_looked_at_is_dated_by_the_readers_day(now: datetime) -> None:
    subscriber = Subscriber(id=3, zone="Pacific/Kiritimati")
    edition = editions.transient(subscriber, Draft(considered=4), now.replace(hour=12), "hashing")
    assert (edition.edition_date, edition.considered) == (now.date() + DAY, 4)
