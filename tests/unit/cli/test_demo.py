"""The demo touches no real service, names what the sample has, and mails its three people once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from factories import make_subscriber

from digest.cli.demo import MOMENT, _people
from digest.cli.main import cli
from digest.db import Database
from digest.sources.base import PaperRecord
from digest.sources.sample import SampleSource
from digest.subscribers.optin import parse_address


@pytest.fixture(scope="module")
def sample() -> list[PaperRecord]:
    return [item for item in SampleSource().fetch(MOMENT, MOMENT) if isinstance(item, PaperRecord)]


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "demo"))
    monkeypatch.setenv("DIGEST_ENCODER", "hashing")
    yield tmp_path / "demo"
    structlog.reset_defaults()


def test_every_line_of_the_sample_is_a_paper(sample: list[PaperRecord]) -> None:
    assert len(sample) == len(list(SampleSource().fetch(MOMENT, MOMENT)))


def test_the_examples_that_the_demos_people_like_are_in_the_sample(sample: list[PaperRecord]) -> None:
    liked = {name for interests in _people().values() for interest in interests for name in interest.liked}
    assert liked
    assert liked <= {record.ids.get("arxiv") for record in sample}


def test_the_demos_people_are_nobody_real_and_active() -> None:
    for newcomer in _people():
        assert parse_address(newcomer.email).endswith("@example.org")
        assert newcomer.active


def test_most_of_the_sample_is_new_at_the_demos_moment(sample: list[PaperRecord]) -> None:
    days = [record.announced_at for record in sample if record.announced_at]
    assert max(days) <= MOMENT
    assert sum(MOMENT - day < timedelta(days=7) for day in days) > len(sample) / 2


def test_a_folder_with_strangers_is_refused_and_left_alone(migrated: Path, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "digest.sqlite3").write_bytes(migrated.read_bytes())
    database = Database(f"sqlite:///{data_dir / 'digest.sqlite3'}")
    with database.session() as session:
        make_subscriber(session, MOMENT)
    database.dispose()
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 2
    assert "holds 1 subscribers of its own: set DIGEST_DATA_DIR" in result.stderr
    assert not (data_dir / "outbox").exists()


def test_the_demo_mails_three_people_and_a_second_time_nobody(data_dir: Path) -> None:
    first, second = CliRunner().invoke(cli, ["demo"]), CliRunner().invoke(cli, ["demo"])
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "3 editions were sent just now." in first.stdout
    assert "Nothing new to send" in second.stdout
    assert len(list(data_dir.glob("outbox/*.eml"))) == 3
    assert first.stderr == ""
