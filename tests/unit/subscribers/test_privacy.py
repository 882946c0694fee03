"""Erasing a person: nothing that names them is left."""

import zlib
from datetime import datetime

import pytest
from factories import like, make_paper, make_profile, make_subscriber
from sqlalchemy import text
from sqlmodel import Session, SQLModel

from digest.db import Database
from digest.mail.suppression import suppress, suppressed
from digest.subscribers.privacy import erase
from digest.tables import Edition, EditionItem, Feedback, OutboxMessage, OutboxState, ProfileVector, Subscriber

SECRETS = ("ada@example.org", "Ada Lovelace", "analytical engines", "ada's key")


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    """A subscriber who has used everything there is."""
    with database.session() as session:
        ada = make_subscriber(session, now, email=SECRETS[0], name=SECRETS[1], link_key=SECRETS[3])
        fill(session, ada, now)
    return ada


def fill(session: Session, subscriber: Subscriber, now: datetime) -> None:
    paper = make_paper(session, now)
    profile = make_profile(session, subscriber, name=f"{subscriber.name}'s interest", text="analytical engines")
    like(session, profile, paper)
    edition = Edition(subscriber_id=subscriber.id, edition_date=now.date(), created_at=now)
    session.add(edition)
    session.flush()
    session.add_all(
        [
            ProfileVector(profile_id=profile.id, encoder="hashing", dimension=1, vector=b"\0\0"),
            EditionItem(
                edition_id=edition.id,
                paper_id=paper.id,
                profile_id=profile.id,
                rank=1,
                score=1.0,
                relevance=1.0,
                reason={"profile": profile.name},
            ),
            OutboxMessage(
                subscriber_id=subscriber.id,
                edition_id=edition.id,
                state=OutboxState.SENT,
                envelope_from="digest@papers.example",
                recipient=subscriber.email,
                message_id=f"<{subscriber.id}@papers.example>",
                content=zlib.compress(b"mail"),
                next_at=now,
                created_at=now,
            ),
            Feedback(subscriber_id=subscriber.id, paper_id=paper.id, edition_id=edition.id, value=1, created_at=now),
        ]
    )


def everything(database: Database) -> dict[str, list[str]]:
    """Every row of every table, written out."""
    with database.session(write=False) as session:
        return {
            name: [repr(tuple(row)) for row in session.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608 - ours
            for name in SQLModel.metadata.tables
        }


def test_nothing_that_names_an_erased_person_is_left(database: Database, ada: Subscriber) -> None:
    before = " ".join(row for rows in everything(database).values() for row in rows)
    assert all(secret in before.replace("\\'", "'") for secret in SECRETS)
    with database.session() as session:
        erase(session, ada)
    left = {name: rows for name, rows in everything(database).items() if rows}
    assert set(left) == {"paper", "paper_external_id"}
    assert not [secret for secret in SECRETS if secret in str(left)]


def test_what_belongs_to_others_is_untouched(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        bob = make_subscriber(session, now, email="bob@example.org", name="Bob")
        fill(session, bob, now)
    before = everything(database)
    with database.session() as session:
        erase(session, ada)
    after = everything(database)
    for name, rows in after.items():
        assert set(rows) <= set(before[name])
        assert len(rows) == (len(before[name]) if name.startswith("paper") else len(before[name]) // 2), name


def test_a_suppression_outlives_the_person_without_their_address(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        suppress(session, SECRETS[0], "asked never to be mailed", now)
        erase(session, ada)
        assert suppressed(session, [SECRETS[0]]) == {SECRETS[0]}
    assert SECRETS[0] not in str(everything(database))
