"""What all tests share: a clean environment, a migrated database, a workshop with the hashing encoder."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.db import Database
from digest.settings import Settings
from digest.workshop import Workshop

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's DIGEST_* variables nor a `.env` leak into a test."""
    for name in [name for name in os.environ if name.startswith("DIGEST_") and not name.startswith("DIGEST_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest revision, made once."""
    path = tmp_path_factory.mktemp("migrated") / "digest.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.dispose()
    return path


@pytest.fixture
def settings(migrated: Path, tmp_path: Path) -> Settings:
    """Embedded, with the hashing encoder, mail kept in memory and no source."""
    shutil.copy(migrated, tmp_path / "digest.sqlite3")
    return Settings(
        _env_file=None,
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
