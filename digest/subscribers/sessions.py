"""Browsers that are signed in. The cookie holds a secret; the database its hash, so a stolen copy lets nobody in."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest import tokens
from digest.tables import Subscriber, WebSession

LIFE = timedelta(days=30)  # from the last visit
TOUCHED = timedelta(hours=1)  # a visit within it is not written down again
PROVED = timedelta(minutes=15)  # how long a mailed link proves that it is the person, and not their open browser


def start(session: Session, subscriber: Subscriber, now: datetime) -> str:
    """Sign a browser in that has just used a mailed link; returns the secret for its cookie."""
    secret = tokens.draw()
    digest = tokens.digest_of(secret)
    session.add(
        WebSession(digest=digest, subscriber_id=subscriber.id, created_at=now, seen_at=now, proved_at=now),
    )
    session.flush()
    return secret


def find(session: Session, secret: str, now: datetime) -> WebSession | None:
    """The session of a cookie, if it is one and was not left alone for too long."""
    row = session.exec(select(WebSession).where(WebSession.digest == tokens.digest_of(secret))).first()
    return None if row is None or now - row.seen_at >= LIFE else row


def is_stale(row: WebSession, now: datetime) -> bool:
    """Whether the visit is to be written down."""
    return now - row.seen_at >= TOUCHED


def read(session: Session, secret: str, now: datetime) -> WebSession | None:
    """The session of a cookie, as `find`; notes the visit once an hour."""
    row = find(session, secret, now)
    if row is not None and is_stale(row, now):
        row.seen_at = now
    return row


def end(session: Session, secret: str) -> None:
    """Sign a browser out; nothing happens if it was not signed in."""
    session.exec(delete(WebSession).where(col(WebSession.digest) == tokens.digest_of(secret)))


def end_all(session: Session, subscriber: Subscriber) -> None:
    """Sign a person out everywhere."""
    session.exec(delete(WebSession).where(col(WebSession.subscriber_id) == subscriber.id))


def listing(session: Session, subscriber: Subscriber) -> list[WebSession]:
    """A person's sessions, the latest visit first."""
    query = select(WebSession).where(WebSession.subscriber_id == subscriber.id)
    return list(session.exec(query.order_by(col(WebSession.seen_at).desc(), col(WebSession.id).desc())))


def is_proved(row: WebSession, now: datetime) -> bool:
    """Whether a mailed link was used so lately that the session may do what cannot be undone."""
    return now - row.proved_at <= PROVED
