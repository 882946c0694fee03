"""Hands the stages' ids out to many workers: a batch is a row, held under a lease; a task only says which row.

    tick ── plans a stage ──> batches ──> wake-ups ──> workers ── the last one done ──> plans the next stage

The database decides everything: what is missing (the stage's own plan), what is in hand (open batches), and when a
stage is done for a moment (none of its batches is open). Every wake-up may be lost or come twice: a worker that finds
its batch taken leaves it, and the next tick wakes for what nobody took. When a process dies anywhere, its batch is free
again as soon as its lease runs out, and holds only what is still missing.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, update
from sqlmodel import Session, col, select

from digest.clock import utc_now
from digest.db import take_turns
from digest.errors import DigestError
from digest.log import get_logger
from digest.pipeline import Stage, StageReport, keep_record, stages, work_through
from digest.tables import Batch, Lease, Run
from digest.workshop import Workshop

QUEUES = {  # of each stage, by what its work needs: the network, the GPU, processors, the mail server
    "ingest": "ingest",
    "lookup": "ingest",
    "trend": "ingest",
    "embed_papers": "embed",
    "embed_profiles": "embed",
    "background": "embed",
    "learn": "rank",
    "tidy": "rank",
    "resume": "rank",
    "rank": "rank",
    "compose": "mail",
    "deliver": "mail",
    "prepare_papers": "embed",
    "prepare_profiles": "embed",
    "switch_encoder": "embed",
}
FIRST_STAGE = "ingest"
MOST_ATTEMPTS = 5  # a batch that has killed as many workers is left alone until the next plan
PATIENCE = 2  # leases without any sign of life in a stage, after which its waiting batches are woken for again

OPEN = col(Batch.finished_at).is_(None)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What a task carries: the batch to be done, and its stage, which decides the queue."""

    batch: int
    stage: str

    @property
    def queue(self) -> str:
        return QUEUES[self.stage]


def tick(shop: Workshop, moment: datetime) -> list[WakeUp]:
    """Plan what is missing at `moment`, and wake again for what was lost. Of several beats one does it."""
    with shop.database.session() as session:
        if not _take_moment(session, moment):
            return []
        lost = _wake_again(session, timedelta(seconds=shop.settings.lease_seconds))
    return lost + advance(shop, moment)


def _take_moment(session: Session, moment: datetime) -> bool:
    take_turns(session, "tick")
    lease = session.get(Lease, "tick")
    if lease is not None and lease.moment == moment:
        return False
    session.merge(Lease(name="tick", moment=moment))
    return True


def advance(shop: Workshop, moment: datetime, start: str = FIRST_STAGE) -> list[WakeUp]:
    """Hand out the stages from `start` on, up to the first that is not done at `moment`."""
    shop.follow()
    listed = stages(shop)
    names = [stage.name for stage in listed]
    wake_ups: list[WakeUp] = []
    for stage in listed[names.index(start) :]:
        with shop.database.session() as session:
            take_turns(session, f"plan {stage.name}")
            wake_ups += _hand_out(session, stage, moment)
            done = _close(session, shop, stage, moment)
        if not done:
            break
    return wake_ups


def _hand_out(session: Session, stage: Stage, moment: datetime) -> list[WakeUp]:
    """Write down as batches what the stage misses and nobody has in hand; once per stage and moment."""
    if _was_planned(session, stage, moment):
        return []
    held = session.exec(select(Batch.ids).where(Batch.stage == stage.name, OPEN))
    in_hand = {item for ids in held for item in ids}
    missing = [item for item in stage.plan(session, moment) if item not in in_hand]
    parts = [missing[start : start + stage.batch_size] for start in range(0, len(missing), stage.batch_size)]
    common = {"stage": stage.name, "moment": moment, "woken_at": utc_now(), "attempt": 0, "report": {}}
    rows = [{**common, "ids": part} for part in parts]
    if not rows:
        return []
    ids = session.scalars(insert(Batch).returning(col(Batch.id)), rows).all()
    return [WakeUp(batch, stage.name) for batch in ids]


def _was_planned(session: Session, stage: Stage, moment: datetime) -> bool:
    batch = select(Batch.id).where(Batch.stage == stage.name, Batch.moment == moment)
    closed = select(Run.id).where(Run.stage == stage.name, Run.moment == moment)
    return session.exec(batch.limit(1)).first() is not None or session.exec(closed.limit(1)).first() is not None


def _close(session: Session, shop: Workshop, stage: Stage, moment: datetime) -> bool:
    """True when no batch up to `moment` is open; then what they did is recorded and the rows are gone."""
    mine = and_(col(Batch.stage) == stage.name, col(Batch.moment) <= moment)
    if session.exec(select(Batch.id).where(mine, OPEN).limit(1)).first() is not None:
        return False
    finished = session.exec(select(Batch).where(mine).order_by(col(Batch.id))).all()
    if finished and stage.name != "ingest":  # which keeps a record per source
        for when in sorted({batch.moment for batch in finished}):
            group = [batch for batch in finished if batch.moment == when]
            started = min(batch.started_at or batch.woken_at for batch in group)
            keep_record(session, shop, _sum_up(stage.name, group), when, started)
    session.exec(delete(Batch).where(mine))
    return True


def _sum_up(name: str, batches: Sequence[Batch]) -> StageReport:
    total = StageReport(name, planned=sum(len(batch.ids) for batch in batches))
    for batch in batches:
        total.counts += Counter(batch.report["counts"])
        total.failed += batch.report["failed"]
        total.seconds += batch.report["seconds"]
        total.stopped = total.stopped or batch.report["stopped"]
    return total


def _wake_again(session: Session, lease: timedelta) -> list[WakeUp]:
    """Wake for batches whose owner fell silent, and for those that wait in a stage where nothing has moved for long."""
    now = utc_now()
    silent = and_(OPEN, col(Batch.lease_until) < now, col(Batch.woken_at) < now - lease)
    moving = select(Batch.stage).where(
        or_(col(Batch.lease_until) > now, col(Batch.finished_at) > now - PATIENCE * lease)
    )
    waiting = and_(
        OPEN, col(Batch.owner).is_(None), col(Batch.woken_at) < now - PATIENCE * lease, col(Batch.stage).not_in(moving)
    )
    lost = select(Batch).where(or_(silent, waiting)).order_by(col(Batch.id)).with_for_update(skip_locked=True)
    found = session.exec(lost).all()
    for batch in found:
        batch.woken_at = now
    return [WakeUp(batch.id, batch.stage) for batch in found]


def work(shop: Workshop, number: int) -> list[WakeUp]:
    """Do a batch, unless somebody has it; returns whom to wake next. Raises Unreachable without the database."""
    batch, previous = _take(shop, number)
    if batch is None:
        return []
    shop.follow()
    stage = next(stage for stage in stages(shop) if stage.name == batch.stage)
    ids = batch.ids if previous is None else _what_is_left(shop, stage, batch, previous)
    report = StageReport(stage.name, planned=len(batch.ids))
    begun = utc_now()
    if batch.attempt > MOST_ATTEMPTS:
        report.failed, ids = len(ids), []
        get_logger().error("batch_given_up", stage=stage.name, batch=batch.id, attempts=batch.attempt)
    with _held(shop, batch):
        try:
            if ids:
                work_through(stage, batch.moment, ids, report)
        except DigestError as error:
            report.stopped = str(error)
            get_logger().info("batch_stopped", stage=stage.name, batch=batch.id, why=str(error))
    report.seconds = (utc_now() - begun).total_seconds()
    return _finish(shop, batch, report)


def _take(shop: Workshop, number: int) -> tuple[Batch | None, str | None]:
    """The batch, now ours, and the name of the owner that had it before and died; None when it is not to be had."""
    now = utc_now()
    free = or_(col(Batch.owner).is_(None), col(Batch.lease_until) <= now)
    query = select(Batch).where(Batch.id == number, OPEN, free).with_for_update(skip_locked=True)
    with shop.database.session() as session:
        batch = session.exec(query).first()
        if batch is None:
            return None, None
        previous, batch.owner = batch.owner, shop.owner
        batch.attempt += 1
        batch.started_at = batch.started_at or now
        batch.lease_until = now + timedelta(seconds=shop.settings.lease_seconds)
    return batch, previous


def _what_is_left(shop: Workshop, stage: Stage, batch: Batch, previous: str) -> list[int]:
    with shop.database.session() as session:
        if stage.release is not None:
            stage.release(session, previous, batch.ids)
        missing = set(stage.plan(session, batch.moment))
    return [item for item in batch.ids if item in missing]


@contextmanager
def _held(shop: Workshop, batch: Batch) -> Iterator[None]:
    """Move the lease on, from a thread of its own, for as long as the block lasts."""
    done = threading.Event()
    lease = timedelta(seconds=shop.settings.lease_seconds)

    def renew() -> None:
        while not done.wait(lease.total_seconds() / 4):
            try:
                with shop.database.session() as session:
                    session.exec(update(Batch).where(_still_ours(batch)).values(lease_until=utc_now() + lease))
            except DigestError as error:
                get_logger().info("lease_not_renewed", batch=batch.id, why=str(error))

    thread = threading.Thread(target=renew, name=f"lease of batch {batch.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _still_ours(batch: Batch) -> ColumnElement[bool]:
    return and_(col(Batch.id) == batch.id, OPEN, col(Batch.owner) == batch.owner, col(Batch.attempt) == batch.attempt)


def _finish(shop: Workshop, batch: Batch, report: StageReport) -> list[WakeUp]:
    """Write down what was done; the one that ends a stage's last batch of a moment goes on to the next stage."""
    fields = {"failed": report.failed, "stopped": report.stopped, "seconds": report.seconds, "counts": report.counts}
    siblings = select(func.count(col(Batch.id))).where(Batch.stage == batch.stage, Batch.moment == batch.moment, OPEN)
    with shop.database.session() as session:
        take_turns(session, f"plan {batch.stage}")
        done = update(Batch).where(_still_ours(batch)).values(finished_at=utc_now(), report=fields)
        session.exec(done.execution_options(synchronize_session=False))
        last = session.exec(siblings).one() == 0
    return advance(shop, batch.moment, batch.stage) if last else []
