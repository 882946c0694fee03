"""The scaled form on a real Redis and a real PostgreSQL: it does what the embedded one does."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from fleet import SECRET, Fleet
from real_servers import Redis, find_redis
from sqlmodel import Session, SQLModel, select

from digest import pipeline
from digest.db import Database
from digest.settings import Settings
from digest.tables import OutboxMessage, OutboxState
from digest.workshop import Workshop

SUBSCRIBERS = 700


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with find_redis() as server:
        yield server


@pytest.fixture
def embedded(make_postgres_url: Callable[[], str]) -> Iterator[Database]:
    with Database(make_postgres_url()) as made:
        yield made


@pytest.fixture
def scaled(make_postgres_url: Callable[[], str]) -> Iterator[Database]:
    with Database(make_postgres_url()) as made:
        yield made


def fill(database: Database, now: datetime) -> None:
    """The same papers and readers wherever it is called."""
    topics = list(TOPICS)
    with database.session() as session:
        for number in range(60):
            topic = topics[number % 5]
            make_paper(
                session, now, topic, title=f"{topic} {number}", url="https://papers.example", authors=["A Writer"]
            )
        for number in range(SUBSCRIBERS):
            who = make_subscriber(session, now, email=f"r{number}@example.org", name="", link_key=f"k{number}")
            make_profile(session, who, topics[number % 5])


def is_sent(session: Session) -> bool:
    states = session.exec(select(OutboxMessage.state)).all()
    return len(states) == SUBSCRIBERS and set(states) == {OutboxState.SENT}


def everything(database: Database) -> list[str]:
    """All rows but those that say who did what when."""
    skipped = {"run", "batch", "lease", "background"}
    with database.session(write=False) as session:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in skipped]
        return sorted(
            f"{table.name} {row!r}" for table in tables for row in session.connection().execute(table.select())
        )


def test_both_forms_give_equal_rows_and_byte_identical_mail(
    embedded: Database, scaled: Database, redis: Redis, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "scaled").mkdir()
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        database_url=embedded.url,
        encoder="hashing",
        sources=[],
        transport="folder",
        secret_key=SECRET,
        mail_from="Paper Digest <digest@papers.example>",
    )
    shop = Workshop(settings)
    fill(embedded, now)
    with embedded.session(write=False) as session:
        content = {
            table.name: [dict(row._mapping) for row in session.connection().execute(table.select())]
            for table in SQLModel.metadata.sorted_tables
        }
    with scaled.session() as session:
        for table in SQLModel.metadata.sorted_tables:
            if content[table.name]:
                session.connection().execute(table.insert(), content[table.name])
    with shop.database:
        pipeline.run(shop, now)

    def done() -> bool:
        with scaled.session(write=False) as session:
            return is_sent(session)

    with Fleet(tmp_path / "scaled", scaled, redis) as fleet:
        fleet.start("worker", "--queues", "tick,ingest,embed", "--concurrency", "1")
        fleet.start("worker", "--queues", "rank,mail", "--concurrency", "1")
        fleet.tick(now)
        fleet.run(now, done)
    assert everything(scaled) == everything(embedded)
    mails = [
        sorted(path.read_bytes() for path in (folder / "outbox").glob("*.eml"))
        for folder in (tmp_path, tmp_path / "scaled")
    ]
    assert len(mails[0]) == SUBSCRIBERS
    assert mails[0] == mails[1]
