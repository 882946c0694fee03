"""Commands that stay: the all-in-one with its two halves, and worker and beat of the scaled form."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from digest.cli.shop import open_shop, refuse_scaled, stop_when_told

if TYPE_CHECKING:
    from types import FrameType

    from digest.workshop import Workshop

QUEUES = "tick,ingest,embed,rank,mail"
EVERY = 60  # seconds between two passes
BOUNCES_EVERY = 5  # passes between two looks into the bounce mailbox
LAST_ORDERS = 60  # seconds for the mails that are under way; what is cut off goes on with the next pass
CLOSING_TIME = 2  # seconds that open requests have
LONGEST_PAUSE = 60  # seconds before a scheduler that keeps dying is started again


@click.command()
def up() -> None:
    """Run everything in one process tree: scheduler, worker and web face. Needs no Redis.

    SIGTERM or Ctrl-C ends it after the mails that are under way; nothing is lost, the next start goes on.
    """
    shop = open_shop()
    refuse_scaled(shop, "up")
    with _listen(shop) as listener, _keep_running([sys.executable, "-m", "digest", "schedule"]):
        _serve(shop, listener)


@click.command()
def serve() -> None:
    """Serve the pages and the programming interface alone (`digest up` includes it)."""
    shop = open_shop()
    with _listen(shop) as listener:
        _serve(shop, listener)


@click.command()
def schedule() -> None:
    """Do what is due, every minute, without the web face (`digest up` is both)."""
    shop = open_shop()
    refuse_scaled(shop, "schedule")
    stop_when_told(shop)
    parent = os.getppid()
    for number in itertools.count():
        if shop.stopping.is_set() or os.getppid() != parent:
            break
        if number % BOUNCES_EVERY == 0:
            _read_bounces(shop)
        _run_once(shop)
        shop.stopping.wait(EVERY)


@click.command()
@click.option("--queues", default=QUEUES, show_default=True, help="Which queues to work on, comma-separated.")
@click.option("--concurrency", type=click.IntRange(1), help="Processes. Default: 1 where `embed` is, else one a core.")
def worker(queues: str, concurrency: int | None) -> None:
    """Work on batches as they come (scaled form; needs DIGEST_BROKER_URL)."""
    from digest.errors import InvalidRequest
    from digest.tasks.app import TIME_LIMITS, app

    names = [name.strip() for name in queues.split(",")]
    if unknown := sorted(set(names) - set(TIME_LIMITS)):
        raise InvalidRequest(f"There is no queue “{unknown[0]}”: choose from {QUEUES}.")
    shop = open_shop()  # brings the schema up to date before a batch needs it
    _require_broker(shop)
    shop.database.dispose()
    processes = concurrency or (1 if "embed" in names else os.cpu_count() or 1)
    level = f"--loglevel={shop.settings.log_level}"
    app.worker_main(["worker", f"--queues={','.join(names)}", f"--concurrency={processes}", level, "--without-mingle"])


@click.command()
def beat() -> None:
    """Send a tick every minute (scaled form). A second one does no harm."""
    from digest.tasks.app import app

    shop = open_shop()
    _require_broker(shop)
    shop.database.dispose()
    app.start(["beat", f"--loglevel={shop.settings.log_level}"])


def _require_broker(shop: Workshop) -> None:
    from digest.errors import ConfigurationError

    if not shop.settings.broker_url:
        raise ConfigurationError("DIGEST_BROKER_URL is not set: workers need a Redis; without one use `digest up`.")


def _run_once(shop: Workshop) -> None:
    """One pass; what is stopped, or cannot begin, is said in the log and tried again a minute later."""
    from digest import pipeline
    from digest.clock import utc_now
    from digest.errors import TransientError
    from digest.log import get_logger

    try:
        pipeline.run(shop, utc_now())
    except TransientError as error:
        get_logger().warning("run_postponed", why=str(error))


def _read_bounces(shop: Workshop) -> None:
    """Read the bounce mailbox, if there is one; when it cannot be read, the next time will do."""
    from digest import returns
    from digest.clock import utc_now
    from digest.errors import DigestError
    from digest.log import get_logger

    if not shop.settings.bounce_mailbox.get_secret_value():
        return
    try:
        returns.poll(shop, utc_now())
    except DigestError as error:
        get_logger().warning("bounces_not_read", why=str(error))


@contextmanager
def _listen(shop: Workshop) -> Iterator[socket.socket]:
    """A socket on the address of the settings, taken before anything else is started."""
    from digest.errors import ConfigurationError

    host, port = shop.settings.web_host, shop.settings.web_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on ({error.strerror}): set DIGEST_WEB_HOST and DIGEST_WEB_PORT."
        ) from error
    with listener:
        yield listener


def _serve(shop: Workshop, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    import uvicorn

    from digest.web.app import make_app

    config = uvicorn.Config(
        make_app(shop),
        log_level=shop.settings.log_level.lower(),
        timeout_graceful_shutdown=CLOSING_TIME,
        server_header=False,
        proxy_headers=False,
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _ignore)  # uvicorn raises the signal again once it has closed: we are not done then
    host, port = listener.getsockname()[:2]
    click.echo(f"digest listens on http://{f'[{host}]' if ':' in host else host}:{port}; stop it with Ctrl-C.")
    uvicorn.Server(config).run(sockets=[listener])


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Uvicorn has seen to it."""


@contextmanager
def _keep_running(command: list[str]) -> Iterator[None]:
    """A child process that is started again when it dies, and is told to stop at the end."""
    ending = threading.Event()
    children = [subprocess.Popen(command, start_new_session=True)]  # noqa: S603 - our own command
    watcher = threading.Thread(target=_watch, args=(command, children, ending), name="watcher")
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        children[-1].terminate()
        try:
            children[-1].wait(LAST_ORDERS)
        except subprocess.TimeoutExpired:
            children[-1].kill()
        watcher.join()


def _watch(command: list[str], children: list[subprocess.Popen[bytes]], ending: threading.Event) -> None:
    from digest.log import get_logger

    pause = 1
    while True:
        status = children[-1].wait()
        if ending.wait(pause):
            return
        get_logger().error("scheduler_died", status=status)
        pause = min(2 * pause, LONGEST_PAUSE)
        children.append(subprocess.Popen(command, start_new_session=True))  # noqa: S603 - our own command
        if ending.is_set():  # just now: nobody else knows this child
            children[-1].terminate()
