"""The scaled form as it is run: worker and beat processes on a real Redis and a real database."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from real_servers import Postgres, Redis, wait_until
from sqlalchemy import func
from sqlmodel import col, select

from digest.db import Database
from digest.tables import Batch

SECRET = "0123456789abcdef0123456789abcdef"


class Fleet:
    """Processes of one installation. `environment` is what they all run with; what is left is killed at the end."""

    def __init__(self, folder: Path, database: Database, redis: Redis, **settings: Any) -> None:
        self.folder, self.database, self.redis = folder, database, redis
        self.postgres: Postgres | None = None
        given = {
            "data_dir": folder,
            "database_url": database.url,
            "broker_url": redis.url,
            "secret_key": SECRET,
            "encoder": "hashing",
            "sources": "",
            "mail_from": "Paper Digest <digest@papers.example>",
            "lease_seconds": 4,
            "log_level": "WARNING",
        } | settings
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        self.environment: Mapping[str, str] = plain | {
            f"DIGEST_{name.upper()}": str(value) for name, value in given.items()
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self._logs = count()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `digest` with `arguments`, in a process group of its own."""
        with (self.folder / f"{arguments[0]}-{next(self._logs)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "digest", *arguments],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def wait_for_workers(self, count: int) -> None:
        """Until so many workers say that they are ready."""

        def ready() -> bool:
            from celery import Celery

            with Celery(broker=self.redis.url, set_as_current=False) as asker:
                return len(asker.control.ping(timeout=1.0)) >= count

        wait_until(ready, f"{count} workers are ready", 180)

    def cpu_seconds(self) -> float:
        """What all processes have used, those that they forked included."""
        ticks = 0
        for process in self.processes:
            found = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False)
            for number in found.stdout.split():
                fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def tick(self, moment: datetime) -> None:
        """Send what beat would send, for a moment of the test's choice."""
        from celery import Celery

        with Celery(broker=self.redis.url, set_as_current=False) as sender:
            sender.send_task("digest.tick", (moment.isoformat(),), queue="tick", ignore_result=True, expires=60)

    def open_batches(self) -> int:
        query = select(func.count(col(Batch.id))).where(col(Batch.finished_at).is_(None))
        with self.database.session(write=False) as session:
            return session.exec(query).one()

    def run(self, moment: datetime, done: Any, patience: float = 600.0) -> datetime:
        """Tick a minute a time from `moment` on until `done()`; returns the last moment."""
        last = [moment]

        def ticked() -> bool:
            if done():
                return True
            self.tick(last[0])
            last[0] += timedelta(minutes=1)
            return wait_briefly(done)

        wait_until(ticked, "the work is done", patience)
        return last[0]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9 of a worker and of the processes it forked."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.processes.remove(process)

    def kill_a_child(self, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
        """kill -9 of one of the processes that a worker forked."""
        found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
        children = [int(number) for number in found.stdout.split()]
        if children:
            os.kill(chance.choice(children), signal.SIGKILL)
        return bool(children)

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in list(self.processes):
            if process.poll() is None:
                self.kill(process)
        if error is not None:
            print(self.logs())


def wait_briefly(done: Any) -> bool:
    """True when `done()` within a second."""
    try:
        wait_until(done, "", 1.0)
    except TimeoutError:
        return False
    return True
