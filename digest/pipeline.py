"""The map of the system: the stages of a day in order, and the loop that runs them in one process.

    ingest → lookup → trend → embed_papers → embed_profiles → background → learn → tidy → resume → rank → compose
    → deliver → prepare_papers → prepare_profiles → switch_encoder

The last three have something to do only while an encoder is prepared to follow the one in force, and do a bounded part
of it once the mail is out.

A stage's `plan` asks the database what is missing and its `work` does one batch of it, so a run that was killed is
resumed by the next one, and a run with nothing missing does nothing. The faces call `run`, or the stages one by one.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from filelock import FileLock, Timeout
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from digest.clock import utc_now
from digest.composing import editions as mails
from digest.composing import sheets
from digest.composing.mime import assemble
from digest.embeddings import background, succession, vectors
from digest.errors import ConfigurationError, DigestError, PermanentError, TransientError, Unreachable
from digest.log import get_logger
from digest.mail import delivery, outbox
from digest.papers import attention, ingest, polls
from digest.papers.ingest import IngestReport
from digest.ranking import drafts, editions, learning
from digest.sources.base import DailySource, PaperRecord, Refusal, Source
from digest.subscribers import privacy, requests, schedule
from digest.tables import Run, Subscriber, SubscriberStatus
from digest.workshop import Workshop

OVERLAP = timedelta(days=2)  # read again with every poll, so that late entries are not lost
SUCCESSION = ("prepare_papers", "prepare_profiles", "switch_encoder")
LAST = SUCCESSION[-1]

Counts = Counter[str]
Progress = Callable[[str, int, int], None]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """The default `progress`: does nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run: `plan` gives the ids of what is missing, `work` does a batch and counts what it did.

    `release` frees what an owner that died had claimed of a batch, where work claims at all.
    """

    name: str
    plan: Callable[[Session, datetime], list[int]]
    work: Callable[[datetime, Sequence[int]], Counts]
    batch_size: int
    release: Callable[[Session, str, Sequence[int]], None] | None = None


@dataclass(slots=True)
class StageReport:
    """What one stage did in a run: how many ids were planned, counts by outcome, items that failed, seconds taken."""

    name: str
    planned: int = 0
    counts: Counts = field(default_factory=Counter)
    failed: int = 0
    seconds: float = 0.0
    stopped: str = ""


def stages(shop: Workshop, only: int | None = None) -> list[Stage]:
    """The stages in order; `only` limits ranking, composing and delivery to one subscriber."""
    return [
        Stage("ingest", partial(_plan_ingest, shop), partial(_ingest, shop), 1),
        Stage("lookup", requests.plan, partial(_look_up, shop), 100),
        Stage("trend", attention.plan, partial(_trend, shop), 500),
        Stage("embed_papers", partial(_plan_papers, shop), partial(_embed_papers, shop), 64),
        Stage("embed_profiles", partial(_plan_profiles, shop), partial(_embed_profiles, shop), 256),
        Stage("background", partial(_plan_background, shop), partial(_refresh_background, shop), 1),
        Stage("learn", partial(_plan_learning, shop), partial(_learn, shop), 1),
        Stage("tidy", privacy.plan_tidy, partial(_tidy, shop), 500),
        Stage("resume", schedule.plan_resume, partial(_resume, shop), 500),
        Stage("rank", lambda session, now: editions.plan(session, now, only), partial(_rank, shop), 500),
        Stage("compose", lambda session, _now: sheets.plan(session, only), partial(_compose, shop), 100),
        Stage(
            "deliver",
            lambda session, now: outbox.plan(session, now, shop.rules, only),
            partial(_deliver, shop),
            400,
            partial(outbox.release, hold_doubtful=shop.rules.hold_doubtful),
        ),
        Stage("prepare_papers", succession.plan_papers, partial(succession.work_papers, shop.load_prepared), 64),
        Stage("prepare_profiles", succession.plan_profiles, partial(succession.work_profiles, shop.load_prepared), 256),
        Stage("switch_encoder", succession.plan_switch, partial(_switch, shop), 1),
    ]


def run(
    shop: Workshop, now: datetime, only: int | None = None, upto: str = LAST, progress: Progress = no_progress
) -> list[StageReport]:
    """Take everything that is missing at `now` through all stages up to `upto`, in this process and alone.

    A stage that cannot go on is reported in `stopped`; the others still run. Raises TransientError while another run
    is at work on the same data folder.
    """
    with _alone(shop):
        shop.follow()
        listed = stages(shop, only)
        last = [stage.name for stage in listed].index(upto)
        return [run_stage(shop, stage, now, progress) for stage in listed[: last + 1]]


def prepare(shop: Workshop, now: datetime, progress: Progress = no_progress) -> None:
    """Run the stages that ranking needs and that send nothing: trend, vectors and background."""
    needed = {"trend", "embed_papers", "background", "embed_profiles"}
    with _alone(shop):
        shop.follow()
        for stage in stages(shop):
            if stage.name in needed and (stopped := run_stage(shop, stage, now, progress).stopped):
                raise TransientError(stopped)


def succeed(shop: Workshop, now: datetime, progress: Progress = no_progress) -> None:
    """Prepare the encoder that was asked for and let it take over, all at once; another run may go on beside it.

    Raises TransientError when it was told to stop, or something cannot be embedded; a later try goes on from there.
    """
    listed = {stage.name: stage for stage in stages(shop)}
    while True:
        reports = [run_stage(shop, listed[name], now, progress) for name in SUCCESSION]
        with shop.database.session(write=False) as session:
            if succession.prepared_for(session) is None:
                break
        stopped = next((report.stopped for report in reports if report.stopped), "")
        if stopped or not any(report.counts.total() for report in reports):
            raise TransientError(stopped or "Some papers or profiles cannot be embedded: the log names them.")
    shop.follow()


def run_stage(shop: Workshop, stage: Stage, now: datetime, progress: Progress) -> StageReport:
    """Plan a stage and do all of its batches."""
    report, started, begun = StageReport(stage.name), time.monotonic(), utc_now()
    try:
        with shop.database.session(write=False) as session:
            planned = stage.plan(session, now)
        report.planned = len(planned)
        for start in range(0, len(planned), stage.batch_size):
            if shop.stopping.is_set():
                raise TransientError("Told to stop; the next run goes on from here.")
            progress(stage.name, start, len(planned))
            work_through(stage, now, planned[start : start + stage.batch_size], report)
        progress(stage.name, len(planned), len(planned))
    except DigestError as error:
        report.stopped = str(error)
        get_logger().info("stage_stopped", stage=stage.name, why=str(error))
    report.seconds = time.monotonic() - started
    if report.planned and stage.name != "ingest":  # which keeps a record per source
        with shop.database.session() as session:
            keep_record(session, shop, report, now, begun)
    return report


def work_through(stage: Stage, now: datetime, ids: Sequence[int], report: StageReport) -> None:
    """Do a batch; when it fails, halve it until the bad item stands alone, and count that one as failed."""
    try:
        report.counts += stage.work(now, ids)
    except Unreachable as error:
        report.counts += error.done
        raise
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad item must not stop everybody's edition
        if len(ids) == 1:
            report.failed += 1
            get_logger().error("item_failed", stage=stage.name, item=ids[0], error=_told(error))
            return
        middle = len(ids) // 2
        work_through(stage, now, ids[:middle], report)
        work_through(stage, now, ids[middle:], report)


def _told(error: Exception) -> str:
    """An error without the values that a database adds to its own: they may be addresses."""
    if isinstance(error, DBAPIError):
        return f"{type(error.orig).__name__}: {str(error.orig).partition(chr(10))[0]}"[:300]
    return repr(error)[:300]


@contextmanager
def _alone(shop: Workshop) -> Iterator[None]:
    """Hold the data folder; whatever an embedded run before us had claimed belongs to a dead process."""
    lock = FileLock(shop.data_dir / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TransientError(f"Another run is at work on {shop.data_dir}: wait until it ends.") from error
    try:
        with shop.database.session() as session:
            outbox.release(session, shop.owner, hold_doubtful=shop.rules.hold_doubtful)
        yield
    finally:
        lock.release()


def keep_record(session: Session, shop: Workshop, report: StageReport, now: datetime, begun: datetime) -> None:
    """Write down what a stage did at `now`."""
    told = {"planned": report.planned, "failed": report.failed, "stopped": report.stopped}
    details = {**told, "seconds": round(report.seconds, 3), **report.counts}
    if report.name == "rank":
        details["encoder"] = shop.encoder_name or "none: ranked by words alone"
    ok = not report.failed and not report.stopped
    session.add(Run(moment=now, stage=report.name, started_at=begun, finished_at=utc_now(), ok=ok, report=details))


def _plan_ingest(shop: Workshop, session: Session, now: datetime) -> list[int]:
    """The positions of the sources that were not asked lately."""
    query = select(Run.source).where(Run.stage == "ingest", col(Run.ok), Run.moment > now - shop.poll_interval)
    lately = set(session.exec(query))
    return [place for place, source in enumerate(shop.sources) if source.name not in lately]


def _ingest(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    counts: Counts = Counter()
    for place in ids:
        counts += ingest_source(shop, shop.sources[place], now).counts
    return counts


def ingest_source(shop: Workshop, source: Source, now: datetime, stage: str = "ingest") -> IngestReport:
    """Ask one source and store what it delivers. A record says what came of it, also when it failed half-way.

    What a person loads by hand is recorded under another `stage`: it is no poll, and polls must not go on from there.
    """
    row = Run(moment=now, stage=stage, source=source.name, started_at=utc_now())
    report = IngestReport()
    try:
        ingest.store(shop.database, _ask(shop, source, now), now, report)
        row.ok = True
    except (TransientError, PermanentError) as error:
        report.error = str(error)
        report.counts["failed_sources"] += 1
        get_logger().info("source_failed", source=source.name, why=str(error))
    except DigestError:  # the request was wrong, and nothing was asked
        raise
    except Exception as error:
        report.error = f"a defect: {error!r}"[:300]
        _record_source(shop, row, report)
        raise
    _record_source(shop, row, report)
    return report


def _ask(shop: Workshop, source: Source, now: datetime) -> Iterator[PaperRecord | Refusal]:
    """What a source has that is new, or that was counted since it was last asked."""
    last = _last_success(shop, source.name)
    if not isinstance(source, DailySource):
        return source.fetch((last or now - shop.window) - OVERLAP, now)
    with shop.database.session(write=False) as session:
        soon = schedule.is_anyone_due(session, now + shop.poll_interval)
    fresh = shop.window if soon else timedelta(0)
    return source.fetch_days(polls.due_days(last or now, now, fresh if last else shop.window + OVERLAP))


def _record_source(shop: Workshop, row: Run, report: IngestReport) -> None:
    row.finished_at, row.report = utc_now(), report.as_json()
    with shop.database.session() as session:
        session.add(row)


def _last_success(shop: Workshop, source: str) -> datetime | None:
    query = select(func.max(Run.moment)).where(Run.stage == "ingest", Run.source == source, col(Run.ok))
    with shop.database.session(write=False) as session:
        return session.exec(query).one()


def _look_up(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    """Look for papers that people named: in the store, then at arXiv, then in the store again."""
    with shop.database.session() as session:
        counts, missing = requests.begin(session, now, ids)
    source = shop.source_of_ids(missing) if missing else None
    report = IngestReport()
    try:
        if source is not None:
            ingest.store(shop.database, source.fetch(now, now), now, report)
    except (TransientError, PermanentError) as error:  # they stay open, and the next hour asks again
        counts["failed_sources"] += 1
        get_logger().info("source_failed", source="arxiv", why=str(error))
    with shop.database.session() as session:
        return counts + requests.finish(session, now, ids, {refusal.where for refusal in report.refusals})


def _tidy(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    with shop.database.session() as session:
        return privacy.work_tidy(session, now, ids)


def _trend(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    with shop.database.session() as session:
        return Counter(papers=attention.work(session, now, ids, shop.prior(session)))


def _plan_papers(shop: Workshop, session: Session, _now: datetime) -> list[int]:
    ids = vectors.plan_papers(session, shop.encoder_name) if shop.encoder_name else []
    return ids if ids and shop.can_embed else []


def _embed_papers(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    encoder = shop.needed_encoder
    with shop.database.session() as session:
        succession.adopt(session, shop.spec, now)
    return Counter(papers=vectors.embed_papers(shop.database, encoder, now, ids))


def _plan_background(shop: Workshop, session: Session, now: datetime) -> list[int]:
    return background.plan(session, shop.encoder_name, now)


def _refresh_background(shop: Workshop, now: datetime, _ids: Sequence[int]) -> Counts:
    with shop.database.session() as session:
        return Counter(papers=background.refresh(session, shop.encoder_name, now))


def _plan_learning(shop: Workshop, session: Session, now: datetime) -> list[int]:
    return learning.plan(session, shop.encoder_name, now)


def _learn(shop: Workshop, now: datetime, _ids: Sequence[int]) -> Counts:
    return Counter(readers=learning.refresh(shop.database, shop.encoder_name, now))


def _plan_profiles(shop: Workshop, session: Session, _now: datetime) -> list[int]:
    ids = vectors.plan_profiles(session, shop.encoder_name) if shop.encoder_name else []
    return ids if ids and shop.can_embed else []


def _embed_profiles(shop: Workshop, _now: datetime, ids: Sequence[int]) -> Counts:
    return Counter(profiles=vectors.embed_profiles(shop.database, shop.needed_encoder, ids))


def _switch(shop: Workshop, now: datetime, _ids: Sequence[int]) -> Counts:
    with shop.database.session() as session:
        switched = succession.take_over(session, now)
    shop.follow()
    return Counter(switched=int(switched))


def _resume(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    with shop.database.session() as session:
        return Counter(subscribers=schedule.work_resume(session, now, ids))


def _rank(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    """Draft without holding the database's lock, then store drafts and promise their mail in one transaction."""
    with shop.database.session() as session:
        outbox.expire(session, now, ids)
    with shop.database.session(write=False) as session:
        query = select(Subscriber).where(col(Subscriber.id).in_(ids), Subscriber.status == SubscriberStatus.ACTIVE)
        subscribers = session.exec(query.order_by(col(Subscriber.id))).all()
        since = min((drafts.window_start(subscriber, now, shop.window) for subscriber in subscribers), default=now)
        library = shop.library(session, since, now)
        made = drafts.draft(session, library, subscribers, now, shop.method)
    with shop.database.session() as session:
        counts = editions.store(session, made, now, library.encoder if library else shop.encoder_name)
        outbox.promise(session, shop.sender, list(made), now)
    return counts


def _compose(shop: Workshop, _now: datetime, ids: Sequence[int]) -> Counts:
    """Render editions and write their messages down, in one transaction."""
    counts: Counts = Counter()
    with shop.database.session() as session:
        for row, sheet in sheets.load_sheets(session, ids, tell_updates=shop.settings.tell_updates):
            message = mails.compose(shop.sender, sheet, row.message_id)
            outbox.fill(shop.sender, row, assemble(shop.sender, message, shop.signing_keys))
            counts["messages"] += 1
    return counts


def _deliver(shop: Workshop, now: datetime, ids: Sequence[int]) -> Counts:
    return delivery.deliver(shop.courier, now, ids)
