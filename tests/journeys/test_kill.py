"""A run that is killed with SIGKILL at any moment is resumed by the next one: every due edition arrives, once."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest.db import Database
from digest.tables import Edition, OutboxMessage, OutboxState

SUBSCRIBERS, PAPERS, KILLS = 200, 150, 10
COMMAND = [sys.executable, "-m", "digest"]


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Database:
    """Two hundred subscribers are due, and there are papers for each of them."""
    shutil.copy(migrated, tmp_path / "digest.sqlite3")
    made = Database(f"sqlite:///{tmp_path / 'digest.sqlite3'}")
    now = datetime.now(UTC) - timedelta(minutes=5)
    topics = list(TOPICS)
    with made.session() as session:
        for number in range(PAPERS):
            make_paper(session, now, topics[number % len(topics)])
        for number in range(SUBSCRIBERS):
            make_profile(session, make_subscriber(session, now), topics[number % len(topics)])
    return made


def test_ten_kills_leave_one_file_for_every_due_edition(database: Database, tmp_path: Path) -> None:
    reached = _run_with_kills(database, _environment(tmp_path), (-0.5, 2.5))
    messages = _check_all_sent(database)
    files = Counter(message_from_bytes(path.read_bytes())["Message-ID"] for path in (tmp_path / "outbox").glob("*.eml"))
    print(f"folder: stages reached when killed: {dict(reached)}; editions {len(messages)}")
    assert files == Counter(message.message_id for message in messages)
    assert reached["finished"] < KILLS / 2  # or the kills would have proved nothing


def _environment(data_dir: Path) -> dict[str, str]:
    return {**os.environ, "DIGEST_DATA_DIR": str(data_dir), "DIGEST_ENCODER": "hashing", "DIGEST_SOURCES": ""}


def _run_with_kills(database: Database, environment: dict[str, str], span: tuple[float, float]) -> Counter[str]:
    """Kill ten runs, later and later, and let an eleventh finish; says how far the work had come at each kill.

    `span` is between how many seconds after the usual start-up the random moments lie.
    """
    started = time.monotonic()
    subprocess.run([*COMMAND, "migrate"], env=environment, capture_output=True, check=True)
    start_up = time.monotonic() - started
    chance = random.Random(20260506)
    moments = sorted(start_up + chance.uniform(*span) for _ in range(KILLS))
    reached = Counter(_kill(moment, database, environment) for moment in moments)
    last = subprocess.run([*COMMAND, "run"], env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert last.returncode == 0, last.stderr
    return reached


def _kill(seconds: float, database: Database, environment: dict[str, str]) -> str:
    output = subprocess.DEVNULL
    process = subprocess.Popen([*COMMAND, "run"], env=environment, stdout=output, stderr=output)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    else:
        return "finished"
    with database.session(write=False) as session:
        if session.exec(select(OutboxMessage).where(OutboxMessage.state == OutboxState.SENT)).first():
            return "deliver"
        if session.exec(select(OutboxMessage)).first():
            return "compose"
        return "rank" if session.exec(select(Edition)).first() else "embed"


def _check_all_sent(database: Database) -> list[OutboxMessage]:
    with database.session(write=False) as session:
        editions = session.exec(select(Edition)).all()
        messages = list(session.exec(select(OutboxMessage)))
    database.dispose()
    assert len({edition.subscriber_id for edition in editions}) == len(editions) == SUBSCRIBERS
    assert {message.edition_id for message in messages} == {edition.id for edition in editions}
    assert {message.state for message in messages} == {OutboxState.SENT}
    return messages
