"""Links that are mailed and work once, by a press: they confirm, sign in, change an address or stop the change.

A page may be looked at as often as a mail scanner likes; only `use` changes anything. Of a token the hash is kept.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import tokens
from digest.composing.letters import LIFE as LIFE  # noqa: PLC0414 - public here, where it is kept to
from digest.composing.letters import LinkPurpose
from digest.db import take_turns
from digest.errors import InvalidRequest
from digest.tables import MailedLink, Subscriber

TURNS = "letters"  # who writes, subscribes or changes an address waits for the others who do


class LinkState(StrEnum):
    FRESH = "fresh"
    USED = "used"
    EXPIRED = "expired"  # too old, or a newer one was asked for


WRONG = {
    None: "This link is not valid: it may have been cut off by your mail program.",
    LinkState.USED: "This link has been used already.",
    LinkState.EXPIRED: "This link is no longer valid: ask for a new one.",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A link that we mailed, and whether it still leads anywhere."""

    link: MailedLink
    state: LinkState


def issue(session: Session, subscriber: Subscriber, purpose: LinkPurpose, now: datetime, address: str = "") -> str:
    """A new token, to be mailed to `address`. The links of that purpose that went out before are void.

    Who may stop a change of address keeps the right: another change, from another address, does not void it.
    """
    take_turns(session, TURNS)
    void(session, subscriber, purpose, now, address if purpose == "address-cancel" else None)
    token = tokens.draw()
    session.add(
        MailedLink(
            digest=tokens.digest_of(token),
            purpose=purpose,
            subscriber_id=subscriber.id,
            address=address,
            created_at=now,
            expires_at=now + LIFE[purpose],
        )
    )
    session.flush()
    return token


def void(
    session: Session, subscriber: Subscriber, purpose: LinkPurpose, now: datetime, address: str | None = None
) -> None:
    """End the links of a purpose that were not used yet; of them only those to `address`, where one is given."""
    theirs = [col(MailedLink.subscriber_id) == subscriber.id, col(MailedLink.purpose) == purpose]
    theirs += [col(MailedLink.address) == address] if address is not None else []
    open_ones = update(MailedLink).where(*theirs, col(MailedLink.used_at).is_(None), col(MailedLink.expires_at) > now)
    session.exec(open_ones.values(expires_at=now).execution_options(synchronize_session="fetch"))


def void_all(session: Session, subscriber: Subscriber, now: datetime) -> None:
    for purpose in LIFE:
        void(session, subscriber, purpose, now)


def look(session: Session, purpose: LinkPurpose, token: str, now: datetime) -> Found | None:
    """The link and its state, for the page that asks for the press; None for what we never mailed."""
    query = select(MailedLink).where(MailedLink.digest == tokens.digest_of(token), MailedLink.purpose == purpose)
    link = session.exec(query.execution_options(populate_existing=True)).first()
    if link is None:
        return None
    if link.used_at is not None:
        return Found(link, LinkState.USED)
    return Found(link, LinkState.FRESH if now < link.expires_at else LinkState.EXPIRED)


def use(session: Session, purpose: LinkPurpose, token: str, now: datetime) -> MailedLink:
    """Use a link up; of several who press at once one gets through, and the others an InvalidRequest that says why."""
    mine = update(MailedLink).where(
        col(MailedLink.digest) == tokens.digest_of(token),
        col(MailedLink.purpose) == purpose,
        col(MailedLink.used_at).is_(None),
        col(MailedLink.expires_at) > now,
    )
    pressed = session.exec(mine.values(used_at=now).execution_options(synchronize_session=False)).rowcount
    found = look(session, purpose, token, now)
    if not pressed or found is None:
        raise InvalidRequest(WRONG[found.state if found else None])
    return found.link
