"""The outbox: messages promised by a committed transaction. The row is the queue; nothing else remembers a mail.

planned ─┬─> sending ─┬─> sent
deferred ┘  (lease)   ├─> deferred     this message may go later: back-off
                      ├─> planned      the relay is gone: free at once, the try does not count
                      ├─> bounced      refused for good
                      ├─> suppressed   the person is on the list, has left or paused
                      ├─> expired      too late to be news; its papers come with the next edition
                      └─> held         for the operator to decide: `digest outbox release`

The four last are left by an operator's command only. `digest.mail.delivery` does the sending.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, insert, or_, update
from sqlmodel import Session, col, select

from digest import verp
from digest.clock import utc_now
from digest.composing.messages import Sender, make_message_id
from digest.mail import pacing
from digest.mail.pacing import NO_RULES, Rules
from digest.tables import Edition, MailKind, OutboxMessage, OutboxState, Subscriber

LEASE = timedelta(minutes=12)  # longer than the wait for a server's answer to one message
DEADLINE = timedelta(hours=20)  # after that the next edition is due, and its papers go there
WAITING = (OutboxState.PLANNED, OutboxState.DEFERRED)

IS_LETTER = col(OutboxMessage.kind) != MailKind.EDITION
State, Content = col(OutboxMessage.state), col(OutboxMessage.content)


def changed(*which: ColumnElement[bool]) -> Any:
    """An UPDATE of the rows that fulfil `which`, past the session's own memory of them."""
    return update(OutboxMessage).where(*which).execution_options(synchronize_session=False)


# Promising


def promise(session: Session, sender: Sender, subscriber_ids: Sequence[int], now: datetime) -> None:
    """Promise a message for each edition that was stored at `now`, in the transaction that stored it."""
    made = (
        select(Edition, Subscriber.email)
        .join(Subscriber, col(Subscriber.id) == col(Edition.subscriber_id))
        .outerjoin(OutboxMessage, col(OutboxMessage.edition_id) == col(Edition.id))
        .where(col(Edition.subscriber_id).in_(subscriber_ids), Edition.created_at == now)
        .where(col(Edition.skip_reason).is_(None), col(OutboxMessage.id).is_(None))
    )
    common = {"kind": MailKind.EDITION, "state": OutboxState.PLANNED, "next_at": now, "created_at": now}
    rows = [
        {**_BLANK, **common, **_identity(sender, edition), "recipient": email} for edition, email in session.exec(made)
    ]
    if rows:
        session.execute(insert(OutboxMessage), rows)


def _identity(sender: Sender, edition: Edition) -> dict[str, Any]:
    who, day = edition.subscriber_id, edition.edition_date
    message_id = make_message_id(sender, day, who, edition.id)
    return {"edition_id": edition.id, "subscriber_id": who, "edition_date": day, "message_id": message_id}


_BLANK = {"envelope_from": "", "attempt": 0, "doubts": 0, "paced": False, "reply": ""}


def fill(sender: Sender, row: OutboxMessage, content: bytes) -> None:
    """Write a promised message's content down, from here on the same for every try."""
    row.content = zlib.compress(content, 1)
    row.envelope_from = envelope_sender(sender, row.id)


def enqueue(session: Session, sender: Sender, row: OutboxMessage, content: bytes) -> None:
    """Promise a message that is no edition's, with its content."""
    session.add(row)
    session.flush()
    fill(sender, row, content)


def envelope_sender(sender: Sender, number: int) -> str:
    """The address to which what comes back of a message goes."""
    if not sender.bounce_address:
        return sender.address.addr_spec
    return verp.address(sender.bounce_address, sender.signing_key, verp.Token("m", number))


# Planning and claiming


def _claimable(now: datetime) -> ColumnElement[bool]:
    abandoned = and_(State == OutboxState.SENDING, col(OutboxMessage.lease_until) < utc_now())
    waiting = and_(State.in_(WAITING), col(OutboxMessage.next_at) <= now)
    return and_(or_(waiting, abandoned), Content.is_not(None))


def plan(session: Session, now: datetime, rules: Rules = NO_RULES, only: int | None = None) -> list[int]:
    """Messages that wait and may go now, and those whose sender's lease has run out.

    Letters come first: somebody waits for them. None while mail is paused; editions only inside the window, and no
    more than the day of warming up allows.
    """
    if _is_paused(session):
        return []
    query = _waiting(now) if only is None else _waiting(now).where(OutboxMessage.subscriber_id == only)
    letters = list(session.exec(query.where(IS_LETTER)))
    if not rules.window.holds(now):
        return letters
    room = _room(session, rules, now)
    return letters + list(session.exec(query.where(~IS_LETTER).limit(room)))


def plan_letters(session: Session, now: datetime) -> list[int]:
    """Of the messages that may go now, those that somebody waits for at a page."""
    return [] if _is_paused(session) else list(session.exec(_waiting(now).where(IS_LETTER)))


def _is_paused(session: Session) -> bool:
    pace = pacing.closed(session, utc_now())
    return pace is not None and pace.name == pacing.EVERYTHING


def _waiting(now: datetime) -> Any:
    return select(OutboxMessage.id).where(_claimable(now)).order_by(col(OutboxMessage.id))


def _room(session: Session, rules: Rules, now: datetime) -> int | None:
    """How many editions may still go on this day (UTC) of warming up; None without a limit."""
    if rules.warm_up_start is None:
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sent = select(func.count()).where(State == OutboxState.SENT, col(OutboxMessage.next_at) >= midnight)
    return max(pacing.warm_up_cap(rules.warm_up_start, now.date()) - session.exec(sent).one(), 0)


def claim(
    session: Session, now: datetime, ids: Sequence[int], owner: str, rules: Rules = NO_RULES
) -> list[OutboxMessage]:
    """Take those of `ids` that are still free (or already ours), for as long as the lease lasts.

    What another owner left in doubt is held instead, where the operator fears doubles more than loss.
    """
    wanted = col(OutboxMessage.id).in_(ids)
    if rules.hold_doubtful:
        left = and_(State == OutboxState.SENDING, col(OutboxMessage.doubts) > 0)
        session.exec(changed(wanted, left, _claimable(now)).values(state=OutboxState.HELD, owner=None))
    ours = and_(State == OutboxState.SENDING, col(OutboxMessage.owner) == owner)
    free = select(OutboxMessage.id).where(wanted, or_(_claimable(now), ours)).with_for_update(skip_locked=True)
    attempt = col(OutboxMessage.attempt) + 1
    taken = changed(col(OutboxMessage.id).in_(free)).values(
        state=OutboxState.SENDING, owner=owner, attempt=attempt, lease_until=utc_now() + LEASE
    )
    session.exec(taken)
    mine = select(OutboxMessage).where(wanted, ours)
    return list(session.exec(mine.order_by(col(OutboxMessage.id))))


# Giving back, giving up


def release(session: Session, owner: str, ids: Sequence[int] | None = None, *, hold_doubtful: bool = False) -> None:
    """Free what an owner that died had claimed, or of it only `ids`; what it had handed over may be held instead."""
    claimed = [State == OutboxState.SENDING, col(OutboxMessage.owner) == owner]
    if ids is not None:
        claimed.append(col(OutboxMessage.id).in_(ids))
    after: Any = OutboxState.PLANNED
    if hold_doubtful:
        after = case((col(OutboxMessage.doubts) > 0, OutboxState.HELD.value), else_=OutboxState.PLANNED.value)
    session.exec(changed(*claimed).values(state=after, owner=None, lease_until=None))


def hand_back(session: Session, messages: Sequence[OutboxMessage]) -> None:
    """Free what we claimed and did not try; that try does not count."""
    for attempt in {message.attempt for message in messages}:
        ids = [message.id for message in messages if message.attempt == attempt]
        mine = changed(col(OutboxMessage.id).in_(ids), still_ours(messages[0].owner, attempt))
        session.exec(mine.values(state=OutboxState.PLANNED, owner=None, lease_until=None, attempt=attempt - 1))


def still_ours(owner: str | None, attempt: int) -> ColumnElement[bool]:
    """The fence: whoever claimed a row after our lease has another owner's name, or another attempt."""
    return and_(State == OutboxState.SENDING, col(OutboxMessage.owner) == owner, col(OutboxMessage.attempt) == attempt)


def expire(session: Session, now: datetime, subscriber_ids: Sequence[int]) -> None:
    """Give up the editions that are too late to be news, so that their papers may come with the next one."""
    late = and_(State.in_(WAITING), col(OutboxMessage.created_at) < now - DEADLINE)
    theirs = and_(col(OutboxMessage.subscriber_id).in_(subscriber_ids), col(OutboxMessage.kind) == MailKind.EDITION)
    session.exec(changed(theirs, late).values(state=OutboxState.EXPIRED, content=b"", next_at=now))
