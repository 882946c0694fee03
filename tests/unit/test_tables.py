"""What the schema itself promises: moments, enums, unique keys and cascades."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from factories import like, make_edition, make_paper, make_profile, make_subscriber
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, select

from digest.db import Database
from digest.tables import (
    Edition,
    EditionItem,
    Feedback,
    OutboxMessage,
    OutboxState,
    Paper,
    PaperExternalId,
    PaperVector,
    Profile,
    ProfileExample,
    ProfileVector,
    Signal,
    Subscriber,
    SubscriberStatus,
    Suppression,
)


def make_message(subscriber: Subscriber, now: datetime, number: int, **fields: Any) -> OutboxMessage:
    given = {
        "subscriber_id": subscriber.id,
        "envelope_from": "digest@papers.example",
        "recipient": subscriber.email,
        "message_id": f"<{number}@papers.example>",
        "content": b"mail",
        "state": OutboxState.PLANNED,
        "next_at": now,
        "created_at": now,
    }
    return OutboxMessage(**(given | fields))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            lambda s, _p, now: [
                Subscriber(email=s.email, link_key="other", status=SubscriberStatus.PENDING, created_at=now)
            ],
            id="subscriber email",
        ),
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
            lambda _s, p, _now: [
                PaperExternalId(paper_id=p.id, scheme="doi", value="10.1234/x", source="files"),
                PaperExternalId(paper_id=p.id, scheme="doi", value="10.1234/x", source="arxiv"),
            ],
            id="external id",
        ),
        pytest.param(
            lambda s, _p, now: [
                Profile(subscriber_id=s.id, name="Robots", created_at=now),
                Profile(subscriber_id=s.id, name="Robots", created_at=now),
            ],
            id="profile name",
        ),
        pytest.param(
            lambda _s, p, now: [
                Signal(paper_id=p.id, source="huggingface", kind="votes", observed_at=now, value=1),
                Signal(paper_id=p.id, source="huggingface", kind="votes", observed_at=now, value=2),
            ],
            id="signal of a moment",
        ),
        pytest.param(
            lambda s, p, now: [
                Feedback(subscriber_id=s.id, paper_id=p.id, value=1, created_at=now),
                Feedback(subscriber_id=s.id, paper_id=p.id, value=-1, created_at=now),
            ],
            id="vote on a paper",
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


def fill_every_table(session: Session, now: datetime) -> Subscriber:
    """A subscriber with one row in each table that can hang on one."""
    subscriber, paper = make_subscriber(session, now), make_paper(session, now)
    profile, edition = make_profile(session, subscriber), make_edition(session, subscriber, now)
    like(session, profile, paper)
    session.add_all(
        [
            ProfileVector(profile_id=profile.id, encoder="hashing", dimension=1, vector=b"\0\0"),
            PaperVector(paper_id=paper.id, encoder="hashing", dimension=1, vector=b"\0\0"),
            EditionItem(
                edition_id=edition.id,
                paper_id=paper.id,
                profile_id=profile.id,
                rank=1,
                score=1.0,
                relevance=1.0,
                reason={},
            ),
            make_message(subscriber, now, subscriber.id, edition_id=edition.id),
            Feedback(subscriber_id=subscriber.id, paper_id=paper.id, edition_id=edition.id, value=1, created_at=now),
        ]
    )
    session.flush()
    return subscriber


OF_A_SUBSCRIBER = (Profile, ProfileExample, ProfileVector, Edition, EditionItem, OutboxMessage, Feedback)


def test_with_a_subscriber_go_their_rows_and_nobody_elses(database: Database, now: datetime) -> None:
    with database.session() as session:
        going, _staying = fill_every_table(session, now), fill_every_table(session, now)
    with database.session() as session:
        session.execute(text("DELETE FROM subscriber WHERE id = :id"), {"id": going.id})
    with database.session(write=False) as session:
        left = {table.__name__: len(session.exec(select(table)).all()) for table in OF_A_SUBSCRIBER}
        assert left == dict.fromkeys(left, 1)
        assert len(session.exec(select(Paper)).all()) == len(session.exec(select(PaperVector)).all()) == 2


def test_a_profile_may_go_while_the_edition_that_it_filled_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        fill_every_table(session, now)
        session.execute(text("DELETE FROM profile"))
        assert session.exec(select(ProfileExample)).all() == []
        assert session.exec(select(EditionItem)).one().profile_id is None
