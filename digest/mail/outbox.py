"""The outbox: messages promised by a committed transaction. The row is the queue; nothing else remembers a mail.

planned ─┬─> sending ─┬─> sent
deferred ┘  (lease)   ├─> deferred     this message may go later: back-off
                      ├─> planned      the relay is gone: free at once, the try does not count
                      ├─> bounced      refused for good
                      ├─> suppressed   the person is on the list, has left or paused
                      └─> expired      too late to be news
"""

import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import and_, or_, update
from sqlmodel import Session, col, select

from digest.clock import utc_now
from digest.composing.messages import Message
from digest.db import Database
from digest.errors import PermanentError, TransientError, Unreachable
from digest.log import get_logger
from digest.mail import suppression
from digest.mail.transports import Envelope, Transport
from digest.tables import Edition, OutboxMessage, OutboxState, SkipReason, Subscriber, SubscriberStatus

LEASE = timedelta(minutes=12)  # longer than the wait for a server's answer to one message
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=2)
DEADLINE = timedelta(hours=20)  # after that the next edition is due, and its papers go there
WAITING = (OutboxState.PLANNED, OutboxState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Courier:
    """Who delivers, and by what; `stopping` is asked before every message."""

    database: Database
    transport: Transport
    owner: str
    stopping: Callable[[], bool] = lambda: False


def _claimable(now: datetime):  # type: ignore[no-untyped-def]  # an SQL expression
    abandoned = and_(col(OutboxMessage.state) == OutboxState.SENDING, col(OutboxMessage.lease_until) < utc_now())
    waiting = and_(col(OutboxMessage.state).in_(WAITING), col(OutboxMessage.next_at) <= now)
    return or_(waiting, abandoned)


def plan(session: Session, now: datetime, only: int | None = None) -> list[int]:
    """Messages that wait and may go now, and those whose sender's lease has run out."""
    query = select(OutboxMessage.id).where(_claimable(now)).order_by(col(OutboxMessage.id))
    return list(session.exec(query if only is None else query.where(OutboxMessage.subscriber_id == only)))


def enqueue(session: Session, edition: Edition, message: Message, content: bytes, envelope_from: str) -> None:
    """Promise an edition's message; it goes out once this transaction is committed."""
    edition.composed = True
    session.add(
        OutboxMessage(
            subscriber_id=edition.subscriber_id,
            edition_id=edition.id,
            envelope_from=envelope_from,
            recipient=message.recipient.addr_spec,
            message_id=message.message_id,
            content=zlib.compress(content, 1),
            state=OutboxState.PLANNED,
            next_at=edition.created_at,
            created_at=edition.created_at,
        )
    )


def release(session: Session, owner: str, ids: Sequence[int] | None = None) -> None:
    """Free what `owner` had claimed, or of it only `ids`; a message that is settled is nobody's already."""
    claimed = update(OutboxMessage).where(
        col(OutboxMessage.state) == OutboxState.SENDING, col(OutboxMessage.owner) == owner
    )
    chosen = claimed if ids is None else claimed.where(col(OutboxMessage.id).in_(ids))
    freed = chosen.values(state=OutboxState.PLANNED, owner=None, lease_until=None)
    session.exec(freed.execution_options(synchronize_session=False))


def claim(session: Session, now: datetime, ids: Sequence[int], owner: str) -> list[OutboxMessage]:
    """Take those of `ids` that are still free (or already ours), for as long as the lease lasts."""
    ours = and_(col(OutboxMessage.state) == OutboxState.SENDING, col(OutboxMessage.owner) == owner)
    free = select(OutboxMessage.id).where(col(OutboxMessage.id).in_(ids), or_(_claimable(now), ours))
    session.exec(
        update(OutboxMessage)
        .where(col(OutboxMessage.id).in_(free.with_for_update(skip_locked=True)))
        .values(state=OutboxState.SENDING, owner=owner, lease_until=utc_now() + LEASE)
        .execution_options(synchronize_session=False)
    )
    mine = select(OutboxMessage).where(
        col(OutboxMessage.id).in_(ids), OutboxMessage.owner == owner, OutboxMessage.state == OutboxState.SENDING
    )
    return list(session.exec(mine.order_by(col(OutboxMessage.id))))


def deliver(courier: Courier, now: datetime, ids: Sequence[int]) -> Counter[str]:
    """Send a batch, each message settled in its own transaction right after the answer. Counts by outcome.

    What was not sent, because the other side is gone or we are told to stop, is then free again. Raises Unreachable
    when it is gone.
    """
    with courier.database.session() as session:
        messages = claim(session, now, ids, courier.owner)
    try:
        with courier.transport:
            going = takewhile(lambda _: not courier.stopping(), messages)
            counts = Counter(_deliver_one(courier, message, now) for message in going)
    except Unreachable:
        _hand_back(courier, messages)
        raise
    if counts.total() < len(messages):
        _hand_back(courier, messages)
    return counts


def _hand_back(courier: Courier, messages: Sequence[OutboxMessage]) -> None:
    with courier.database.session() as session:
        release(session, courier.owner, [message.id for message in messages])


def _deliver_one(courier: Courier, message: OutboxMessage, now: datetime) -> str:
    """Ask for the last time whether this person wants mail, send, and write down what came of it."""
    with courier.database.session() as session:
        if not _still_ours(session, message):
            return "lost"
        why_not = _objection(session, message, now)
        if why_not is not None:
            _settle(session, message, why_not, now, "")
            return why_not.value
    envelope = Envelope(
        sender=message.envelope_from,
        recipient=message.recipient,
        content=zlib.decompress(message.content),
        name=f"{message.message_id.strip('<>').partition('@')[0]}-{message.recipient}",
    )
    try:
        state, reply = OutboxState.SENT, courier.transport.send(envelope)
    except Unreachable:
        raise
    except TransientError as error:
        state, reply = OutboxState.DEFERRED, str(error)
    except PermanentError as error:
        state, reply = OutboxState.BOUNCED, str(error)
    with courier.database.session() as session:
        _settle(session, message, state, now, reply)
    get_logger().info("message_settled", message=message.id, subscriber=message.subscriber_id, state=state.value)
    return state.value


def _still_ours(session: Session, message: OutboxMessage) -> bool:
    """Renew the lease for this message's own sending; False when it was erased or somebody took it over."""
    row = session.get(OutboxMessage, message.id)
    if row is None or (row.state, row.owner) != (OutboxState.SENDING, message.owner):
        return False
    row.lease_until = utc_now() + LEASE
    return True


def _objection(session: Session, message: OutboxMessage, now: datetime) -> OutboxState | None:
    subscriber = session.get(Subscriber, message.subscriber_id)
    wanted = subscriber is not None and subscriber.status is SubscriberStatus.ACTIVE
    if not wanted or suppression.suppressed(session, [message.recipient]):
        return OutboxState.SUPPRESSED
    return OutboxState.EXPIRED if now - message.created_at > DEADLINE else None


def _settle(session: Session, message: OutboxMessage, state: OutboxState, now: datetime, reply: str) -> None:
    """Write the outcome, if the message is still ours: whoever took it over after our lease decides."""
    row = session.get(OutboxMessage, message.id)
    if row is None or (row.state, row.owner) != (OutboxState.SENDING, message.owner):
        return
    row.state, row.owner, row.lease_until, row.reply = state, None, None, reply[:500]
    row.attempt += 1
    if state is OutboxState.SENT:
        row.sent_at = now
    if state is OutboxState.DEFERRED:
        row.next_at = now + _pause(row)
    if state is OutboxState.BOUNCED and _is_about_the_address(reply):
        suppression.suppress(session, row.recipient, reply, now)
    if state is OutboxState.SUPPRESSED and row.edition_id is not None:
        subscriber = session.get_one(Subscriber, row.subscriber_id)
        paused = subscriber.status is SubscriberStatus.PAUSED
        edition = session.get_one(Edition, row.edition_id)
        edition.skip_reason = SkipReason.PAUSED if paused else SkipReason.SUPPRESSED


def _pause(row: OutboxMessage) -> timedelta:
    """Five minutes, ten, twenty, up to two hours, with a jitter that is the message's own."""
    jitter = random.Random(f"{row.message_id}.{row.attempt}").uniform(0.8, 1.2)  # noqa: S311 - no secret
    doubled: timedelta = FIRST_PAUSE * 2 ** (row.attempt - 1)
    return min(doubled, LONGEST_PAUSE) * jitter


def _is_about_the_address(reply: str) -> bool:
    """Whether a refusal says that there is no such mailbox (RFC 3463: 5.1.x, 5.2.1), not that our mail is unwelcome."""
    status = next((word for word in reply.split() if word.startswith("5.") and word.count(".") == 2), "")  # noqa: PLR2004
    return status in {"5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1"}
