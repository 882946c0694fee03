"""Who writes letters, and how many at most: nobody can make us fill the mailbox of somebody else.

The outbox is what is counted, so that all processes agree; who is about to write waits for the others (`links.TURNS`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.composing.letters import PURPOSES, Letter, compose_letter, make_row
from digest.composing.messages import Sender
from digest.composing.mime import assemble
from digest.composing.signing import SigningKey
from digest.db import take_turns
from digest.log import get_logger
from digest.mail import outbox, suppression
from digest.subscribers import links
from digest.tables import MailKind, OutboxMessage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Office:
    """Who writes and signs, the most letters to one address in an hour and in a day, and the most in all in an hour.

    `papers` is how many the editions have of those who subscribe.
    """

    sender: Sender
    keys: Sequence[SigningKey] = ()
    per_address: tuple[int, int] = (3, 6)
    in_all: int = 200
    papers: int = 10


def write(session: Session, office: Office, letter: Letter) -> OutboxMessage | None:
    """Promise a letter, with a link of its own; None when the address is not to be mailed, or had enough for now.

    A letter that is held back voids no link: those that went out before still work.
    """
    take_turns(session, links.TURNS)
    if suppression.suppressed(session, [letter.recipient]):
        return None
    if not has_room(session, office, letter.recipient, letter.now):
        get_logger().warning("letter_held_back", subscriber=letter.subscriber.id, kind=letter.kind.value)
        return None
    token = links.issue(session, letter.subscriber, PURPOSES[letter.kind], letter.now, letter.recipient)
    message = compose_letter(office.sender, letter, token)
    row = make_row(letter, message)
    outbox.enqueue(session, office.sender, row, assemble(office.sender, message, office.keys))
    return row


def has_room(session: Session, office: Office, address: str, now: datetime) -> bool:
    """Whether one more letter may go to an address."""
    an_hour, a_day = office.per_address
    return (
        _count(session, now - HOUR, address) < an_hour
        and _count(session, now - DAY, address) < a_day
        and _count(session, now - HOUR) < office.in_all
    )


def _count(session: Session, since: datetime, address: str | None = None) -> int:
    query = select(func.count()).where(OutboxMessage.kind != MailKind.EDITION, col(OutboxMessage.created_at) > since)
    query = query if address is None else query.where(OutboxMessage.recipient == address)
    return session.exec(query).one()
