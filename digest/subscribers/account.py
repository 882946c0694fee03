"""What a person can do about all that is stored of them: see how much it is, and have it forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.mail import suppression
from digest.subscribers import privacy
from digest.subscribers.optin import NEVER_AGAIN
from digest.tables import (
    BounceScore,
    Edition,
    Feedback,
    MailedLink,
    OutboxMessage,
    PaperRequest,
    Profile,
    ProfileExample,
    Subscriber,
    WebSession,
)

KINDS = {
    "interests": Profile,
    "votes": Feedback,
    "asked": PaperRequest,
    "editions": Edition,
    "mails": OutboxMessage,
    "links": MailedLink,
    "browsers": WebSession,
}


def count(session: Session, subscriber: Subscriber) -> dict[str, int]:
    """How many rows of each kind there are of a person."""
    counts = {name: _count(session, table, subscriber) for name, table in KINDS.items()}
    examples = select(func.count(col(ProfileExample.id))).join(Profile, col(Profile.id) == ProfileExample.profile_id)
    counts["examples"] = session.exec(examples.where(Profile.subscriber_id == subscriber.id)).one()
    return counts


def _count(session: Session, table: Any, subscriber: Subscriber) -> int:
    return session.exec(select(func.count(table.id)).where(table.subscriber_id == subscriber.id)).one()


def forget(session: Session, subscriber: Subscriber, now: datetime, *, never_again: bool = False) -> bool:
    """Delete everything of a person at their own wish, and what the letters of others hold of their address.

    Gives whether a hash of the address stays on the suppression list: because they are `never_again` to be mailed, or
    because it was there. What files hold is not reached from here: see `questions.forget_files`.
    """
    email = subscriber.email
    if never_again:
        suppression.suppress(session, email, NEVER_AGAIN, now)
    stays = bool(suppression.suppressed(session, [email]))
    session.exec(delete(OutboxMessage).where(col(OutboxMessage.recipient) == email))
    session.exec(delete(MailedLink).where(col(MailedLink.address) == email))
    session.exec(delete(BounceScore).where(col(BounceScore.address_digest) == suppression.digest_of(email)))
    privacy.erase(session, subscriber, now)
    return stays
