"""The database: migrations both ways, transactions, and two writers at once."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from factories import make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from digest.db import Database, batches
from digest.errors import ConfigurationError, TransientError
from digest.tables import Profile, Subscriber, Suppression


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/empty.sqlite3")
    yield made
    made.dispose()


def table_names(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def suppressions(database: Database) -> list[str]:
    with database.session(write=False) as session:
        return sorted(session.exec(select(Suppression.address_digest)))


@given(items=st.lists(st.integers()), size=st.integers(1, 7))
def test_batches_hold_every_item_in_order(items: list[int], size: int) -> None:
    made = list(batches(items, size))
    assert [item for batch in made for item in batch] == items
    assert all(len(batch) == size for batch in made[:-1])
    assert all(made)


def test_batches_take_no_more_than_they_give() -> None:
    endless = count()
    assert next(batches(endless, 3)) == [0, 1, 2]
    assert next(endless) == 3


def test_the_schema_goes_up_and_down_and_up_again(empty: Database) -> None:
    assert empty.revision() is None
    empty.upgrade()
    assert empty.revision() == empty.newest_revision()
    assert table_names(empty) == set(SQLModel.metadata.tables)
    with empty.engine.begin() as connection:
        command.downgrade(empty._alembic(connection), "base")
    assert empty.revision() is None
    assert table_names(empty) == set()
    empty.upgrade()
    assert empty.revision() == empty.newest_revision()
    assert table_names(empty) == set(SQLModel.metadata.tables)


def test_the_migrations_make_the_tables_that_the_code_describes(database: Database) -> None:
    with database.engine.begin() as connection:
        command.check(database._alembic(connection))


def test_an_upgrade_of_a_current_database_changes_nothing(database: Database, now: datetime) -> None:
    with database.session() as session:
        make_subscriber(session, now)
    database.upgrade()
    with database.session(write=False) as session:
        assert len(session.exec(select(Subscriber)).all()) == 1


@pytest.mark.parametrize("ask", [Database.check_not_newer, Database.upgrade])
def test_a_database_of_a_newer_release_is_refused_in_one_line(
    database: Database, ask: Callable[[Database], None]
) -> None:
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"\A[^\n]*9999[^\n]*\Z"):
        ask(database)
    assert database.revision() == "9999"


def test_a_session_commits_once_at_its_end(database: Database, now: datetime) -> None:
    commits: list[int] = []
    event.listen(database.engine, "commit", lambda _connection: commits.append(len(commits)))
    with database.session() as session:
        for number in range(3):
            session.add(Suppression(address_digest=str(number), reason="asked", created_at=now))
            session.flush()
        assert commits == []
        assert count_seen_by_others(database) == 0
    assert commits == [0]
    assert suppressions(database) == ["0", "1", "2"]


def count_seen_by_others(database: Database) -> int:
    """What a connection of its own sees."""
    other = Database(database.url)
    try:
        return len(suppressions(other))
    finally:
        other.dispose()


def test_an_error_rolls_everything_back_and_comes_through(database: Database, now: datetime) -> None:
    def fail_after_writing() -> None:
        with database.session() as session:
            session.add(Suppression(address_digest="a", reason="asked", created_at=now))
            session.flush()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail_after_writing()
    assert suppressions(database) == []


def test_rows_may_be_read_after_their_session(database: Database, now: datetime) -> None:
    with database.session() as session:
        subscriber = make_subscriber(session, now)
    assert subscriber.email.endswith("@example.org")


def test_a_row_that_refers_to_nothing_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), database.session() as session:
        session.add(Profile(subscriber_id=404, name="orphan", created_at=now))


def test_two_writers_that_read_first_both_get_their_turn(database: Database, now: datetime) -> None:
    failures: list[Exception] = []
    start = threading.Barrier(2)

    def write(writer: int) -> None:
        start.wait()
        try:
            for number in range(25):
                with database.session() as session:
                    session.exec(select(Suppression)).all()
                    session.add(Suppression(address_digest=f"{writer}.{number}", reason="asked", created_at=now))
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(suppressions(database)) == 50


def test_a_reader_does_not_wait_for_a_writer(database: Database, now: datetime) -> None:
    with database.session() as session:
        session.add(Suppression(address_digest="a", reason="asked", created_at=now))
        session.flush()
        assert suppressions(database) == []
    assert suppressions(database) == ["a"]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "oracle+nothing://host/name",
        "sqlite:////no/such/folder/digest.sqlite3",
        "postgresql://digest:secret@host:port/name",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\A[^\n]+\Z"):
        Database(url)


def test_a_file_that_is_no_database_is_named_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "digest.sqlite3").write_bytes(b"not a database, whatever its name" * 100)
    database = Database(f"sqlite:///{tmp_path}/digest.sqlite3")
    with pytest.raises(TransientError, match=r"\A[^\n]*not a database[^\n]*\Z"):
        database.upgrade()


class DeadlockDetected(sqlite3.OperationalError):
    """As psycopg has it: every server error is a class of its own, below OperationalError."""


@pytest.mark.parametrize(
    "kind",
    [
        sqlite3.OperationalError,
        DeadlockDetected,
    ],
)
def test_a_server_that_fails_is_a_transient_error(database: Database, kind: type[Exception]) -> None:
    with pytest.raises(TransientError, match="deadlock"), database.session():
        raise sqlalchemy.exc.OperationalError("SELECT 1", {}, kind("deadlock detected"))
