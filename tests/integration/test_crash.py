"""The sender is killed in the middle of its work, again and again: nothing is lost, and hardly anything doubled.

A crash may double what had been handed over and not yet been written down: one message per open connection, under the
same Message-ID. SIGTERM doubles nothing, and neither do two senders on one outbox. DIGEST_TEST_CRASH_MAILS says over
how many recipients (3,000), DIGEST_TEST_CRASH_KILLS how many kills (15).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleet import Fleet
from real_servers import Redis, find_redis
from sqlalchemy import insert
from sqlmodel import func, select

from digest.composing.messages import Sender
from digest.db import Database
from digest.mail import outbox
from digest.settings import Settings
from digest.tables import Edition, OutboxMessage, OutboxState, Subscriber, SubscriberStatus

MAILS = int(os.environ.get("DIGEST_TEST_CRASH_MAILS", "3000"))
KILLS = int(os.environ.get("DIGEST_TEST_CRASH_KILLS", "15"))
CONNECTIONS = 4
RUN = [sys.executable, "-m", "digest", "run"]
WORKER = [sys.executable, "-c", "import sender; sender.main()"]
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
TESTS = Path(__file__).parent.parent
BODY = b"Subject: Papers\r\nMessage-ID: %s\r\n\r\n" + b"A paper that matters to you.\r\n" * 800


class Post:
    """A full outbox, the relay that it goes to, and processes that send."""

    def __init__(self, settings: Settings, folder: Path, port: int) -> None:
        self.database = Database(settings.database)
        self._log = folder / "accepted"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")},
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "DIGEST_DATA_DIR": str(folder),
            "DIGEST_DATABASE_URL": settings.database,
            "DIGEST_ENCODER": "hashing",
            "DIGEST_SOURCES": "",
            "DIGEST_TRANSPORT": "smtp",
            "DIGEST_SMTP_HOST": "127.0.0.1",
            "DIGEST_SMTP_PORT": str(port),
            "DIGEST_SMTP_CONNECTIONS": str(CONNECTIONS),
            "DIGEST_BASE_URL": "https://papers.example",
        }

    def fill(self, count: int) -> None:
        now = datetime.now(UTC)
        blank = {"name": "", "zone": "UTC", "hour": 7, "weekdays": [], "papers_per_edition": 10, "link_key": "k"}
        people = {**blank, "status": SubscriberStatus.ACTIVE, "created_at": now}
        edition = {"edition_date": now.date(), "encoder": "", "considered": 1, "failed_sources": [], "created_at": now}
        with self.database.session() as session:
            rows = [people | {"email": f"reader{number}@example.org"} for number in range(count)]
            ids = session.scalars(insert(Subscriber).returning(Subscriber.id), rows).all()  # type: ignore[call-overload]
            session.execute(insert(Edition), [edition | {"subscriber_id": who} for who in ids])
            outbox.promise(session, SENDER, ids, now)
            for row in session.exec(select(OutboxMessage)):
                outbox.fill(SENDER, row, BODY % row.message_id.encode())

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)

    def accepted(self) -> Counter[str]:
        """How often the relay has accepted each message, by Message-ID and recipient."""
        return Counter(self._log.read_text().splitlines()) if self._log.exists() else Counter()

    def wait_for_more(self, sender: subprocess.Popen[bytes], count: int) -> None:
        """Until the relay has accepted `count` more messages, or the sender is done."""
        wanted = self.accepted().total() + count
        while sender.poll() is None and self.accepted().total() < wanted:
            time.sleep(0.002)

    def states(self) -> Counter[OutboxState]:
        """How many messages are in each state."""
        with self.database.session(write=False) as session:
            found = session.exec(select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)).all()
        return Counter(dict(found))

    def judge(self, kills: int) -> int:
        """Nothing is lost; returns how many copies there are."""
        with self.database.session(write=False) as session:
            promised = {f"{row.message_id} <{row.recipient}>" for row in session.exec(select(OutboxMessage))}
        accepted = self.accepted()
        copies = accepted.total() - len(accepted)
        print(f"{len(promised)} mails, {kills} ends: lost {len(promised - set(accepted))}, doubled {copies}")
        assert self.states() == {OutboxState.SENT: len(promised)}
        assert set(accepted) == promised
        return copies


@pytest.fixture
def post(settings: Settings, tmp_path: Path) -> Iterator[Post]:
    with relay(tmp_path) as port:
        made = Post(settings, tmp_path, port)
        yield made
        made.database.dispose()


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with find_redis() as server:
        yield server


@contextmanager
def relay(folder: Path) -> Iterator[int]:
    server = subprocess.Popen(
        [sys.executable, str(TESTS / "sinks.py"), str(folder), "--slow", "0.004"], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def interrupt(post: Post, ends: int, end: Callable[[subprocess.Popen[bytes]], None]) -> int:
    """Run the sender until all is sent, ended that many times on the way; returns how often it was at work then."""
    chance, struck, share = random.Random(4), 0, post.states().total() // ends
    for _ in range(ends):
        sender = post.start(RUN)
        post.wait_for_more(sender, chance.randint(1, max(share * 2 // 3, 2)))
        time.sleep(chance.uniform(0, 0.01))
        struck += sender.poll() is None
        end(sender)
        sender.wait(timeout=300)
    assert post.start(RUN).wait(timeout=300) == 0
    return struck


def test_kills_lose_nothing_and_double_one_message_a_connection_at_most(post: Post) -> None:
    on_sqlite = post.database.url.startswith("sqlite")
    kills = KILLS if on_sqlite else max(KILLS // 5, 1)
    post.fill(MAILS if on_sqlite else MAILS // 5)
    struck = interrupt(post, kills, lambda sender: sender.send_signal(signal.SIGKILL))
    assert struck >= kills * 2 / 3  # or the kills would have proved nothing
    assert post.judge(kills) <= CONNECTIONS * struck


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_polite_end_doubles_nothing(post: Post) -> None:
    post.fill(MAILS // 3)
    struck = interrupt(post, 3, lambda sender: sender.send_signal(signal.SIGTERM))
    assert struck >= 2
    assert post.judge(3) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_celery_worker_told_to_stop_hands_back_what_it_has_not_begun(
    settings: Settings, tmp_path: Path, redis: Redis
) -> None:
    with relay(tmp_path) as port:
        post = Post(settings, tmp_path, port)
        post.fill(MAILS // 3)
        mail = {"transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_connections": CONNECTIONS}
        with Fleet(tmp_path, post.database, redis, **mail) as fleet:
            planner = fleet.start("worker", "--queues", "tick,ingest,embed,rank", "--concurrency", "1")
            now = datetime.now(UTC)
            for number in range(2):
                sender = fleet.start("worker", "--queues", "mail", "--concurrency", "2")
                fleet.wait_for_workers(2)
                fleet.tick(now + number * timedelta(minutes=1))
                post.wait_for_more(sender, 40)
                sender.send_signal(signal.SIGTERM)
                assert sender.wait(timeout=300) == 0
                assert post.states()[OutboxState.SENDING] == 0
                assert post.states()[OutboxState.PLANNED] > 0
            fleet.start("worker", "--queues", "mail", "--concurrency", "2")
            fleet.run(now + timedelta(minutes=9), lambda: set(post.states()) == {OutboxState.SENT})
            assert planner.poll() is None
        assert post.judge(2) == 0
        post.database.dispose()


def test_two_senders_on_one_outbox_double_nothing(post: Post) -> None:
    post.fill(MAILS // 3)
    senders = [post.start(WORKER) for _ in range(2)]
    assert [sender.wait(timeout=300) for sender in senders] == [0, 0]
    assert post.judge(0) == 0
