"""How the installation is: facts read from the database alone, and what they call for.

`measure` asks a fixed number of indexed questions, and every process gets the same answer. `advise` asks nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Float, and_, case, cast, func, literal
from sqlmodel import Session, col, select

from digest.dispatch import OPEN, QUEUES
from digest.tables import (
    Batch,
    Edition,
    Lease,
    OutboxMessage,
    OutboxState,
    Profile,
    Run,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from digest.workshop import Workshop

OK, WARN, FAIL = "ok", "warn", "fail"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STAGES = tuple(stage for stage in QUEUES if stage != "ingest")  # which keep one record a run; ingest has one a source
OUTCOMES = ("sent", "deferred", "bounced", "suppressed", "expired", "lost")
TO_COMPOSE = and_(col(Edition.skip_reason).is_(None), ~col(Edition.composed))
UNSENT = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.DEFERRED)
NEWS = ("new", "replaced", "merged", "signals")  # what a source can bring; the rest it had served before
MEMORY = timedelta(days=30)  # a working age is not counted further back
MOST_COUNTED = 100_000  # a longer queue of readers is not counted to its end

LATEST_TICK, LONGEST_WAIT = timedelta(minutes=10), timedelta(minutes=5)
LONGEST_SILENCE = 30 * HOUR  # of working days
MOST_BOUNCES, FEWEST_MAILS = 0.05, 20
LATE = {  # what may wait for how long, how bad it is if it does, and what to say then
    "due": (HOUR / 2, FAIL, "editions due and not made", "`digest run` tells what stops them"),
    "compose": (HOUR, FAIL, "editions made and not written as mail", "the log says `item_failed` where one cannot be"),
    "planned": (HOUR, FAIL, "mails not tried yet", "`digest doctor` tells whether the mail server answers"),
    "deferred": (HOUR, WARN, "mails put off by the receiving servers", "each is tried for 20 hours; ask the relay"),
}


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
    `mails`: attempts by outcome. `papers_per_second`: the encoder's pace while it worked.
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
    papers_per_second: float = 0.0

    def age(self, moment: datetime) -> timedelta:
        return max(self.now - moment, timedelta(0))

    @property
    def bounce_ratio(self) -> float:
        """Of the mails that a server answered for good."""
        answered = self.mails["sent"] + self.mails["bounced"]
        return self.mails["bounced"] / answered if answered else 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """How one thing is, and what to do about it."""

    state: str
    what: str
    detail: str
    mend: str = ""


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
        complaint = col(Suppression.reason).startswith("complaint")  # nothing writes that reason yet
        return Health(
            now=now,
            scaled=scaled,
            ticked_at=lease.moment if scaled and lease else max(filter(None, [] if scaled else seen), default=None),
            sources=sources,
            stages=stages,
            backlogs={
                "due": _read_readers(session, col(Subscriber.next_edition_at) <= now),
                "rank": ranking,
                "compose": _count_from(session, Edition.created_at, TO_COMPOSE),
                "deliver": _join(unsent.values()),
            },
            unsent=unsent,
            queues=queues,
            next_edition=_read_readers(session, _are_next(now)),
            mails={outcome: int(sums["deliver"][outcome]) for outcome in OUTCOMES},
            editions=int(sums["rank"]["editions"]),
            complaints=_count_from(session, created, created > now - DAY, complaint).count,
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


def _expecting() -> ColumnElement[bool]:
    """Active readers with something to be ranked by: the others are never due."""
    profile = select(Profile.id).where(Profile.subscriber_id == Subscriber.id, col(Profile.active)).exists()
    return and_(col(Subscriber.status) == SubscriberStatus.ACTIVE, profile)


def _read_readers(session: Session, which: ColumnElement[bool]) -> Backlog:
    moment = col(Subscriber.next_edition_at)
    some = select(moment).where(_expecting(), which).order_by(moment).limit(MOST_COUNTED).subquery()
    return _count_from(session, some.c.next_edition_at)


def _are_next(now: datetime) -> ColumnElement[bool]:
    moment = col(Subscriber.next_edition_at)
    first = select(moment).where(_expecting(), moment > now).order_by(moment).limit(1)
    return moment == first.correlate(None).scalar_subquery()


def _count_from(session: Session, moment: Any, *which: ColumnElement[bool]) -> Backlog:
    count, oldest = session.exec(select(func.count(), func.min(moment)).where(*which)).one()
    return Backlog(count, oldest)


def _read_outbox(session: Session) -> dict[str, Backlog]:
    """What waits in each state. The oldest is the first written: its age is read without reading all the mails."""
    state = col(OutboxMessage.state)
    found = _rows(session, [state, func.count(), func.min(OutboxMessage.id)], state.in_(UNSENT), state)
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


def working_time(since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments fell on Mondays to Fridays (UTC), in whole hours of thirty days."""
    hours = (until - number * HOUR for number in range((until - max(since, until - MEMORY)) // HOUR))
    return HOUR * sum(hour.astimezone(UTC).weekday() in range(5) for hour in hours)


def advise(health: Health) -> list[Advice]:
    """What is amiss, the gravest first, and then the good news; when nothing is amiss, one line that says so."""
    checks = (_judge_ticks, _judge_queues, _judge_stages, _judge_backlogs, _judge_sources, _judge_mail)
    amiss = [advice for check in checks for advice in check(health)]
    amiss.sort(key=lambda advice: advice.state != FAIL)
    words = "What went well" if amiss else "Today is all right"
    return [*amiss, Advice(OK, "today", f"{words}: {_good_news(health)}.")]


def verdict(advice: list[Advice]) -> str:
    """One sentence that tells nothing about anybody."""
    states = {one.state for one in advice}
    if FAIL in states:
        return "Today is not all right: something needs the operator."
    return "Today is all right, but something deserves a look." if WARN in states else "Today is all right."


def _good_news(health: Health) -> str:
    done = f"{_count(health.editions, 'edition')} and {_count(health.mails['sent'], 'mail')} in 24 hours"
    following = health.next_edition
    if following.oldest is None:
        return f"{done}; nobody expects an edition"
    readers = _count(following.count, "reader") + (" or more" if following.count == MOST_COUNTED else "")
    return f"{done}; the next is due on {following.oldest.astimezone(UTC):%Y-%m-%d at %H:%M} UTC, for {readers}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def say_age(age: timedelta) -> str:
    """“42 minutes”, “3 hours”, “2 days”: as exactly as one needs it."""
    seconds = age.total_seconds()
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return _count(int(seconds // size), noun)
    return _count(int(seconds), "second")


def _starter(health: Health) -> str:
    return "start `digest beat` and `digest worker`" if health.scaled else "start `digest up`"


def _judge_ticks(health: Health) -> Iterator[Advice]:
    mend = "start `digest beat`, and a `digest worker` that takes the queue tick" if health.scaled else _starter(health)
    if health.ticked_at is None:
        yield Advice(FAIL if health.scaled else WARN, "tick", "nothing has been planned yet", mend)
    elif health.scaled and health.age(health.ticked_at) > LATEST_TICK:
        yield Advice(FAIL, "tick", f"the last tick was {say_age(health.age(health.ticked_at))} ago", mend)


def _judge_queues(health: Health) -> Iterator[Advice]:
    for name, queue in health.queues.items():
        since = queue.waiting_since
        if not queue.running and since is not None and health.age(since) > LONGEST_WAIT:
            detail = f"no worker takes it; {queue.waiting:,} waiting, the oldest for {say_age(health.age(since))}"
            yield Advice(FAIL, f"queue {name}", detail, f"start `digest worker --queues {name}`")


def _judge_stages(health: Health) -> Iterator[Advice]:
    mend = "see what `digest doctor` says; nothing is lost, the next pass goes on from there"
    for name, stage in health.stages.items():
        what, failed = f"stage {name}", _count(stage.failed, "item")
        if stage.stopped and stage.ran_at is not None and health.age(stage.ran_at) <= DAY:
            yield Advice(FAIL, what, f"stopped: {stage.stopped}", mend)
        if stage.failed:
            yield Advice(WARN, what, f"{failed} failed in 24 hours", "the log says `item_failed` and why, of each")


def _judge_backlogs(health: Health) -> Iterator[Advice]:
    waits = {**health.backlogs, **health.unsent}
    for name, (limit, state, told, mend) in LATE.items():
        oldest = waits[name].oldest
        if oldest is not None and health.age(oldest) > limit:
            detail = f"{waits[name].count:,} {told}, the oldest for {say_age(health.age(oldest))}"
            yield Advice(state, name, detail, f"{_starter(health)}; {mend}" if state == FAIL else mend)


def _judge_sources(health: Health) -> Iterator[Advice]:
    for name, source in health.sources.items():
        what, unread = f"source {name}", _silent(health, source.success_at)
        ago = f"{say_age(health.age(source.success_at))} ago" if source.success_at else "never"
        if source.asked_at is None:
            if health.ticked_at is not None:  # else that is said already
                yield Advice(WARN, what, "it was never asked", _starter(health))
        elif source.error:
            told = f"the last try failed: {source.error.rstrip('.')}; last read {ago}"
            mend = "it is asked again with the next poll; if that goes on, see whether this machine is online"
            yield Advice(FAIL if unread else WARN, what, told, mend)
        elif unread:
            yield Advice(FAIL, what, f"it was last read {ago}", f"{_starter(health)}: nobody asks it")
        elif _silent(health, source.news_at):
            since = f"for {say_age(health.age(source.news_at))}" if source.news_at else "yet"
            mend = f"on holidays that is normal; else see what `digest ingest {name}` brings"
            yield Advice(WARN, what, f"it answers, but has brought nothing new {since}", mend)


def _silent(health: Health, latest: datetime | None) -> bool:
    return latest is None or working_time(latest, health.now) > LONGEST_SILENCE


def _judge_mail(health: Health) -> Iterator[Advice]:
    answered = health.mails["sent"] + health.mails["bounced"]
    if answered >= FEWEST_MAILS and health.bounce_ratio > MOST_BOUNCES:
        detail = f"{health.mails['bounced']:,} of {answered:,} mails of 24 hours were refused for good"
        mend = "look at `reply` in the table outbox_message: addresses that do not exist, or your sender refused?"
        yield Advice(WARN, "bounces", detail, mend)
