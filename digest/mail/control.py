"""What an operator sees of the outbox and does to it by hand. Nobody else leaves a state that is an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, select

from digest.clock import utc_now
from digest.errors import InvalidRequest
from digest.mail import outbox, pacing
from digest.mail.pacing import Rules
from digest.tables import OutboxMessage, OutboxState, Pace

RECENT = timedelta(days=2)
MOST_SHOWN = 20
CHANGES = {  # what a command does: the states that it takes messages out of, and the one that it puts them in
    "retry": ((OutboxState.DEFERRED, OutboxState.BOUNCED), OutboxState.PLANNED),
    "hold": ((OutboxState.PLANNED, OutboxState.DEFERRED), OutboxState.HELD),
    "release": ((OutboxState.HELD,), OutboxState.PLANNED),
}


@dataclass(frozen=True, slots=True)
class Troubled:
    """A message that an operator may want to know of."""

    id: int
    recipient: str
    kind: str
    state: str
    attempt: int
    next_at: datetime
    reply: str


@dataclass(frozen=True, slots=True)
class Status:
    """The outbox of two days: messages by state, what keeps them back, and those that are in trouble."""

    counts: dict[str, int]
    closed: Pace | None
    slowed: list[tuple[str, float]]
    cap: int | None
    troubled: list[Troubled]


def status(session: Session, rules: Rules, now: datetime) -> Status:
    recent = col(OutboxMessage.created_at) > now - RECENT
    counted = session.exec(select(OutboxMessage.state, func.count()).where(recent).group_by(outbox.State)).all()
    states = (OutboxState.DEFERRED, OutboxState.BOUNCED, OutboxState.HELD)
    rows = select(OutboxMessage).where(recent, outbox.State.in_(states)).order_by(col(OutboxMessage.id).desc())
    return Status(
        counts={state.value: dict(counted).get(state, 0) for state in OutboxState},
        closed=pacing.closed(session, utc_now()),
        slowed=pacing.slowed(session, utc_now()),
        cap=pacing.warm_up_cap(rules.warm_up_start, now.date()) if rules.warm_up_start else None,
        troubled=[_describe(row) for row in session.exec(rows.limit(MOST_SHOWN))],
    )


def _describe(row: OutboxMessage) -> Troubled:
    return Troubled(row.id, row.recipient, row.kind.value, row.state.value, row.attempt, row.next_at, row.reply)


def count(session: Session, what: str, recipient: str | None) -> int:
    """How many messages `change` would change."""
    return session.exec(select(func.count()).where(_concerned(what, recipient))).one()


def change(session: Session, what: str, recipient: str | None, now: datetime) -> int:
    """Retry, hold or release the messages to one recipient or, with None, to all; returns how many there were.

    Refused messages are tried again for a named recipient only. Raises InvalidRequest for an unknown `what`.
    """
    concerned, after = _concerned(what, recipient), CHANGES[what][1]
    values: dict[str, Any] = {"state": after, "doubts": 0, "paced": False}
    if after is OutboxState.PLANNED:
        values |= {"next_at": now, "attempt": 0}
    changed = session.exec(outbox.changed(concerned).values(**values))
    return int(changed.rowcount)


def _concerned(what: str, recipient: str | None) -> ColumnElement[bool]:
    if what not in CHANGES:
        raise InvalidRequest(f"“{what}” is nothing to do to a message: use {', '.join(CHANGES)}.")
    states = CHANGES[what][0]
    if recipient is None:
        return outbox.State.in_([state for state in states if state is not OutboxState.BOUNCED])
    return and_(outbox.State.in_(states), col(OutboxMessage.recipient) == recipient)
