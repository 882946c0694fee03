"""Which messages wait to be written, and that all their rows are read at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import make_edition, make_paper, make_profile, make_subscriber
from post import SENDER, count_queries
from sqlmodel import select

from digest.composing.sheets import Update, load_sheets, plan
from digest.db import Database
from digest.mail import outbox
from digest.tables import EditionItem, OutboxMessage, OutboxState, Paper, Subscriber


@pytest.fixture
def stored(database: Database, now: datetime) -> Callable[[int], list[int]]:
    """Stores editions with promised mail, each for a new subscriber with one paper, and returns the messages' ids."""

    def store(count: int) -> list[int]:
        with database.session() as session:
            for number in range(count):
                who = make_subscriber(session, now)
                profile, paper = make_profile(session, who), make_paper(session, now)
                edition = make_edition(session, who, now)
                places: dict[str, Any] = {"edition_id": edition.id, "paper_id": paper.id, "profile_id": profile.id}
                session.add(EditionItem(**places, rank=1, score=float(number), relevance=1.0, reason={}))
                outbox.promise(session, SENDER, [who.id], now)
            return list(session.exec(select(OutboxMessage.id).order_by(OutboxMessage.id)))[-count:]

    return store


def test_promised_messages_that_are_not_written_are_planned(
    database: Database, stored: Callable[[int], list[int]]
) -> None:
    written, missing, other = stored(3)
    with database.session() as session:
        outbox.fill(SENDER, session.get_one(OutboxMessage, written), b"mail")
    with database.session(write=False) as session:
        assert plan(session) == [missing, other]
        assert plan(session, only=session.get_one(OutboxMessage, missing).subscriber_id) == [missing]
        assert plan(session, only=session.get_one(OutboxMessage, written).subscriber_id) == []
        assert [row.id for row, _ in load_sheets(session, [written, missing])] == [missing]


def test_sheets_hold_each_editions_own_rows(database: Database, stored: Callable[[int], list[int]]) -> None:
    ids = stored(3)
    with database.session(write=False) as session:
        loaded = list(load_sheets(session, ids[1:]))
    assert [row.id for row, _ in loaded] == ids[1:]
    for row, sheet in loaded:
        (item,) = sheet.items
        assert row.edition_id == item.edition_id == sheet.edition.id
        assert row.subscriber_id == sheet.subscriber.id == sheet.edition.subscriber_id
        assert item.paper_id in sheet.papers
        assert set(sheet.profiles) == {item.profile_id}


def test_loading_asks_as_many_queries_for_thirty_editions_as_for_three(
    database: Database, stored: Callable[[int], list[int]]
) -> None:
    ids = stored(30)

    def load(some: list[int]) -> None:
        with database.session(write=False) as session:
            assert len(list(load_sheets(session, some))) == len(some)

    few, many = (count_queries(database, lambda some=some: load(some)) for some in (ids[:3], ids))  # type: ignore[misc]
    assert few == many <= 6


def updates_of(database: Database, ids: list[int], *, tell: bool = True) -> list[list[Update]]:
    with database.session() as session:
        return [sheet.updates for _, sheet in load_sheets(session, ids, tell_updates=tell)]


def test_a_new_version_of_a_paper_that_was_sent_is_told_once(
    database: Database, now: datetime, stored: Callable[[int], list[int]]
) -> None:
    earlier, other = stored(2)
    with database.session() as session:
        first = session.get_one(OutboxMessage, earlier)
        outbox.fill(SENDER, first, b"mail")
        item = session.exec(select(EditionItem).where(EditionItem.edition_id == first.edition_id)).one()
        paper = session.get_one(Paper, item.paper_id)
        item.version, paper.version = 1, 3
        who = session.get_one(Subscriber, first.subscriber_id)
        for day in (1, 2):
            make_edition(session, who, now + timedelta(days=day), edition_date=(now + timedelta(days=day)).date())
            outbox.promise(session, SENDER, [who.id], now + timedelta(days=day))
        following = session.exec(select(OutboxMessage.id).where(OutboxMessage.id > other)).all()
    assert updates_of(database, list(following[:1])) == [[]]  # it may never arrive
    with database.session() as session:
        session.get_one(OutboxMessage, earlier).state = OutboxState.SENT
    assert updates_of(database, [*following[:1], other], tell=False) == [[], []]
    assert updates_of(database, [other, following[0]]) == [[], [Update(paper.title, paper.url, 3)]]
    assert updates_of(database, [following[1]]) == [[]]
