"""The scaled form: two mail workers beside one, a tick over a million subscribers, and what Celery adds to a run.

    make bench

What they find is written to tests/benchmarks/measured.json, which tests/benchmarks/plan_scale.py reads for the tables
of docs/scaling.md. DIGEST_BENCH_SUBSCRIBERS says for how many the last one runs (2,000; the target speaks of 20,000).
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from fleet import SECRET, Fleet
from real_servers import Redis, find_redis, wait_until
from smtp_sink import SmtpSink
from sqlalchemy import text
from sqlmodel import col, func, insert, select

from digest import dispatch, pipeline
from digest.db import Database, batches
from digest.embeddings.vectors import embed_papers, plan_papers
from digest.settings import Settings
from digest.sources.sample import SampleSource
from digest.tables import Edition, OutboxMessage, OutboxState, Run, Subscriber
from digest.workshop import Workshop

MAILS, LATENCY, ROUNDS = 1_000, 0.02, 3
MILLION, DUE, TICKS = 1_000_000, 1_000, 7
SUBSCRIBERS = int(os.environ.get("DIGEST_BENCH_SUBSCRIBERS", "2000"))
NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
MEASURED = Path(__file__).parent / "measured.json"

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with find_redis() as server:
        yield server


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print what was found and keep it for the plan."""

    def tell(name: str, **found: float) -> None:
        known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
        known[name] = {key: float(f"{value:.4g}") for key, value in found.items()}
        MEASURED.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
        with capsys.disabled():
            print(f"\n{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()))

    return tell


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    with Database(url) as database:
        yield database


def promise_mails(database: Database, moment: datetime) -> None:
    """Messages of ten kilobytes, due at `moment`."""
    lines = "\r\n".join(os.urandom(35).hex() for _ in range(140))
    content = zlib.compress(f"Subject: Ten kilobytes\r\n\r\n{lines}\r\n".encode(), 1)
    with database.session() as session:
        if session.exec(select(func.count(col(Subscriber.id)))).one() == 0:
            for _ in range(MAILS):
                make_subscriber(session, moment, next_edition_at=None)
        common = {"envelope_from": "d@p.example", "content": content, "state": OutboxState.PLANNED, "attempt": 0}
        rows = [
            {**common, "subscriber_id": who, "recipient": f"r{who}@example.org", "next_at": moment}
            | {"message_id": f"<{who}.{moment.timestamp()}@p.example>", "created_at": moment, "reply": ""}
            for who in session.exec(select(Subscriber.id))
        ]
        session.execute(insert(OutboxMessage), rows)


def count_unsent(database: Database) -> int:
    query = select(func.count(col(OutboxMessage.id))).where(OutboxMessage.state != OutboxState.SENT)
    with database.session(write=False) as session:
        return session.exec(query).one()


def test_two_mail_workers_beside_one(
    make_postgres_url: Callable[[], str], redis: Redis, tmp_path: Path, report: Callable[..., None]
) -> None:
    with open_database(make_postgres_url()) as database, SmtpSink(delay=LATENCY) as sink:
        mail = {"transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": sink.port, "lease_seconds": 60}
        rates: dict[int, list[float]] = {1: [], 2: []}
        for number in range(2 * ROUNDS):
            workers, moment = number % 2 + 1, NOW + timedelta(hours=number)
            folder = tmp_path / str(number)
            folder.mkdir()
            with Fleet(folder, database, redis, **mail) as fleet:
                rates[workers].append(deliver_all(fleet, workers, moment))
    one, two = median(rates[1]), median(rates[2])
    report("mail", mails_per_second_1=one, mails_per_second_2=two, ratio=two / one)


def deliver_all(fleet: Fleet, workers: int, moment: datetime) -> float:
    """Mails per second that so many workers deliver once they are up."""
    fleet.start("worker", "--queues", "tick", "--concurrency", "1")
    fleet.start("worker", "--queues", "mail", "--concurrency", str(workers))
    fleet.wait_for_workers(2)
    promise_mails(fleet.database, moment)
    started = perf_counter()
    fleet.tick(moment)
    wait_until(lambda: count_unsent(fleet.database) == 0, "all is sent", 300)
    return MAILS / (perf_counter() - started)


def test_a_tick_over_a_million_subscribers(
    make_postgres_url: Callable[[], str], tmp_path: Path, report: Callable[..., None]
) -> None:
    settings = make_settings(tmp_path, make_postgres_url())
    shop = Workshop(settings, scaled=True)
    with shop.database as database:
        fill_a_million(database)
        postgres_vacuum(database)
        seconds: dict[str, list[float]] = {"tick": [], "idle": []}
        for number in range(TICKS):
            started = perf_counter()
            woken = dispatch.tick(shop, NOW + timedelta(minutes=number))
            seconds["tick"].append(perf_counter() - started)
            assert [one.stage for one in woken] == ["rank"] * (DUE // 500)
            started = perf_counter()
            assert dispatch.tick(shop, NOW + timedelta(minutes=number, seconds=1)) == []
            seconds["idle"].append(perf_counter() - started)
            with database.session() as session:
                session.execute(text("DELETE FROM batch"))
    report("tick", milliseconds=1000 * median(seconds["tick"]), idle_milliseconds=1000 * median(seconds["idle"]))


READERS = (  # a million with a profile each; a thousand of them are due, everybody had an edition yesterday
    """INSERT INTO subscriber (email, name, status, zone, hour, weekdays, papers_per_edition, link_key,
            next_edition_at, last_edition_at, created_at)
        SELECT 'r' || n || '@example.org', '', 'active', 'UTC', 7, '[0,1,2,3,4,5,6]', 10, 'k' || n,
            CASE WHEN n % :every = 0 THEN timestamptz '2026-05-06 08:59Z'
            ELSE timestamptz '2026-05-06 12:00Z' + (n % 1200) * interval '1 minute' END,
            timestamptz '2026-05-05 12:00Z', timestamptz '2026-01-01Z'
        FROM generate_series(1, :count) n""",
    """INSERT INTO profile (subscriber_id, name, text, categories, keywords, muted, authors, weight, balance,
            active, embedded_by, created_at)
        SELECT id, 'one', 'state space models', '[]', '[]', '[]', '[]', 1, 0.3, true, 'hashing', created_at
        FROM subscriber""",
    """INSERT INTO edition (subscriber_id, edition_date, encoder, considered, failed_sources, created_at)
        SELECT id, date '2026-05-05', 'hashing', 100, '[]', timestamptz '2026-05-05 12:00Z' FROM subscriber""",
)


def fill_a_million(database: Database) -> None:
    with database.session() as session:
        session.execute(text(READERS[0]), {"every": MILLION // DUE, "count": MILLION})
        for statement in READERS[1:]:
            session.execute(text(statement))
        for number in range(100):
            make_paper(session, NOW, list(TOPICS)[number % 5], embedded_by="hashing")


def postgres_vacuum(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def make_settings(folder: Path, url: str) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=folder,
        database_url=url,
        encoder="hashing",
        sources=[],
        secret_key=SECRET,
        mail_from="Paper Digest <digest@papers.example>",
    )


def test_the_encoder(tmp_path: Path, report: Callable[..., None]) -> None:
    """The default encoder on the sample papers, in this process alone."""
    name = "sentence-transformers/all-MiniLM-L6-v2"
    with Database(f"sqlite:///{tmp_path / 'digest.sqlite3'}") as database:
        database.upgrade()
        shop = Workshop(make_settings(tmp_path, database.url).model_copy(update={"encoder": name}))
        pipeline.ingest_source(shop, SampleSource(), NOW)
        with database.session(write=False) as session:
            ids = plan_papers(session, name)
        embed_papers(database, shop.needed_encoder, NOW, ids[:8])  # it is loaded
        started = perf_counter()
        count = embed_papers(database, shop.needed_encoder, NOW, ids[8:])
        report("encoder", seconds_per_paper=(perf_counter() - started) / count)
        shop.database.dispose()


def test_celery_beside_the_embedded_run(
    make_postgres_url: Callable[[], str], redis: Redis, tmp_path: Path, report: Callable[..., None]
) -> None:
    seconds: dict[str, float] = {}
    embedded = Workshop(make_settings(tmp_path, make_postgres_url()))
    with embedded.database as database:
        fill(database)
        started, used = perf_counter(), process_time()
        pipeline.run(embedded, NOW)
        seconds["embedded"], seconds["embedded_cpu"] = perf_counter() - started, process_time() - used
        costs, weights = unit_costs(database), unit_weights(database)
    (tmp_path / "fleet").mkdir()
    with open_database(make_postgres_url()) as database:
        fill(database)
        with Fleet(tmp_path / "fleet", database, redis, lease_seconds=60) as fleet:
            fleet.start("worker", "--concurrency", "1")
            fleet.wait_for_workers(1)
            used, started = fleet.cpu_seconds(), perf_counter()
            fleet.tick(NOW)
            wait_until(lambda: is_delivered(database), "all is sent", 3_000)
            seconds["celery"], seconds["celery_cpu"] = perf_counter() - started, fleet.cpu_seconds() - used
    ratios = {f"overhead{kind}": seconds[f"celery{kind}"] / seconds[f"embedded{kind}"] - 1 for kind in ("", "_cpu")}
    report("celery", subscribers=SUBSCRIBERS, **seconds, **ratios)
    report("seconds_per_item", **costs)
    report("bytes_per_item", **weights)


def fill(database: Database) -> None:
    topics = list(TOPICS)
    with database.session() as session:
        for number in range(1_000):
            make_paper(session, NOW, topics[number % 5])
    for some in batches(range(SUBSCRIBERS), 1_000):
        with database.session() as session:
            for number in some:
                make_profile(session, make_subscriber(session, NOW), topics[number % 5])


def is_delivered(database: Database) -> bool:
    """Whether the last stage has closed its batches."""
    query = select(Run.id).where(Run.stage == "deliver", Run.moment == NOW)
    with database.session(write=False) as session:
        return session.exec(query).first() is not None


def unit_costs(database: Database) -> dict[str, float]:
    with database.session(write=False) as session:
        runs = session.exec(select(Run).where(Run.stage != "ingest")).all()
        return {run.stage: run.report["seconds"] / run.report["planned"] for run in runs}


def unit_weights(database: Database) -> dict[str, float]:
    """Bytes in PostgreSQL, indexes included, per edition and per message, and per subscriber with one profile."""
    with database.session(write=False) as session:
        editions = session.exec(select(func.count(col(Edition.id)))).one()
        size = {name: session.exec(select(func.pg_total_relation_size(name))).one() for name in SIZED}
    return {
        "edition": (size["edition"] + size["edition_item"]) / editions,
        "message": size["outbox_message"] / editions,
        "subscriber": (size["subscriber"] + size["profile"] + size["profile_vector"]) / SUBSCRIBERS,
    }


SIZED: tuple[Any, ...] = ("edition", "edition_item", "outbox_message", "subscriber", "profile", "profile_vector")
