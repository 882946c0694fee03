"""How much is stored of a person, and the end of all of it."""

from datetime import datetime

import pytest
from factories import like, make_edition, make_paper, make_profile, make_subscriber
from sqlmodel import Session, SQLModel

from digest import tokens
from digest.db import Database
from digest.mail.suppression import digest_of, suppress, suppressed
from digest.subscribers import links, sessions
from digest.subscribers.account import KINDS, count, forget
from digest.subscribers.feedback import Vote, vote
from digest.tables import BounceScore, MailKind, OutboxMessage, PaperRequest, Subscriber

ADA = "ada@example.org"


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    """Ada with two of everything."""
    with database.session() as session:
        ada = make_subscriber(session, now, email=ADA, confirmed_at=now)
        for number in range(2):
            profile = make_profile(session, ada, name=f"Interest {number}")
            papers = [make_paper(session, now) for _ in range(2)]
            like(session, profile, papers[0])
            vote(session, ada, Vote(papers[1], -1), now)
            make_edition(session, ada, now.replace(day=number + 1))
            session.add(PaperRequest(subscriber_id=ada.id, line=f"Paper {number}", created_at=now))
            session.add(message(ada, ADA, now))
            links.issue(session, ada, ("sign-in", "confirm")[number], now, ADA)
            sessions.start(session, ada, now)
    return ada


def message(subscriber: Subscriber, recipient: str, now: datetime) -> OutboxMessage:
    return OutboxMessage(
        subscriber_id=subscriber.id,
        kind=MailKind.SIGN_IN,
        recipient=recipient,
        message_id=f"<{tokens.draw()}@papers.example>",
        next_at=now,
        created_at=now,
    )


def everything(session: Session) -> str:
    return str([session.connection().execute(table.select()).all() for table in SQLModel.metadata.sorted_tables])


def test_all_is_counted_and_nothing_of_others(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        assert count(session, ada) == dict.fromkeys([*KINDS, "examples"], 2)
        assert set(count(session, make_subscriber(session, now)).values()) == {0}


@pytest.mark.parametrize("never_again", [True, False])
def test_nothing_holds_the_address_afterwards(
    database: Database, ada: Subscriber, now: datetime, *, never_again: bool
) -> None:
    with database.session() as session:
        bob = make_subscriber(session, now, email="bob@example.org")
        session.add_all([message(bob, ADA, now), message(bob, bob.email, now)])
        links.issue(session, bob, "address-change", now, ADA)
        bounced = {"score": 1.0, "first_at": now, "updated_at": now}
        session.add(BounceScore(address_digest=digest_of(ADA), **bounced))
        session.flush()
        assert forget(session, ada, now, never_again=never_again) == never_again
        left = everything(session)
        assert ADA not in left
        assert (digest_of(ADA) in left) == never_again
        assert suppressed(session, [ADA]) == ({ADA} if never_again else set())
        assert count(session, bob) == dict.fromkeys([*KINDS, "examples"], 0) | {"mails": 1}


def test_what_was_on_the_suppression_list_stays_there(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        suppress(session, ADA, "hard bounce", now)
        assert forget(session, ada, now)
        assert suppressed(session, [ADA]) == {ADA}
