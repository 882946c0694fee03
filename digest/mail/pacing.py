"""How fast mail may go: rates for the relay and for each receiving domain, a breaker, the pause, windows, warming up.

The state is a row per place in the table `pace`, so that all processes keep to it and a restart forgets nothing.
Moments are real ones: a relay does not know which day a run is for.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, col, select

from digest.clock import ALL_DAY, Window
from digest.db import take_turns
from digest.errors import Unreachable
from digest.tables import OutboxMessage, Pace

RELAY, EVERYTHING = "relay", "mail"
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
AT_ONCE = timedelta(minutes=1)  # a minute's worth may go in one go: a tick comes every minute
MOST_FAILURES = 3  # in a row, after which the relay is left alone for a while
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
FIRST_RATE, LOWEST_RATE, PLENTY = 120.0, 1.0, 600.0  # mails a minute
RECOVERY = 1.0  # mails a minute more, every minute
FIRST_DAY = 50  # mails on the first day of warming up; twice as many every day


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has set: mails a minute (0: no limit), when mail may go out, and how doubt is settled."""

    per_minute: float = 0.0
    per_domain: float = 0.0
    window: Window = ALL_DAY
    warm_up_start: date | None = None
    hold_doubtful: bool = False


NO_RULES = Rules()


def warm_up_cap(start: date, today: date) -> int:
    """How many editions a new sender may mail on a day: fifty on the first, twice as many on each that follows."""
    return int(FIRST_DAY * 2 ** min((today - start).days, 30)) if today >= start else 0


def warm_up_plan(start: date, today: date, subscribers: int) -> list[tuple[date, int]]:
    """The days from `today` on with their caps, up to the first that suffices for all `subscribers`."""
    day, plan = max(start, today), []
    while warm_up_cap(start, day) < subscribers:
        plan.append((day, warm_up_cap(start, day)))
        day += timedelta(days=1)
    return [*plan, (day, warm_up_cap(start, day))]


def domain_of(address: str) -> str:
    return f"domain {address.rpartition('@')[2].lower()}"[:255]


# The pause and the breaker


def pause(session: Session, reason: str) -> None:
    """Let no mail go out until `resume`."""
    pace = _row(session, EVERYTHING)
    pace.closed_until, pace.reason = FOR_EVER, reason[:500]


def resume(session: Session) -> None:
    """Let mail go out again, and forget what the relay did wrong."""
    for name in (EVERYTHING, RELAY):
        pace = _row(session, name)
        pace.closed_until, pace.failures, pace.reason = None, 0, ""


def closed(session: Session, moment: datetime) -> Pace | None:
    """What keeps all mail back at `moment`: the pause, or a relay that is left alone."""
    query = select(Pace).where(col(Pace.name).in_([EVERYTHING, RELAY]), col(Pace.closed_until) > moment)
    return session.exec(query.order_by(col(Pace.closed_until).desc())).first()


def check_open(session: Session, moment: datetime) -> None:
    """Raises Unreachable, with the reason, while no mail may go out."""
    pace = closed(session, moment)
    if pace is None or pace.closed_until is None:
        return
    if pace.name == EVERYTHING:
        raise Unreachable("Mail is paused: `digest outbox resume` lets it go out again.")
    until = f"{pace.closed_until:%H:%M:%S} UTC"
    raise Unreachable(f"The mail server is left alone until {until}: {pace.reason.rstrip('.')}.")


def note_failure(session: Session, reason: str, moment: datetime) -> None:
    """Count a relay that went away; after some in a row it is left alone, longer every time."""
    pace = _row(session, RELAY)
    pace.failures += 1
    if pace.closed_until is None or pace.closed_until <= moment:
        pace.reason = reason[:500]
    if pace.failures >= MOST_FAILURES:
        doubled = FIRST_PAUSE * 2 ** min(pace.failures - MOST_FAILURES, 10)
        until = moment + min(doubled, LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        pace.closed_until = max(until, pace.closed_until or until)


def note_success(session: Session) -> None:
    """Forget the failures; a relay that is left alone stays so, for the mail may have been under way before."""
    pace = session.get(Pace, RELAY)
    if pace is not None and pace.failures:
        pace.failures = 0


def close_relay(session: Session, reason: str, until: datetime) -> None:
    """Leave the relay alone: it minds our mail, and more of it would make that worse."""
    pace = _row(session, RELAY)
    pace.closed_until, pace.reason = until, reason[:500]


# Rates


def rate_now(pace: Pace | None, limit: float, moment: datetime) -> float:
    """Mails a minute that may go to a place: the limit, or less while it recovers from having been slowed down."""
    unslowed = limit or math.inf
    if pace is None or pace.per_minute is None or pace.slowed_at is None:
        return unslowed
    recovered = pace.per_minute + RECOVERY * max((moment - pace.slowed_at) / timedelta(minutes=1), 0.0)
    return unslowed if recovered >= min(unslowed, PLENTY) else recovered


def slow_down(session: Session, name: str, limit: float, moment: datetime) -> None:
    """Halve a place's rate, once a minute at most: replies of one moment are one message to us."""
    pace = _row(session, name)
    if pace.slowed_at is None or moment - pace.slowed_at >= AT_ONCE:
        pace.per_minute = max(LOWEST_RATE, min(rate_now(pace, limit, moment), FIRST_RATE) / 2)
        pace.slowed_at = moment


def admit(session: Session, messages: Sequence[OutboxMessage], rules: Rules, moment: datetime) -> dict[int, timedelta]:
    """Give every message its place in the queues of the relay and of its domain; returns how long each has to wait.

    A message whose place has come was given it before, and waits no more.
    """
    names = {RELAY: rules.per_minute} | {domain_of(row.recipient): rules.per_domain for row in messages}
    known = _rows(session, names)
    rates = {name: rate_now(known.get(name), limit, moment) for name, limit in names.items()}
    if all(math.isinf(rate) for rate in rates.values()):
        return {}
    lines = {name: _Line(session, name, rate, moment) for name, rate in rates.items() if math.isfinite(rate)}
    waits: dict[int, timedelta] = {}
    for row in messages:
        asked = [lines[name] for name in (RELAY, domain_of(row.recipient)) if name in lines]
        wait = max((line.take() for line in asked if not row.paced), default=timedelta(0))
        if wait >= AT_ONCE:
            waits[row.id] = wait
    return waits


class _Line:
    """The queue of one place: every message takes the next free moment."""

    def __init__(self, session: Session, name: str, rate: float, moment: datetime) -> None:
        self._pace = _row(session, name)
        self._step = timedelta(minutes=1) / rate + timedelta.resolution  # rounded up
        self._moment = moment

    def take(self) -> timedelta:
        place = max(self._pace.next_free or self._moment, self._moment)
        self._pace.next_free = place + self._step
        return place - self._moment


def slowed(session: Session, moment: datetime) -> list[tuple[str, float]]:
    """The domains that get less than usual, with their mails a minute."""
    rows = session.exec(select(Pace).where(col(Pace.per_minute).is_not(None)).order_by(col(Pace.name))).all()
    rates = [(row.name.removeprefix("domain "), rate_now(row, 0.0, moment)) for row in rows]
    return [(name, rate) for name, rate in rates if math.isfinite(rate)]


def _rows(session: Session, names: Iterable[str]) -> dict[str, Pace]:
    query = select(Pace).where(col(Pace.name).in_(list(names)))
    return {row.name: row for row in session.exec(query)}


def _row(session: Session, name: str) -> Pace:
    """The row of a place, ours until the transaction ends; made when there is none."""
    take_turns(session, "pace")
    pace = session.get(Pace, name, populate_existing=True)
    if pace is None:
        pace = Pace(name=name)
        session.add(pace)
        session.flush()
    return pace
