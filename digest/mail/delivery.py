"""Sends what the outbox has promised: each message is asked about right before it goes, and settled right after."""

import random
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, update
from sqlmodel import Session, col

from digest.clock import utc_now
from digest.db import Database
from digest.errors import Unreachable
from digest.log import get_logger
from digest.mail import bounces, outbox, pacing, suppression
from digest.mail.pacing import NO_RULES, Rules
from digest.mail.replies import Reply, Verdict
from digest.mail.transports import Envelope, Transport
from digest.tables import (
    Edition,
    MailKind,
    OutboxMessage,
    OutboxState,
    SkipReason,
    Subscriber,
    SubscriberStatus,
    Suppression,
)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=2)
MOST_DOUBTS = 3  # times that a message may go without an answer before it is held: each may have arrived
MOST_FULL = 4  # tries of a full mailbox
MOST_POLICY, WATCHED = 10, 200  # refusals for what we are, of so many replies, after which the run pauses
POLICY_PAUSE = timedelta(minutes=30)
FINISHED = (OutboxState.SENT, OutboxState.SUPPRESSED, OutboxState.EXPIRED)  # whose content nobody needs any more

# The two statements of every mail, built once: building them costs more than running them.
_ROW = OutboxMessage.__table__  # type: ignore[attr-defined]
_OURS = and_(
    _ROW.c.id == bindparam("row"),
    _ROW.c.state == OutboxState.SENDING,
    _ROW.c.owner == bindparam("ours"),
    _ROW.c.attempt == bindparam("try"),
)
_WANTED = exists().where(
    col(Subscriber.id) == _ROW.c.subscriber_id,
    or_(_ROW.c.kind != MailKind.EDITION, col(Subscriber.status) == SubscriberStatus.ACTIVE),
)
_LISTED = exists().where(col(Suppression.address_digest) == bindparam("address"))
SET_OUT = update(_ROW).where(_OURS, _WANTED, ~_LISTED).values(doubts=_ROW.c.doubts + 1, lease_until=bindparam("until"))
NOTE_SENT = (
    update(_ROW)
    .where(_OURS)
    .values(state=OutboxState.SENT, sent_at=bindparam("now"), next_at=bindparam("now"), reply=bindparam("words"))
    .values(owner=None, lease_until=None, doubts=0, content=b"")
)


def _fence(message: OutboxMessage) -> dict[str, Any]:
    return {"row": message.id, "ours": message.owner, "try": message.attempt}


def make_watch() -> deque[bool]:
    return deque(maxlen=WATCHED)


@dataclass(frozen=True, slots=True)
class Courier:
    """Who delivers, by what and by which rules. `stopping` is asked before every message.

    `watch` remembers of the latest replies which refused us rather than the message.
    """

    database: Database
    transport: Transport
    owner: str
    rules: Rules = NO_RULES
    stopping: Callable[[], bool] = lambda: False
    watch: deque[bool] = field(default_factory=make_watch)


def deliver(courier: Courier, now: datetime, ids: Sequence[int]) -> Counter[str]:
    """Send a batch, each message settled in its own transaction right after the answer. Counts by outcome.

    What was not sent, because the other side is gone or we are told to stop, is then free again. Raises Unreachable
    when it is gone, with the counts of what was done before.
    """
    with courier.database.session() as session:
        pacing.check_open(session, utc_now())
        claimed = outbox.claim(session, now, ids, courier.owner, courier.rules)
        waits = pacing.admit(session, claimed, courier.rules, utc_now())
        going = [message for message in claimed if not _postpone(message, waits, now)]
    batch = _Batch(courier, now, going)
    try:
        with courier.transport as transport:
            transport.send_all(batch.envelopes(), batch.settle)
    except Unreachable as error:
        batch.take_back()
        raise Unreachable(str(error), batch.counts) from error
    finally:
        batch.hand_back()
    if batch.unwelcome:
        raise Unreachable("The mail server minds our mail: see `digest outbox status`.", batch.counts)
    return batch.counts + Counter(postponed=len(waits)) if waits else batch.counts


def _postpone(message: OutboxMessage, waits: dict[int, timedelta], now: datetime) -> bool:
    """Give a claimed message that has to wait back, with its place in the queue."""
    wait = waits.get(message.id)
    if wait is not None:
        message.state, message.owner, message.lease_until = OutboxState.PLANNED, None, None
        message.attempt -= 1
        message.next_at, message.paced = now + wait, True
    return wait is not None


class _Batch:
    """The messages that one call of `deliver` has claimed, from the first question to the last answer."""

    def __init__(self, courier: Courier, now: datetime, messages: Sequence[OutboxMessage]) -> None:
        self.counts: Counter[str] = Counter()
        self.unwelcome = False
        self._courier = courier
        self._now = now
        self._waiting = {message.id: message for message in messages}
        self._under_way: dict[str, OutboxMessage] = {}
        self._relay_is_known = self._gone = False

    def envelopes(self) -> Iterator[Envelope]:
        """The messages, each asked about at the moment it is taken."""
        for message in list(self._waiting.values()):
            if self._courier.stopping() or self.unwelcome:
                return
            envelope = _envelope(message)
            del self._waiting[message.id]
            with self._courier.database.session() as session:
                goes = self._set_out(session, message) or self._turn_away(session, message)
            if goes:
                self._under_way[envelope.name] = message
                yield envelope

    def _set_out(self, session: Session, message: OutboxMessage) -> bool:
        """Renew the lease for this message's own sending, if it is still ours and still wanted."""
        if self._now - message.created_at > outbox.DEADLINE:
            return False
        address = suppression.digest_of(message.recipient)
        asked = {**_fence(message), "address": address, "until": utc_now() + outbox.LEASE}
        return bool(session.connection().execute(SET_OUT, asked).rowcount)

    def _turn_away(self, session: Session, message: OutboxMessage) -> bool:
        """Write down why a message does not go. False, always."""
        row = self._ours(session, message)
        if row is None:
            self.counts["lost"] += 1
            return False
        late = self._now - row.created_at > outbox.DEADLINE
        reader = session.get_one(Subscriber, row.subscriber_id)
        wanted = reader.status is SubscriberStatus.ACTIVE or row.kind is not MailKind.EDITION
        listed = suppression.suppressed(session, [row.recipient])
        state = OutboxState.EXPIRED if late and wanted and not listed else OutboxState.SUPPRESSED
        if state is OutboxState.SUPPRESSED and row.edition_id is not None:
            paused = reader.status is SubscriberStatus.PAUSED
            edition = session.get_one(Edition, row.edition_id)
            edition.skip_reason = SkipReason.PAUSED if paused else SkipReason.SUPPRESSED
        self._close(row, state, "")
        return False

    def settle(self, envelope: Envelope, reply: Reply) -> None:
        """Write the outcome, if the message is still ours: whoever took it over after our lease decides."""
        message = self._under_way.pop(envelope.name)
        with self._courier.database.session() as session:
            if reply.verdict is Verdict.SENT:
                self._note_sent(session, message, reply)
            elif (row := self._ours(session, message)) is not None:
                self._judge(session, row, reply)
            else:
                self.counts["lost"] += 1
        get_logger().info("message_settled", message=message.id, verdict=reply.verdict.value)
        self._watch(reply)

    def _note_sent(self, session: Session, message: OutboxMessage, reply: Reply) -> None:
        done = {**_fence(message), "now": self._now, "words": reply.words[:500]}
        ours = session.connection().execute(NOTE_SENT, done).rowcount
        self.counts["sent" if ours else "lost"] += 1
        if not self._relay_is_known:
            pacing.note_success(session)
        self._relay_is_known = True

    def _judge(self, session: Session, row: OutboxMessage, reply: Reply) -> None:
        """Everything but success, as `replies` tells what it means."""
        verdict = reply.verdict
        row.doubts -= verdict is not Verdict.UNKNOWN
        if verdict is Verdict.FREE:
            row.attempt -= 1
            self._close(row, OutboxState.PLANNED, row.reply)
            if not self._gone:
                pacing.note_failure(session, reply.text, utc_now())
            self._gone = True
            return
        if verdict is Verdict.SLOWER:
            pacing.slow_down(session, pacing.domain_of(row.recipient), self._courier.rules.per_domain, utc_now())
        if verdict is Verdict.DEAD:
            suppression.suppress(session, row.recipient, f"bounced: {reply.text}", self._now)
        state = self._state_after(verdict, row)
        if state is OutboxState.BOUNCED and verdict is not Verdict.DEAD:
            bounces.score_soft(session, row.recipient, reply.text, self._now)
        self._close(row, state, reply.text)

    def _state_after(self, verdict: Verdict, row: OutboxMessage) -> OutboxState:
        if verdict in (Verdict.DEAD, Verdict.REFUSED) or (verdict is Verdict.FULL and row.attempt >= MOST_FULL):
            return OutboxState.BOUNCED
        doubtful = self._courier.rules.hold_doubtful or row.doubts >= MOST_DOUBTS
        return OutboxState.HELD if verdict is Verdict.UNKNOWN and doubtful else OutboxState.DEFERRED

    def _close(self, row: OutboxMessage, state: OutboxState, reply: str) -> None:
        row.state, row.owner, row.lease_until, row.reply = state, None, None, reply[:500]
        row.paced = False
        if state is OutboxState.DEFERRED:
            row.next_at = self._now + _pause(row)
        elif state is not OutboxState.PLANNED:
            row.next_at = self._now
            row.content = b"" if state in FINISHED else row.content
        if state is not OutboxState.PLANNED:
            self.counts[state.value] += 1

    def _ours(self, session: Session, message: OutboxMessage) -> OutboxMessage | None:
        row = session.get(OutboxMessage, message.id)
        ours = (OutboxState.SENDING, message.owner, message.attempt)
        return row if row is not None and (row.state, row.owner, row.attempt) == ours else None

    def _watch(self, reply: Reply) -> None:
        """Leave the relay alone when too many replies mind us: going on would make it worse."""
        watch = self._courier.watch
        watch.append(reply.verdict is Verdict.POLICY)
        if sum(watch) > MOST_POLICY and not self.unwelcome:
            self.unwelcome = True
            watch.clear()
            until = utc_now() + POLICY_PAUSE
            with self._courier.database.session() as session:
                pacing.close_relay(session, f"it refuses our mail for what we are: {reply.text}", until)

    def take_back(self) -> None:
        """Count what the transport had in hand when it gave up, and never settled, among what was never asked for."""
        self._waiting |= {message.id: message for message in self._under_way.values()}
        self._under_way.clear()

    def hand_back(self) -> None:
        """Free what was claimed and never asked for."""
        if self._waiting:
            with self._courier.database.session() as session:
                outbox.hand_back(session, list(self._waiting.values()))
            self._waiting.clear()


def _envelope(message: OutboxMessage) -> Envelope:
    return Envelope(
        sender=message.envelope_from,
        recipient=message.recipient,
        content=zlib.decompress(message.content or b""),
        name=f"{message.message_id.strip('<>').partition('@')[0]}-{message.recipient}",
    )


def _pause(row: OutboxMessage) -> timedelta:
    """Five minutes, ten, twenty, up to two hours, with a jitter that is the message's own."""
    jitter = random.Random(f"{row.message_id}.{row.attempt}").uniform(0.8, 1.2)  # noqa: S311 - no secret
    doubled: timedelta = FIRST_PAUSE * 2 ** min(row.attempt - 1, 10)
    return min(doubled, LONGEST_PAUSE) * jitter
