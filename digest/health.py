"""How the installation is: facts read from the database alone, by a fixed number of indexed questions.

Every process gets the same answer. What the facts call for is said by `digest.advice`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Float, and_, case, cast, func, literal
from sqlmodel import Session, col, select

from digest.clock import utc_now
from digest.dispatch import OPEN, QUEUES
from digest.mail import pacing
from digest.ranking.editions import are_expecting
from digest.tables import (
    Batch,
    Lease,
    OutboxMessage,
    OutboxState,
    Pace,
    Run,
    Subscriber,
    Suppression,
)
from digest.workshop import Workshop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STAGES = tuple(stage for stage in QUEUES if stage != "ingest")  # which keep one record a run; ingest has one a source
OUTCOMES = ("sent", "deferred", "bounced", "suppressed", "expired", "held", "lost")
TO_COMPOSE = col(OutboxMessage.content).is_(None)
UNSENT = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.DEFERRED)
NEWS = ("new", "replaced", "merged", "signals")  # what a source can bring; the rest it had served before
MEMORY = timedelta(days=30)  # news of a source, and a working age, are not looked for further back
MOST_COUNTED = 100_000  # a longer queue of readers is not counted to its end


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """What a source's polls of 24 hours brought, its latest poll, success and news, and why that poll failed."""

    received: int = 0
    new: int = 0
    asked_at: datetime | None = None
    error: str = ""
    success_at: datetime | None = None
    news_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StageHealth:
    """A stage's latest run (`stopped` says why it could not go on), and the items that failed in 24 hours."""

    ran_at: datetime | None = None
    seconds: float = 0.0
    stopped: str = ""
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many wait, and since when the oldest does."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Open batches of a queue: with a live worker, and without one, the oldest of these since `waiting_since`."""

    waiting: int = 0
    running: int = 0
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The facts at `now`; counts without another word are of the 24 hours before.

    `ticked_at`: scaled, the latest moment that a beat took; embedded, the latest moment with work to do.
    `backlogs`: *due* readers whose moment has come and who have no edition yet (counted up to MOST_COUNTED); *rank*
    ids in open batches of that stage (none when embedded); *compose* editions without a message; *deliver* messages
    that no server has accepted, in `unsent` by their state.
    `next_edition`: how many readers come next (up to MOST_COUNTED), and when.
    `mails`: attempts by outcome. `held` wait for the operator; `closed` keeps all mail back. `papers_per_second`: the
    encoder's pace while it worked.
    """

    now: datetime
    scaled: bool
    ticked_at: datetime | None
    sources: dict[str, SourceHealth]
    stages: dict[str, StageHealth]
    backlogs: dict[str, Backlog]
    unsent: dict[str, Backlog]
    queues: dict[str, QueueHealth]
    next_edition: Backlog
    mails: dict[str, int]
    editions: int = 0
    complaints: int = 0
    held: int = 0
    closed: Pace | None = None
    papers_per_second: float = 0.0

    def age(self, moment: datetime) -> timedelta:
        return max(self.now - moment, timedelta(0))

    @property
    def bounce_ratio(self) -> float:
        """Of the mails that a server answered for good."""
        answered = self.mails["sent"] + self.mails["bounced"]
        return self.mails["bounced"] / answered if answered else 0.0


def measure(shop: Workshop, now: datetime) -> Health:
    """The facts at `now`. Raises Unreachable when the database cannot be read."""
    names, scaled = shop.settings.sources, bool(shop.settings.broker_url)
    with shop.database.session(write=False) as session:
        sums = _sum_runs(session, now)
        stages = {stage: _read_stage(session, stage, sums[stage]) for stage in STAGES}
        sources = {name: _read_source(session, name, now) for name in names}
        seen = [*(stage.ran_at for stage in stages.values()), *(source.asked_at for source in sources.values())]
        lease = session.get(Lease, "tick")
        queues, ranking = _read_batches(session, now, names)
        unsent = _read_outbox(session)
        created = col(Suppression.created_at)
        complaint = col(Suppression.reason).startswith("complaint")
        return Health(
            now=now,
            scaled=scaled,
            ticked_at=lease.moment if scaled and lease else max(filter(None, [] if scaled else seen), default=None),
            sources=sources,
            stages=stages,
            backlogs={
                "due": _read_readers(session, col(Subscriber.next_edition_at) <= now, now),
                "rank": ranking,
                "compose": _count_from(session, OutboxMessage.created_at, TO_COMPOSE),
                "deliver": _join(unsent.values()),
            },
            unsent=unsent,
            queues=queues,
            next_edition=_read_readers(session, _are_next(now), now),
            mails={outcome: int(sums["deliver"][outcome]) for outcome in OUTCOMES},
            editions=int(sums["rank"]["editions"]),
            complaints=_count_from(session, created, created > now - DAY, complaint).count,
            held=_count_from(session, OutboxMessage.created_at, col(OutboxMessage.state) == OutboxState.HELD).count,
            closed=pacing.closed(session, utc_now()),
            papers_per_second=sums["embed_papers"]["papers"] / (sums["embed_papers"]["seconds"] or 1),
        )


def _number(name: str) -> ColumnElement[float]:
    """A number of a run's report; nought when it is not there."""
    return func.coalesce(cast(col(Run.report)[name].as_string(), Float), 0.0)


def _of(stage: str, source: str = "") -> ColumnElement[bool]:
    return and_(col(Run.stage) == stage, col(Run.source) == source)


def _latest_run(session: Session, which: ColumnElement[bool]) -> Run | None:
    return session.exec(select(Run).where(which).order_by(col(Run.moment).desc(), col(Run.id).desc()).limit(1)).first()


def _read_source(session: Session, name: str, now: datetime) -> SourceHealth:
    polls = _of("ingest", name)
    latest = _latest_run(session, polls)
    if latest is None:
        return SourceHealth()
    brought = sum((_number(kind) for kind in NEWS), start=literal(0.0))
    success = select(func.max(Run.moment)).where(polls, col(Run.ok))
    sums = select(func.sum(_number("received")), func.sum(_number("new"))).where(polls, Run.moment > now - DAY)
    received, new = session.exec(sums).one()
    return SourceHealth(
        received=int(received or 0),
        new=int(new or 0),
        asked_at=latest.moment,
        error="" if latest.ok else latest.report.get("error") or "it gave no reason",
        success_at=session.exec(success).one(),
        news_at=session.exec(success.where(Run.moment > now - MEMORY, brought > 0)).one(),
    )


def _sum_runs(session: Session, now: datetime) -> dict[str, dict[str, float]]:
    """Sums over the runs of 24 hours, by stage and by the name of what was counted."""
    names = ("failed", "seconds", "papers", "editions", *OUTCOMES)
    recent = and_(col(Run.stage).in_(STAGES), col(Run.source) == "", col(Run.moment) > now - DAY)
    columns: list[Any] = [Run.stage, *(func.sum(_number(name)) for name in names)]
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in _rows(session, columns, recent, col(Run.stage))}
    return {stage: found.get(stage, dict.fromkeys(names, 0.0)) for stage in STAGES}


def _rows(session: Session, columns: list[Any], which: ColumnElement[bool], group: Any) -> list[Any]:
    return list(session.connection().execute(sqlalchemy.select(*columns).where(which).group_by(group)))


def _read_stage(session: Session, stage: str, sums: Mapping[str, float]) -> StageHealth:
    run, failed = _latest_run(session, _of(stage)), int(sums["failed"])
    if run is None:
        return StageHealth(failed=failed)
    return StageHealth(run.moment, run.report.get("seconds", 0.0), run.report.get("stopped", ""), failed)


def _read_readers(session: Session, which: ColumnElement[bool], now: datetime) -> Backlog:
    moment = col(Subscriber.next_edition_at)
    some = select(moment).where(are_expecting(now), which).order_by(moment).limit(MOST_COUNTED).subquery()
    return _count_from(session, some.c.next_edition_at)


def _are_next(now: datetime) -> ColumnElement[bool]:
    moment = col(Subscriber.next_edition_at)
    first = select(moment).where(are_expecting(now), moment > now).order_by(moment).limit(1)
    return moment == first.correlate(None).scalar_subquery()


def _count_from(session: Session, moment: Any, *which: ColumnElement[bool]) -> Backlog:
    count, oldest = session.exec(select(func.count(), func.min(moment)).where(*which)).one()
    return Backlog(count, oldest)


def _read_outbox(session: Session) -> dict[str, Backlog]:
    """What waits in each state. The oldest is the first written: its age is read without reading all the mails."""
    state = col(OutboxMessage.state)
    written = and_(state.in_(UNSENT), ~TO_COMPOSE)
    found = _rows(session, [state, func.count(), func.min(OutboxMessage.id)], written, state)
    firsts = col(OutboxMessage.id).in_([row[2] for row in found])
    ages = dict(session.exec(select(OutboxMessage.id, OutboxMessage.created_at).where(firsts)).all())
    return {name.value: Backlog() for name in UNSENT} | {row[0].value: Backlog(row[1], ages[row[2]]) for row in found}


def _join(backlogs: Iterable[Backlog]) -> Backlog:
    parts = list(backlogs)
    return Backlog(sum(part.count for part in parts), min((part.oldest for part in parts if part.oldest), default=None))


def _read_batches(session: Session, now: datetime, names: list[str]) -> tuple[dict[str, QueueHealth], Backlog]:
    """The queues, and what the stage rank has in hand or waiting. A dead worker's batch waits."""
    held = col(Batch.lease_until) > now
    busy, first = func.sum(case((held, 1), else_=0)), func.min(case((held, None), else_=Batch.moment))
    ids = func.sum(func.json_array_length(Batch.ids))
    columns = [Batch.stage, func.count(), busy, first, func.min(Batch.moment), ids]
    rows = _rows(session, columns, OPEN, col(Batch.stage))
    queues = {}
    for queue in dict.fromkeys(QUEUES.values()):
        mine = [row for row in rows if QUEUES.get(row[0]) == queue]
        waiting = _join(Backlog(row[1] - row[2], row[3]) for row in mine)
        since = _waiting_since(session, waiting.oldest, names) if waiting.oldest else None
        queues[queue] = QueueHealth(waiting.count, sum(row[2] for row in mine), since)
    return queues, _join(Backlog(row[5], row[4]) for row in rows if row[0] == "rank")


def _waiting_since(session: Session, moment: datetime, names: list[str]) -> datetime:
    """When batches of a moment were handed out: at once, or when the last stage before them was done."""
    here = and_(col(Run.stage).in_([*QUEUES]), col(Run.source).in_(["", *names]), col(Run.moment) == moment)
    done = session.exec(select(func.max(Run.finished_at)).where(here)).one()
    return max(moment, done) if done else moment
