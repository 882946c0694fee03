"""The database: engine, sessions and migrations. `Database.session` is the only place that commits."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlmodel import Session, create_engine

from digest import resources
from digest.errors import ConfigurationError, Unreachable

BUSY_TIMEOUT = 60  # seconds that a SQLite writer waits for another
WRITES = "digest_writes"
SPARE_CONNECTIONS = 2  # beyond those that a process is given, for a moment of need
LOCK_TIMEOUT = 10  # seconds that a migration waits for a table before it gives up, on PostgreSQL

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class Database:
    """An engine and the one way to use it. Sessions that write take SQLite's write lock when they begin."""

    def __init__(self, url: str, connections: int = 5) -> None:
        self.url = url
        self.engine = _make_engine(url, connections)

    @contextmanager
    def session(self, *, write: bool = True) -> Iterator[Session]:
        """A transaction: committed at the end of the block, rolled back by any exception."""
        with Session(self.engine, expire_on_commit=False) as session, _translated():
            session.connection(execution_options={WRITES: write})
            yield session
            session.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

    def dispose(self) -> None:
        self.engine.dispose()

    def check_reachable(self) -> None:
        """Raises Unreachable when no query can be answered."""
        with self.session(write=False) as session:
            session.connection().execute(text("SELECT 1"))

    def upgrade(self) -> None:
        """Bring the schema to this release's; raises ConfigurationError when it is from a newer one."""
        from alembic import command

        self.check_not_newer()
        if self.revision() == self.newest_revision():
            return
        with _translated(), self.engine.begin() as connection:
            _take_turns(connection, "migrations")
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
            command.upgrade(self._alembic(connection), "head")

    def revision(self) -> str | None:
        """The schema's revision, or None for an empty database."""
        from alembic.runtime.migration import MigrationContext

        with _translated(), self.engine.connect().execution_options(**{WRITES: False}) as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def newest_revision(self) -> str:
        return str(self._scripts().get_current_head())

    def check_not_newer(self) -> None:
        """Raises ConfigurationError when the schema's revision is not one that this release knows."""
        current = self.revision()
        known = {script.revision for script in self._scripts().walk_revisions()}
        if current is not None and current not in known:
            raise ConfigurationError(
                f"The database is from a newer release (revision {current}): install that release, or restore a backup."
            )

    def _scripts(self) -> Any:
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(self._alembic(None))

    def _alembic(self, connection: Connection | None) -> Any:
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(resources.folder("alembic")).replace("%", "%%"))
        config.attributes["connection"] = connection
        return config


def take_turns(session: Session, name: str) -> None:
    """Wait until no other transaction that asked for `name` is open; a SQLite transaction that writes is alone anyway.

    It is for what reads, decides and inserts: two that do so at once would decide the same.
    """
    _take_turns(session.connection(), name)


def _take_turns(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": zlib.crc32(name.encode())})


def _make_engine(url: str, connections: int) -> Engine:
    try:
        parsed = make_url(url)
        engine = create_engine(url, hide_parameters=True, **_pool(parsed, connections))  # errors are logged
    except (ArgumentError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"DIGEST_DATABASE_URL cannot be used: {error}.") from error
    except ValueError as error:  # whose words would hold the password
        raise ConfigurationError("DIGEST_DATABASE_URL cannot be used: its port is no number.") from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            _check_folder(Path(parsed.database))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _pool(url: URL, connections: int) -> dict[str, Any]:
    """A server may have restarted since a connection was last used: ask it first."""
    if url.get_backend_name() == "sqlite":
        return {}
    return {"pool_size": connections, "max_overflow": SPARE_CONNECTIONS, "pool_pre_ping": True}


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder {path.parent} of the database does not exist: make it first.")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when somebody else wrote between: lock at BEGIN.
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
            raise
        reason = str(error.orig).partition("\n")[0]
        raise Unreachable(f"The database cannot be used: {reason}.") from error
