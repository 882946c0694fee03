"""What the schema promises of editions and mail: one of each, and one message an edition."""

from collections.abc import Callable
from datetime import date, datetime

import pytest
from factories import make_edition, make_message, make_paper, make_subscriber
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from digest.db import Database
from digest.tables import (
    Edition,
    EditionItem,
    Paper,
    Subscriber,
    Suppression,
)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            lambda s, _p, now: [
                Edition(subscriber_id=s.id, edition_date=date(2026, 5, 6), created_at=now),
                Edition(subscriber_id=s.id, edition_date=date(2026, 5, 6), created_at=now, skip_reason="no_match"),
            ],
            id="edition of a subscriber and a date",
        ),
        pytest.param(
            lambda s, _p, now: [make_message(s, now, 1), make_message(s, now, 1)],
            id="message id",
        ),
        pytest.param(
            lambda _s, _p, now: [
                Suppression(address_digest="d", reason="bounced", created_at=now),
                Suppression(address_digest="d", reason="asked", created_at=now),
            ],
            id="suppressed address",
        ),
    ],
)
def test_the_same_thing_is_not_stored_twice(
    database: Database, now: datetime, rows: Callable[[Subscriber, Paper, datetime], list[SQLModel]]
) -> None:
    with database.session() as session:
        subscriber, paper = make_subscriber(session, now), make_paper(session, now)
        session.flush()
        session.add_all(rows(subscriber, paper, now))
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            session.flush()
        session.rollback()


def test_an_edition_has_one_message_and_a_message_may_have_no_edition(database: Database, now: datetime) -> None:
    with database.session() as session:
        subscriber = make_subscriber(session, now)
        edition = make_edition(session, subscriber, now)
        session.add_all([make_message(subscriber, now, 1), make_message(subscriber, now, 2)])
        session.add(make_message(subscriber, now, 3, edition_id=edition.id))
        session.flush()
        session.add(make_message(subscriber, now, 4, edition_id=edition.id))
        with pytest.raises(IntegrityError, match=r"(?i)unique.*edition_id"):
            session.flush()
        session.rollback()


@pytest.mark.parametrize("clash", [{"rank": 1}, {"paper": 0}])
def test_an_edition_names_a_rank_and_a_paper_once(database: Database, now: datetime, clash: dict[str, int]) -> None:
    with database.session() as session:
        papers = [make_paper(session, now), make_paper(session, now)]
        edition = make_edition(session, make_subscriber(session, now), now)
        places = [(papers[0], 1), (papers[clash.get("paper", 1)], clash.get("rank", 2))]
        for paper, rank in places:
            session.add(
                EditionItem(edition_id=edition.id, paper_id=paper.id, rank=rank, score=1, relevance=1, reason={})
            )
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            session.flush()
        session.rollback()
