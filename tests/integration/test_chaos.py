"""Three days of two thousand subscribers while everything falls over: nothing is lost, and copies stay in the window.

Real Redis, PostgreSQL, SMTP server and workers. The days are simulated (a tick carries its moment), the faults real.
"""

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from fleet import Fleet
from real_servers import Redis, find_postgres, find_redis
from smtp_sink import DROP, SmtpSink
from sqlmodel import col, func, select

from digest.db import Database
from digest.tables import Edition, OutboxMessage, OutboxState, Subscriber

SUBSCRIBERS, DAYS, PAPERS_A_DAY = 2_000, 3, 40
HOURS = (6, 7)  # when editions are due
FIRST_DAY = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FAULTS = 8  # in one hour's work
PATIENCE = 240.0
"""Real seconds in which the work must get on, faults included."""

pytestmark = pytest.mark.slow


@dataclass
class Chaos:
    """Does harm, one fault after the other, and counts what it did. `drops` is asked by the SMTP server."""

    fleet: Fleet
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    dropping: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def staff(self) -> None:
        """Start the workers that are not there, as a supervisor does: one that loses Redis as it starts may end."""
        for queues, processes in (("tick,ingest,embed", 1), ("rank", 1), ("mail", 2), ("tick,rank,mail", 2)):
            if queues not in self.workers or self.workers[queues].poll() is not None:
                self.workers[queues] = self.fleet.start("worker", "--queues", queues, "--concurrency", str(processes))

    def strike(self) -> None:
        """One fault of the day's list."""
        fault = self.chance.choice(
            [
                self.kill_worker,
                self.kill_worker,
                self.kill_child,
                self.flush_redis,
                self.restart_redis,
                self.restart_postgres,
                self.drop_mail,
            ]
        )
        fault()
        self.faults[fault.__name__] += 1

    def kill_worker(self) -> None:
        queues = self.chance.choice(sorted(self.workers))
        self.fleet.kill(self.workers.pop(queues))
        self.staff()

    def kill_child(self) -> None:
        self.fleet.kill_a_child(self.workers[self.chance.choice(sorted(self.workers))], self.chance)

    def flush_redis(self) -> None:
        self.fleet.redis.flush()

    def restart_redis(self) -> None:
        self.fleet.redis.stop(signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 1))
        self.fleet.redis.start()

    def restart_postgres(self) -> None:
        self.fleet.postgres.stop(signal.SIGINT)  # type: ignore[union-attr]
        time.sleep(self.chance.uniform(0, 1))
        self.fleet.postgres.start()  # type: ignore[union-attr]

    def drop_mail(self) -> None:
        self.dropping = True
        time.sleep(self.chance.uniform(0.2, 1))
        self.dropping = False


@pytest.fixture
def redis() -> Iterator[Redis]:
    with find_redis(own=True) as server:
        yield server


def add_papers(database: Database, moment: datetime, day: int) -> None:
    topics = list(TOPICS)
    with database.session() as session:
        for number in range(PAPERS_A_DAY):
            topic = topics[number % 5]
            make_paper(session, moment, topic, title=f"{topic.title()} on day {day}, number {number}")


def add_subscribers(database: Database) -> None:
    topics = list(TOPICS)
    with database.session() as session:
        for number in range(SUBSCRIBERS):
            hour = HOURS[number % len(HOURS)]
            due = FIRST_DAY + timedelta(hours=hour)
            who = make_subscriber(session, FIRST_DAY, hour=hour, next_edition_at=due, papers_per_edition=3)
            make_profile(session, who, topics[number % 5])


def count_left(database: Database, moment: datetime) -> int:
    """How many are due at `moment`, or have an edition that waits to be composed or sent."""
    waiting = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.DEFERRED)
    with database.session(write=False) as session:
        due = session.exec(select(func.count(col(Subscriber.id))).where(Subscriber.next_edition_at <= moment)).one()
        mails = session.exec(
            select(func.count(col(OutboxMessage.id))).where(col(OutboxMessage.state).in_(waiting))
        ).one()
    return due + mails


def live_through(chaos: Chaos, database: Database, moment: datetime) -> None:
    """Tick every simulated minute, about one a real second, until nothing is left; faults strike on the way.

    On a slow machine the next hour comes before this one is done, and finds nothing left to do.
    """
    last = count_left(database, moment)
    marks = sorted(chaos.chance.sample(range(1, last), FAULTS)) if last > FAULTS else []  # what is left at a strike
    deadline, next_tick = time.monotonic() + PATIENCE, 0.0
    while time.monotonic() < deadline:
        time.sleep(0.02)
        try:
            left = count_left(database, moment)
            if left == 0:
                return
            if time.monotonic() > next_tick:
                chaos.staff()
                chaos.fleet.tick(moment)
                moment, next_tick = moment + MINUTE, time.monotonic() + 1
        except Exception as error:  # noqa: BLE001 - whatever we restarted is not back yet
            print("the test itself was cut off:", type(error).__name__)
            continue
        if left != last:
            last, deadline = left, time.monotonic() + PATIENCE
        if marks and left <= marks[-1]:
            marks.pop()
            chaos.strike()
    raise TimeoutError(f"nothing moved for {PATIENCE:.0f} s, at {moment}: {describe(database)}")


def describe(database: Database) -> dict[str, int]:
    with database.session(write=False) as session:
        found = session.exec(
            select(OutboxMessage.state, func.count(col(OutboxMessage.id))).group_by(col(OutboxMessage.state))
        )
        return {str(state): count for state, count in found.all()}


def test_three_days_under_fire(redis: Redis, tmp_path: Path) -> None:
    with find_postgres(own=True) as postgres, Database(postgres.url("chaos")) as database:
        postgres.execute("CREATE DATABASE chaos")
        database.upgrade()
        add_subscribers(database)
        chaos: list[Chaos] = []

        def reply(_stage: str, _recipient: str) -> str | None:
            return DROP if chaos and chaos[0].dropping else None

        with SmtpSink(reply) as sink:
            mail = {"transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": sink.port}
            with Fleet(tmp_path, database, redis, **mail) as fleet:
                fleet.postgres = postgres
                chaos.append(Chaos(fleet, seed=7))
                chaos[0].staff()
                for day in range(DAYS):
                    today = FIRST_DAY + timedelta(days=day)
                    add_papers(database, today + timedelta(hours=5), day)
                    if day != 1:
                        live_through(chaos[0], database, today + timedelta(hours=HOURS[0]))
                    else:
                        chaos[0].faults["beat stopped for an hour"] += 1  # both hours come due at once
                    live_through(chaos[0], database, today + timedelta(hours=HOURS[1]))
        judge(database, [message_from_bytes(content)["Message-ID"] for content in sink.contents], chaos[0])


def judge(database: Database, accepted: list[str], chaos: Chaos) -> None:
    with database.session(write=False) as session:
        editions = session.exec(select(func.count(col(Edition.id)))).one()
        promised = set(session.exec(select(OutboxMessage.message_id).where(OutboxMessage.state == OutboxState.SENT)))
    counted = Counter(accepted)
    lost, copies = len(promised - set(counted)), len(accepted) - len(counted)
    print(f"faults {dict(chaos.faults)}; editions {editions}, accepted {len(counted)}, lost = {lost}, copies {copies}")
    assert editions == len(promised) == len(counted) == SUBSCRIBERS * DAYS
    assert lost == 0
    # A copy needs a fault between an acceptance and its record: one message per connection, of which there are four.
    assert copies <= 4 * sum(chaos.faults.values())
    assert sum(chaos.faults.values()) > FAULTS * DAYS / 2  # or the faults would have proved nothing
