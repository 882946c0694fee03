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
from sqlalchemy import func
from sqlmodel import select

from digest.db import Database
from digest.tables import Edition, OutboxMessage, OutboxState, PaperVector

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
    reached = _run_with_kills(database, _environment(tmp_path))
    messages = _check_all_sent(database)
    files = Counter(message_from_bytes(path.read_bytes())["Message-ID"] for path in (tmp_path / "outbox").glob("*.eml"))
    print(f"folder: stages reached when killed: {dict(reached)}; editions {len(messages)}")
    assert files == Counter(message.message_id for message in messages)
    assert reached["finished"] < KILLS / 2  # or the kills would have proved nothing


def _environment(data_dir: Path) -> dict[str, str]:
    return {**os.environ, "DIGEST_DATA_DIR": str(data_dir), "DIGEST_ENCODER": "hashing", "DIGEST_SOURCES": ""}


def _run_with_kills(database: Database, environment: dict[str, str]) -> Counter[str]:
    """Kill ten runs, each further on in the work, and let an eleventh finish; says which stage each had reached."""
    chance = random.Random(20260506)
    marks = sorted(chance.randrange(PAPERS + 3 * SUBSCRIBERS) for _ in range(KILLS))
    reached = Counter(_kill(mark, database, environment) for mark in marks)
    last = subprocess.run([*COMMAND, "run"], env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert last.returncode == 0, last.stderr
    return reached


def _kill(mark: int, database: Database, environment: dict[str, str]) -> str:
    """Kill a run as soon as `mark` steps are done in all, wherever it is then."""
    output = subprocess.DEVNULL
    process = subprocess.Popen([*COMMAND, "run"], env=environment, stdout=output, stderr=output)
    while process.poll() is None and sum(_count_done(database).values()) <= mark:
        time.sleep(0.005)
    if process.poll() is not None:
        return "finished"
    process.send_signal(signal.SIGKILL)
    process.wait()
    return next(stage for stage, done in _count_done(database).items() if done)


def _count_done(database: Database) -> dict[str, int]:
    """How many papers or editions each stage has done, the last stage first."""
    steps = {
        "deliver": select(func.count()).where(OutboxMessage.state == OutboxState.SENT),
        "compose": select(func.count()).select_from(OutboxMessage),
        "rank": select(func.count()).select_from(Edition),
        "embed": select(func.count()).select_from(PaperVector),
    }
    with database.session(write=False) as session:
        return {stage: session.exec(query).one() for stage, query in steps.items()}


def _check_all_sent(database: Database) -> list[OutboxMessage]:
    with database.session(write=False) as session:
        editions = session.exec(select(Edition)).all()
        messages = list(session.exec(select(OutboxMessage)))
    database.dispose()
    assert len({edition.subscriber_id for edition in editions}) == len(editions) == SUBSCRIBERS
    assert {message.edition_id for message in messages} == {edition.id for edition in editions}
    assert {message.state for message in messages} == {OutboxState.SENT}
    return messages
