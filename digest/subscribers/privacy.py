"""Erasing a person: the rows go, and everything that names them goes with them."""

from sqlmodel import Session

from digest.tables import Subscriber


def erase(session: Session, subscriber: Subscriber) -> None:
    """Delete a subscriber with their profiles, editions, messages and votes; only a suppression hash may stay."""
    session.delete(subscriber)
    session.flush()
