"""How the installation is: facts read from the database alone, and what they call for.

`measure` asks a fixed number of indexed questions, whatever the number of subscribers, so every process gives the
same answer at the same moment. `advise` turns the facts into an operator's words. It asks nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, case, cast, func, literal, or_
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
DAY = timedelta(days=1)
STAGES = tuple(stage for stage in QUEUES if stage != "ingest")  # which keep one record a run; ingest has one a source
WAITS = ("due", "rank", "compose", "deliver")
OUTCOMES = ("sent", "deferred", "bounced", "suppressed", "expired", "lost")
UNSENT = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.DEFERRED)
NEWS = ("new", "replaced", "merged", "signals")  # what a source can bring; the rest it had served before
MEMORY = timedelta(days=30)  # a working age is not counted further back
MOST_COUNTED = 100_000  # a longer queue of readers is not counted to its end

LATEST_TICK = timedelta(minutes=10)
LONGEST_WAIT = timedelta(minutes=5)
LATEST_EDITION = timedelta(minutes=30)
LATEST_MAIL = timedelta(hours=1)
LONGEST_SILENCE = timedelta(hours=30)  # of working days
MOST_BOUNCES, FEWEST_MAILS = 0.05, 20


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """A source of the settings: what its polls of 24 hours brought, and the latest poll, success and news."""

    received: int = 0
    new: int = 0
    asked_at: datetime | None = None
    failing: bool = False
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
    that no server has accepted, of which `promised` have not been put off by one.
    `next_edition`: how many readers come next (up to MOST_COUNTED), and when.
    `mails`: attempts by outcome.
    """

    now: datetime
    scaled: bool
    ticked_at: datetime | None
    sources: dict[str, SourceHealth]
    stages: dict[str, StageHealth]
    backlogs: dict[str, Backlog]
    promised: Backlog
    queues: dict[str, QueueHealth]
    next_edition: Backlog
    mails: dict[str, int]
    editions: int = 0
    complaints: int = 0
    papers_embedded: int = 0
    embedding_seconds: float = 0.0

    def age(self, moment: datetime) -> timedelta:
        return max(self.now - moment, timedelta(0))

    @property
    def bounce_ratio(self) -> float:
        """Of the mails that a server answered for good."""
        answered = self.mails["sent"] + self.mails["bounced"]
        return self.mails["bounced"] / answered if answered else 0.0

    @property
    def complaint_ratio(self) -> float:
        return self.complaints / self.mails["sent"] if self.mails["sent"] else 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """How one thing is, and what to do about it."""

    state: str
    what: str
    detail: str
    mend: str = ""


def measure(shop: Workshop, now: datetime) -> Health:
    """The facts at `now`. Raises Unreachable when the database cannot be read."""
    names = shop.settings.sources
    scaled = bool(shop.settings.broker_url)
    with shop.database.session(write=False) as session:
        sums = _sum_runs(session, now)
        queues, ranking = _read_batches(session, now, names)
        unsent = _read_outbox(session)
        waits = (_read_due(session, now), ranking, _read_to_compose(session), _join(unsent.values()))
        return Health(
            now=now,
            scaled=scaled,
            ticked_at=_read_tick(session, scaled, names),
            sources={name: _read_source(session, name, now) for name in names},
            stages=_read_stages(session, sums),
            backlogs=dict(zip(WAITS, waits, strict=True)),
            promised=_join(waits for state, waits in unsent.items() if state is not OutboxState.DEFERRED),
            queues=queues,
            next_edition=_read_next(session, now),
            mails={outcome: int(sums["deliver"][outcome]) for outcome in OUTCOMES},
            editions=int(sums["rank"]["editions"]),
            complaints=_count_complaints(session, now),
            papers_embedded=int(sums["embed_papers"]["papers"]),
            embedding_seconds=sums["embed_papers"]["seconds"],
        )


def _number(name: str) -> ColumnElement[float]:
    """A number of a run's report; nought when it is not there."""
    return func.coalesce(cast(col(Run.report)[name].as_string(), Float), 0.0)


def _of(source: str) -> ColumnElement[bool]:
    return and_(col(Run.stage) == "ingest", col(Run.source) == source)


def _read_source(session: Session, name: str, now: datetime) -> SourceHealth:
    told = select(Run.moment, Run.ok, col(Run.report)["error"].as_string())
    latest = session.exec(told.where(_of(name)).order_by(col(Run.moment).desc(), col(Run.id).desc()).limit(1)).first()
    if latest is None:
        return SourceHealth()
    brought = sum((_number(kind) for kind in NEWS), start=literal(0.0))
    success = select(func.max(Run.moment)).where(_of(name), col(Run.ok))
    news = success.where(Run.moment > now - MEMORY, brought > 0)
    sums = select(func.sum(_number("received")), func.sum(_number("new"))).where(_of(name), Run.moment > now - DAY)
    received, new = session.exec(sums).one()
    asked_at, ok, error = latest
    return SourceHealth(
        received=int(received or 0),
        new=int(new or 0),
        asked_at=asked_at,
        failing=not ok,
        error="" if ok else error or "",
        success_at=session.exec(success).one(),
        news_at=session.exec(news).one(),
    )


def _sum_runs(session: Session, now: datetime) -> dict[str, dict[str, float]]:
    """Sums over the runs of 24 hours, by stage and by the name of what was counted."""
    names = ("failed", "seconds", "papers", "editions", *OUTCOMES)
    recent = and_(col(Run.stage).in_(STAGES), col(Run.source) == "", col(Run.moment) > now - DAY)
    query = select(Run.stage, *(func.sum(_number(name)) for name in names)).where(recent).group_by(Run.stage)  # type: ignore[call-overload]
    found = {stage: dict(zip(names, sums, strict=True)) for stage, *sums in session.exec(query)}
    return {stage: found.get(stage) or dict.fromkeys(names, 0.0) for stage in STAGES}


def _read_stages(session: Session, sums: Mapping[str, Mapping[str, float]]) -> dict[str, StageHealth]:
    query = select(Run).where(or_(*(col(Run.id) == _latest_run(stage) for stage in STAGES)))
    latest = {run.stage: run for run in session.exec(query)}
    found = {}
    for stage in STAGES:
        run, failed = latest.get(stage), int(sums[stage]["failed"])
        told = run.report if run else {}
        ran_at = run.moment if run else None
        found[stage] = StageHealth(ran_at, told.get("seconds", 0.0), told.get("stopped", ""), failed)
    return found


def _latest_run(stage: str) -> Any:
    latest = select(Run.id).where(Run.stage == stage, Run.source == "")
    return latest.order_by(col(Run.moment).desc(), col(Run.id).desc()).limit(1).scalar_subquery()


def _read_tick(session: Session, scaled: bool, names: list[str]) -> datetime | None:  # noqa: FBT001
    if scaled:
        lease = session.get(Lease, "tick")
        return lease.moment if lease else None
    lasts = [select(func.max(Run.moment)).where(Run.stage == stage, Run.source == "") for stage in STAGES]
    lasts += [select(func.max(Run.moment)).where(_of(name)) for name in names]
    moments = session.exec(select(*(last.scalar_subquery() for last in lasts))).one()  # type: ignore[call-overload]
    return max((moment for moment in moments if moment is not None), default=None)


def _expecting() -> ColumnElement[bool]:
    """Active readers with something to be ranked by: the others are never due."""
    profile = select(Profile.id).where(Profile.subscriber_id == Subscriber.id, col(Profile.active)).exists()
    return and_(col(Subscriber.status) == SubscriberStatus.ACTIVE, profile)


def _read_due(session: Session, now: datetime) -> Backlog:
    due = select(Subscriber.next_edition_at).where(_expecting(), col(Subscriber.next_edition_at) <= now)
    some = due.order_by(col(Subscriber.next_edition_at)).limit(MOST_COUNTED).subquery()
    count, oldest = session.exec(select(func.count(), func.min(some.c.next_edition_at))).one()
    return Backlog(count, oldest)


def _read_next(session: Session, now: datetime) -> Backlog:
    ahead = select(Subscriber.next_edition_at).where(_expecting(), col(Subscriber.next_edition_at) > now)
    first = session.exec(ahead.order_by(col(Subscriber.next_edition_at)).limit(1)).first()
    if first is None:
        return Backlog()
    same = select(Subscriber.id).where(_expecting(), Subscriber.next_edition_at == first).limit(MOST_COUNTED)
    return Backlog(session.exec(select(func.count()).select_from(same.subquery())).one(), first)


def _read_to_compose(session: Session) -> Backlog:
    waiting = and_(col(Edition.skip_reason).is_(None), ~col(Edition.composed))
    count, oldest = session.exec(select(func.count(col(Edition.id)), func.min(Edition.created_at)).where(waiting)).one()
    return Backlog(count, oldest)


def _read_outbox(session: Session) -> dict[OutboxState, Backlog]:
    """What waits in each state. The oldest is the first written: its age is read without reading all the mails."""
    rows = select(OutboxMessage.state, func.count(), func.min(OutboxMessage.id))
    found = session.exec(rows.where(col(OutboxMessage.state).in_(UNSENT)).group_by(col(OutboxMessage.state))).all()
    firsts = col(OutboxMessage.id).in_([first for _, _, first in found])
    ages = dict(session.exec(select(OutboxMessage.id, OutboxMessage.created_at).where(firsts)).all())
    return {state: Backlog(count, ages[first]) for state, count, first in found}


def _join(backlogs: Iterable[Backlog]) -> Backlog:
    parts = list(backlogs)
    return Backlog(sum(part.count for part in parts), min((part.oldest for part in parts if part.oldest), default=None))


def _read_batches(session: Session, now: datetime, names: list[str]) -> tuple[dict[str, QueueHealth], Backlog]:
    """The queues, and what the stage rank has in hand or waiting. A dead worker's batch waits."""
    running = case((col(Batch.lease_until) > now, 1), else_=0)
    counted = (func.count(), func.min(Batch.moment), func.sum(func.json_array_length(Batch.ids)))
    rows = session.exec(select(Batch.stage, running, *counted).where(OPEN).group_by(Batch.stage, running)).all()  # type: ignore[call-overload]
    queues = {}
    for queue in dict.fromkeys(QUEUES.values()):
        mine = [row for row in rows if QUEUES.get(row[0]) == queue]
        waiting = [row for row in mine if not row[1]]
        since = _waiting_since(session, min(row[3] for row in waiting), names) if waiting else None
        queues[queue] = QueueHealth(
            sum(row[2] for row in waiting), sum(row[2] for row in mine) - sum(row[2] for row in waiting), since
        )
    ranked = [row for row in rows if row[0] == "rank"]
    return queues, Backlog(sum(row[4] for row in ranked), min((row[3] for row in ranked), default=None))


def _waiting_since(session: Session, moment: datetime, names: list[str]) -> datetime:
    """When batches of a moment were handed out: at once, or when the last stage before them was done."""
    here = and_(col(Run.stage).in_([*QUEUES]), col(Run.source).in_(["", *names]), col(Run.moment) == moment)
    done = session.exec(select(func.max(Run.finished_at)).where(here)).one()
    return max(moment, done) if done else moment


def _count_complaints(session: Session, now: datetime) -> int:
    # Nothing writes such a reason yet: it is kept for whoever reads the feedback loops of the mailbox providers.
    said = col(Suppression.reason).startswith("complaint")
    return session.exec(select(func.count()).where(said, Suppression.created_at > now - DAY)).one()


def working_time(since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments fell on Mondays to Fridays (UTC), at most of the last thirty days."""
    total, start = timedelta(0), max(since, until - MEMORY)
    while start < until:
        midnight = datetime.combine(start.astimezone(UTC).date() + DAY, time(), tzinfo=UTC)
        if start.astimezone(UTC).isoweekday() < 6:  # noqa: PLR2004  Saturday
            total += min(midnight, until) - start
        start = midnight
    return total


def advise(health: Health) -> list[Advice]:
    """What is amiss, the gravest first, and then the good news; when nothing is amiss, one line that says so."""
    checks = (_judge_ticks, _judge_queues, _judge_stages, _judge_backlogs, _judge_sources, _judge_mail, _judge_items)
    amiss = [advice for check in checks for advice in check(health)]
    if not amiss:
        return [Advice(OK, "today", f"Today is all right: {_good_news(health)}.")]
    amiss.sort(key=lambda advice: advice.state != FAIL)
    return [*amiss, Advice(OK, "today", f"What went well: {_good_news(health)}.")]


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
    more = " or more" if following.count == MOST_COUNTED else ""
    when = following.oldest.astimezone(UTC)
    return f"{done}; the next is due on {when:%Y-%m-%d at %H:%M} UTC, for {_count(following.count, 'reader', more)}"


def _count(number: int, noun: str, more: str = "") -> str:
    return f"{number:,}{more} {noun}{'' if number == 1 else 's'}"


def say_age(age: timedelta) -> str:
    """“42 minutes”, “3 hours”, “2 days”: as exactly as one needs it."""
    seconds = age.total_seconds()
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return _count(int(seconds // size), noun)
    return _count(int(seconds), "second")


def _starter(health: Health) -> str:
    """What does the work, when it seems that nobody does."""
    return "start `digest beat` and `digest worker`" if health.scaled else "start `digest up`"


def _judge_ticks(health: Health) -> Iterator[Advice]:
    mend = "start `digest beat`, and a `digest worker` that takes the queue tick" if health.scaled else _starter(health)
    if health.ticked_at is None:
        nothing = "there has been no tick yet" if health.scaled else "nothing has run yet"
        yield Advice(FAIL if health.scaled else WARN, "tick", nothing, mend)
    elif health.scaled and health.age(health.ticked_at) > LATEST_TICK:
        yield Advice(FAIL, "tick", f"the last tick was {say_age(health.age(health.ticked_at))} ago", mend)


def _judge_queues(health: Health) -> Iterator[Advice]:
    for name, queue in health.queues.items():
        if queue.running or queue.waiting_since is None or health.age(queue.waiting_since) <= LONGEST_WAIT:
            continue
        waited = say_age(health.age(queue.waiting_since))
        detail = (
            f"no worker takes the queue {name}; the oldest of its {queue.waiting:,} waiting has waited for {waited}"
        )
        yield Advice(FAIL, f"queue {name}", detail, f"start `digest worker --queues {name}`")


def _judge_stages(health: Health) -> Iterator[Advice]:
    mends = {
        "embed_papers": "see what `digest doctor` says of the encoder",
        "embed_profiles": "see what `digest doctor` says of the encoder",
        "deliver": "see what `digest doctor` says of the transport; no mail is lost, the next pass goes on",
    }
    for name, stage in health.stages.items():
        if stage.stopped and stage.ran_at is not None and health.age(stage.ran_at) <= DAY:
            mend = mends.get(name, "see what `digest doctor` says; the next pass tries again")
            yield Advice(FAIL, f"stage {name}", f"stopped: {stage.stopped}", mend)


def _judge_backlogs(health: Health) -> Iterator[Advice]:
    due, compose, deliver = (health.backlogs[name] for name in ("due", "compose", "deliver"))
    if late := _late(health, due, LATEST_EDITION):
        detail = f"{_count(due.count, 'edition')} due and not made, the oldest for {late}"
        yield Advice(FAIL, "editions", detail, f"{_starter(health)}; `digest run` tells what stops them")
    if late := _late(health, compose, LATEST_MAIL):
        detail = f"{_count(compose.count, 'edition')} made and not written as mail, the oldest for {late}"
        yield Advice(
            FAIL, "mail", detail, f"{_starter(health)}; the log says `item_failed` where one cannot be written"
        )
    if late := _late(health, health.promised, LATEST_MAIL):
        detail = f"{_count(health.promised.count, 'mail')} not tried yet, the oldest for {late}"
        yield Advice(FAIL, "mail", detail, f"{_starter(health)}, and see what `digest doctor` says of the transport")
    elif late := _late(health, deliver, LATEST_MAIL):
        detail = f"{_count(deliver.count, 'mail')} put off by the receiving servers, the oldest for {late}"
        yield Advice(WARN, "mail", detail, "wait: each is tried again for 20 hours; many at once: ask your relay why")


def _late(health: Health, backlog: Backlog, limit: timedelta) -> str:
    """For how long the oldest has waited, in words, if that is too long."""
    age = health.age(backlog.oldest) if backlog.oldest else timedelta(0)
    return say_age(age) if age > limit else ""


def _judge_sources(health: Health) -> Iterator[Advice]:
    for name, source in health.sources.items():
        read, brought = (
            working_time(moment, health.now) > LONGEST_SILENCE if moment else True
            for moment in (source.success_at, source.news_at)
        )
        ago = f"{say_age(health.age(source.success_at))} ago" if source.success_at else "never"
        if source.asked_at is None:
            if health.ticked_at is not None:
                yield Advice(WARN, f"source {name}", "it was never asked", _starter(health))
        elif source.failing:
            told = f"the last try failed: {source.error.rstrip('.')}; last read {ago}"
            mend = "it is asked again with the next poll; if that goes on, see whether this machine is online"
            yield Advice(FAIL if read else WARN, f"source {name}", told, mend)
        elif read:
            yield Advice(FAIL, f"source {name}", f"it was last read {ago}", f"{_starter(health)}: nobody asks it")
        elif brought:
            since = f"for {say_age(health.age(source.news_at))}" if source.news_at else "yet"
            mend = f"on holidays that is normal; else see what `digest ingest {name}` brings"
            yield Advice(WARN, f"source {name}", f"it answers, but has brought nothing new {since}", mend)


def _judge_mail(health: Health) -> Iterator[Advice]:
    answered = health.mails["sent"] + health.mails["bounced"]
    if answered >= FEWEST_MAILS and health.bounce_ratio > MOST_BOUNCES:
        detail = f"{health.mails['bounced']:,} of {answered:,} mails of 24 hours were refused for good"
        mend = "look at `reply` in the table outbox_message: addresses that do not exist, or your sender refused?"
        yield Advice(WARN, "bounces", detail, mend)


def _judge_items(health: Health) -> Iterator[Advice]:
    for name, stage in health.stages.items():
        if stage.failed:
            mend = "look for `item_failed` in the log: it names the item and the error"
            yield Advice(WARN, f"stage {name}", f"{_count(stage.failed, 'item')} failed in 24 hours", mend)
