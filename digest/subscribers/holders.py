"""Whose a signed link is: the links in every edition and the addresses of feeds. They hold ids, never an address.

What a link may do lies in its purpose, and ends with its time, with the person's `link_key` (of a feed: `feed_key`), or
with the person. Whoever an edition is forwarded to holds its links too; so they can do little.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from digest import tokens
from digest.errors import InvalidRequest
from digest.tables import Edition, Subscriber

LIFE: dict[tokens.Purpose, timedelta | None] = {
    "manage": timedelta(days=90),
    "vote": timedelta(days=90),
    "edition": timedelta(days=365),
    "unsubscribe": None,
    "feed": None,
}
GONE = "This link is no longer valid: it is too old, or was made void. Sign in to do what it did."


@dataclass(frozen=True, slots=True)
class Holder:
    """The person, and the edition that the link came with or the interest that it is about, if it names one."""

    subscriber: Subscriber
    edition: Edition | None = None
    profile_id: int | None = None


def find_holder(session: Session, secret: str, purpose: tokens.Purpose, token: str, now: datetime) -> Holder:
    """Whose `token` is; raises InvalidRequest when it was not made by us for `purpose`, or is void by now."""
    payload = tokens.read(secret, purpose, token)
    subscriber = session.get(Subscriber, payload["s"])
    life = LIFE[purpose]
    if subscriber is None or payload["k"] != _key(subscriber, purpose):
        raise InvalidRequest(GONE)
    if life is not None and now.date() > date.fromisoformat(payload["d"]) + life:
        raise InvalidRequest(GONE)
    edition = session.get(Edition, payload["e"]) if "e" in payload else None
    if edition is not None and edition.subscriber_id != subscriber.id:  # a number that was given out again
        raise InvalidRequest(GONE)
    return Holder(subscriber, edition, payload.get("p"))


def sign_feed(secret: str, subscriber: Subscriber, profile_id: int | None = None) -> str:
    """The token of the feed of all of somebody's editions, or of one interest."""
    payload: dict[str, Any] = {"s": subscriber.id, "k": subscriber.feed_key}
    return tokens.sign(secret, "feed", payload if profile_id is None else payload | {"p": profile_id})


def rotate_feed(session: Session, subscriber: Subscriber) -> None:
    """Give the feeds new addresses; the old ones lead nowhere from now on."""
    subscriber.feed_key = tokens.draw_key()
    session.flush()


def _key(subscriber: Subscriber, purpose: tokens.Purpose) -> str:
    return subscriber.feed_key if purpose == "feed" else subscriber.link_key
