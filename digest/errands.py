"""Errands: what a face sets going for one person at once, in a thread, so that nobody has to wait for the tick.

Nothing depends on them: whatever an errand leaves undone, because it failed or the process died, the next run finds.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlmodel import Session

from digest import questions
from digest.clock import utc_now
from digest.errors import DigestError
from digest.log import get_logger
from digest.mail import delivery, outbox
from digest.pipeline import no_progress, run_stage, stages
from digest.workshop import Workshop

FIRST_EDITION = ("embed_profiles", "rank", "compose")
# Each has a thread, so that no letter waits for somebody's edition to be ranked.
KINDS = ("letters", "edition", "warm-up")


class Errands:
    """Runs errands. It claims mail under a name of its own, so that no run takes it for left behind."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._owner = f"web@{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._threads = {kind: ThreadPoolExecutor(1, thread_name_prefix=kind) for kind in KINDS}
        self._open: set[Future[None]] = set()
        self._warming: Future[None] | None = None
        self._closed = False
        self._one_sender = threading.Lock()

    def send_letters(self) -> None:
        """Deliver the letters that wait: somebody looks into their inbox for each of them."""
        self._start("letters", lambda: self._deliver(outbox.plan_letters))

    def make_edition(self, subscriber_id: int) -> None:
        """Rank, write and deliver somebody's edition if it is due."""
        self._start("edition", lambda: self._make(subscriber_id))

    def warm_up(self) -> None:
        """Load what the first search would have to wait for."""
        self._warming = self._start("warm-up", lambda: questions.warm_up(self._shop, utc_now()))

    def is_warm(self, patience: float) -> bool:
        """Whether searches need not wait any more, within `patience` seconds; always when nobody began to warm up."""
        return self._warming is None or not wait([self._warming], patience).not_done

    def wait(self) -> None:
        """Until nothing is under way."""
        while self._open:
            wait(set(self._open))

    def close(self) -> None:
        """End what is under way; what has not begun, or is asked for later, is left to the next run."""
        self._closed = True
        for thread in self._threads.values():
            thread.shutdown(wait=True, cancel_futures=True)

    def _start(self, kind: str, errand: Callable[[], None]) -> Future[None] | None:
        if self._closed:
            return None
        future = self._threads[kind].submit(errand)
        self._open.add(future)
        future.add_done_callback(partial(self._end, kind))
        return future

    def _end(self, kind: str, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, DigestError):
            get_logger().warning("errand_postponed", errand=kind, why=type(error).__name__)
        elif error is not None:
            get_logger().error("errand_failed", errand=kind, why=type(error).__name__)
        self._open.discard(future)

    def _make(self, subscriber_id: int) -> None:
        now = utc_now()
        for stage in stages(self._shop, subscriber_id):
            if stage.name in FIRST_EDITION:
                run_stage(self._shop, stage, now, no_progress)
        self._deliver(lambda session, now: outbox.plan(session, now, self._shop.rules, subscriber_id))

    def _deliver(self, plan: Callable[[Session, datetime], list[int]]) -> None:
        now, shop = utc_now(), self._shop
        with shop.database.session(write=False) as session:
            ids = plan(session, now)
        if ids:
            with self._one_sender:
                counts = delivery.deliver(replace(shop.courier, owner=self._owner), now, ids)
            get_logger().info("errand_delivered", **counts)
