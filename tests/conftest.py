"""What all tests share: a clean environment, a migrated database, a workshop with the hashing encoder."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import factories
import pytest
from browsing import Browser, Clock, wind
from databases import Databases
from real_servers import find_postgres

from digest.db import Database
from digest.settings import Settings
from digest.workshop import Workshop

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's DIGEST_* variables nor a `.env` leak into a test."""
    for name in [name for name in os.environ if name.startswith("DIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def fresh_numbers() -> None:
    factories.start_over()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database at the newest revision, made once."""
    path = tmp_path_factory.mktemp("migrated") / "digest.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A PostgreSQL server's migrated databases."""
    with find_postgres() as server, Databases(server) as databases:
        yield databases


@pytest.fixture
def make_postgres_url(postgres: Databases) -> Iterator[Callable[[], str]]:
    """Makes the URL of an empty, migrated database, which is given back after the test."""
    names: list[str] = []

    def make() -> str:
        names.append(postgres.take())
        return postgres.server.url(names[-1])

    yield make
    for name in names:
        postgres.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """An empty, migrated database: every test that has one runs on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("make_postgres_url")())
    shutil.copy(migrated, tmp_path / "digest.sqlite3")
    return f"sqlite:///{tmp_path / 'digest.sqlite3'}"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Embedded, with the hashing encoder, mail kept in memory and no source."""
    return Settings(
        _env_file=None,
        database_url=database_url,
        data_dir=tmp_path,
        encoder="hashing",
        transport="memory",
        sources=[],
        mail_from="Paper Digest <digest@papers.example>",
        secret_key="0123456789abcdef0123456789abcdef",
    )


@pytest.fixture
def shop(settings: Settings) -> Iterator[Workshop]:
    made = Workshop(settings)
    yield made
    made.database.dispose()


@pytest.fixture
def database(shop: Workshop) -> Database:
    return shop.database


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Clock:
    """The time of the web face, which the test moves."""
    return wind(monkeypatch, now)


@pytest.fixture
def browser(shop: Workshop, clock: Clock) -> Iterator[Browser]:
    """Somebody at our pages, without a cookie yet."""
    made = Browser(shop, clock)
    yield made
    made.close()
