"""Opening a shop makes or upgrades the database, and says what it does not understand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from digest.cli.shop import open_shop


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "data"))
    yield tmp_path / "data"
    structlog.reset_defaults()


def test_a_new_folder_gets_a_database_at_this_releases_schema(data_dir: Path) -> None:
    for _ in range(2):
        shop = open_shop()
        assert shop.database.revision() == shop.database.newest_revision()
        shop.database.dispose()
    assert (data_dir / "digest.sqlite3").is_file()


def test_what_a_command_decides_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_TRANSPORT", "smtp")
    shop = open_shop(transport="memory")
    assert shop.settings.transport == "memory"
    shop.database.dispose()


def test_an_unknown_name_in_the_env_file_is_warned_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("DIGEST_TRANSPROT=smtp\nOTHER=1\n")
    open_shop().database.dispose()
    (line,) = capsys.readouterr().err.splitlines()
    assert "DIGEST_TRANSPROT is not a setting" in line
