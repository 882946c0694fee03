"""What every test on PostgreSQL relies on: a database that an earlier test had is as a new one."""

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
from databases import Databases
from factories import make_paper, make_subscriber
from sqlalchemy import text
from sqlmodel import SQLModel, func, select

from digest.db import Database


@pytest.fixture
def name(postgres: Databases) -> str:
    return postgres.take()


@pytest.fixture
def database(postgres: Databases, name: str) -> Iterator[Database]:
    with Database(postgres.server.url(name)) as made:
        yield made


def test_what_comes_back_is_empty_and_counts_from_one(
    postgres: Databases, name: str, database: Database, now: datetime
) -> None:
    for _ in range(2):
        with database.session() as session:
            make_paper(session, now)
            assert make_subscriber(session, now).id == 1
        postgres.give_back(name)
        assert postgres.take() == name
        with database.session(write=False) as session:
            tables = SQLModel.metadata.sorted_tables
            assert [table.name for table in tables if session.scalar(select(func.count()).select_from(table))] == []
        assert database.revision() == database.newest_revision()
    postgres.give_back(name)


def test_whoever_is_still_connected_is_sent_away(postgres: Databases, name: str) -> None:
    url = postgres.server.url(name).replace("+psycopg", "")
    with psycopg.connect(url) as left_open:
        left_open.execute("LOCK TABLE subscriber")
        postgres.give_back(name)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE paper ADD COLUMN colour text",
        "ALTER TABLE paper ALTER COLUMN title DROP NOT NULL",
        "CREATE TABLE shade (name text)",
        "DROP INDEX ix_subscriber_due",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
def test_a_database_with_another_schema_is_not_used_again(
    postgres: Databases, name: str, database: Database, change: str
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(change))
    postgres.give_back(name)
    again = postgres.take()
    assert again != name
    postgres.give_back(again)
