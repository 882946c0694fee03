"""`digest up` as a process: it mails, answers, mends itself and stops."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import make_paper, make_profile, make_subscriber
from real_servers import wait_until
from servers import find_free_port

from digest.cli.services import LAST_ORDERS
from digest.db import Database


class Up:
    """The process, its port and its data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, find_free_port()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        given = {"DATA_DIR": folder, "WEB_PORT": self.port, "SOURCES": "", "ENCODER": "none"}
        self.environment = plain | {f"DIGEST_{name}": str(value) for name, value in given.items()}

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "digest", "up"], env=self.environment, cwd=self.folder, start_new_session=True
        )
        wait_until(lambda: self.answers("/healthz"), "it answers", 180)

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(number) for number in found.stdout.split()]


@pytest.fixture
def up(migrated: Path, tmp_path: Path) -> Iterator[Up]:
    shutil.copy(migrated, tmp_path / "digest.sqlite3")
    now = datetime.now(UTC) - timedelta(minutes=5)
    with Database(f"sqlite:///{tmp_path / 'digest.sqlite3'}") as database, database.session() as session:
        for _ in range(20):
            make_paper(session, now)
        make_profile(session, make_subscriber(session, now))
    made = Up(tmp_path)
    made.start()
    children = made.children()
    yield made
    for number in [*children, *made.children(), made.process.pid]:
        if is_alive(number):
            os.kill(number, signal.SIGKILL)
    made.process.wait()


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_mails_answers_and_stops_in_time(up: Up) -> None:
    wait_until(lambda: len(list((up.folder / "outbox").glob("*.eml"))) == 1, "the edition is out", 180)
    assert up.answers("/")
    assert up.answers("/readyz")
    assert up.answers("/metrics")
    (child,) = up.children()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(LAST_ORDERS / 2) == 0  # it does not wait for mails when none is under way
    wait_until(lambda: not is_alive(child), "the scheduler has gone", 60)


def test_a_scheduler_that_died_is_started_again(up: Up) -> None:
    (child,) = up.children()
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: bool(up.children()) and up.children() != [child], "there is another", 180)
    assert up.answers("/healthz")


def test_a_scheduler_without_its_parent_ends_by_itself(up: Up) -> None:
    wait_until(lambda: len(list((up.folder / "outbox").glob("*.eml"))) == 1, "the first pass is done", 180)
    (child,) = up.children()
    up.process.kill()
    time.sleep(0.1)
    wait_until(lambda: not is_alive(child), "the scheduler has gone", 180)
