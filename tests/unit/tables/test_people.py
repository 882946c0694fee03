"""What the schema promises of people: unique keys, and that everything goes with its subscriber."""

from collections.abc import Callable
from datetime import datetime

import pytest
from factories import like, make_edition, make_message, make_paper, make_profile, make_subscriber
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, select

from digest.db import Database
from digest.tables import (
    ApiKey,
    Edition,
    EditionItem,
    Feedback,
    MailedLink,
    OutboxMessage,
    Paper,
    PaperRequest,
    PaperVector,
    Profile,
    ProfileExample,
    ProfileVector,
    Subscriber,
    SubscriberStatus,
    WebSession,
)


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
                Profile(subscriber_id=s.id, name="Robots", created_at=now),
                Profile(subscriber_id=s.id, name="Robots", created_at=now),
            ],
            id="profile name",
        ),
        pytest.param(
            lambda s, p, now: [
                Feedback(subscriber_id=s.id, paper_id=p.id, value=1, created_at=now),
                Feedback(subscriber_id=s.id, paper_id=p.id, value=-1, created_at=now),
            ],
            id="vote on a paper",
        ),
        pytest.param(
            lambda s, _p, now: [
                MailedLink(digest="d", purpose=purpose, subscriber_id=s.id, created_at=now, expires_at=now)
                for purpose in ("confirm", "sign-in")
            ],
            id="mailed link",
        ),
        pytest.param(
            lambda s, _p, now: [
                WebSession(digest="d", subscriber_id=s.id, created_at=now, seen_at=now, proved_at=now) for _ in range(2)
            ],
            id="session",
        ),
        pytest.param(
            lambda _s, _p, now: [ApiKey(name=name, digest="d", created_at=now) for name in ("one", "other")],
            id="secret of a key",
        ),
        pytest.param(
            lambda _s, _p, now: [ApiKey(name="one", digest=digest, created_at=now) for digest in "de"],
            id="name of a key",
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
            PaperRequest(subscriber_id=subscriber.id, profile_id=profile.id, line="2605.99999", created_at=now),
            MailedLink(
                digest=f"link {subscriber.id}",
                purpose="sign-in",
                subscriber_id=subscriber.id,
                created_at=now,
                expires_at=now,
            ),
            WebSession(
                digest=f"session {subscriber.id}",
                subscriber_id=subscriber.id,
                created_at=now,
                seen_at=now,
                proved_at=now,
            ),
        ]
    )
    session.flush()
    return subscriber


OF_A_SUBSCRIBER = (
    Profile,
    ProfileExample,
    ProfileVector,
    Edition,
    EditionItem,
    OutboxMessage,
    Feedback,
    PaperRequest,
    MailedLink,
    WebSession,
)


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
        assert session.exec(select(ProfileExample)).all() == session.exec(select(PaperRequest)).all() == []
        assert session.exec(select(EditionItem)).one().profile_id is None
