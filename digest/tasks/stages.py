"""The two tasks. Both ask the database what there is to do and wake whom it names.

Neither raises when a server is gone: the next tick finds what was left, whatever it was.
"""

import mmap
import os
import threading
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from celery.signals import worker_shutting_down
from kombu.exceptions import OperationalError

from digest import dispatch, log
from digest.clock import utc_now
from digest.dispatch import WakeUp
from digest.errors import TransientError
from digest.settings import load
from digest.tasks.app import TIME_LIMITS, app
from digest.workshop import Workshop

CONNECTIONS = 2  # to the database: one works, one moves the lease on


TOLD_TO_STOP = mmap.mmap(-1, 1)  # a byte that the worker shares with the processes that it forks


class SharedEvent(threading.Event):
    """Set for all processes of a worker at once."""

    def is_set(self) -> bool:
        return TOLD_TO_STOP[0] != 0


@worker_shutting_down.connect
def stop(**_: object) -> None:
    """Let the processes finish the mails that are under way, and hand the others back."""
    TOLD_TO_STOP[0] = 1


@app.task(name="digest.tick")
def tick(moment: str | None = None) -> None:
    """Plan what is missing at `moment` (ISO 8601), by default the present minute."""
    now = datetime.fromisoformat(moment) if moment else utc_now().replace(second=0, microsecond=0)
    wake_after(lambda: dispatch.tick(open_shop(), now))


@app.task(name="digest.run_batch")
def run_batch(number: int) -> None:
    """Do one batch, and wake the workers for what comes after it."""
    wake_after(lambda: dispatch.work(open_shop(), number))


def wake_after(work: Callable[[], list[WakeUp]]) -> None:
    """Do `work` and send the wake-ups that it returns, each to the queue of its stage."""
    try:
        wake_ups = work()
        with app.producer_or_acquire() as producer:
            for one in wake_ups:
                limit = TIME_LIMITS[one.queue]
                run_batch.apply_async((one.batch,), queue=one.queue, time_limit=limit, producer=producer)
    except (TransientError, OperationalError) as error:
        log.get_logger().warning("left_for_the_next_tick", why=str(error))


def open_shop() -> Workshop:
    """This process's workshop. Workers fork, and neither connections nor an owner's name may be shared."""
    return _open_shop(os.getpid())


@lru_cache(maxsize=1)
def _open_shop(_process: int) -> Workshop:
    settings = load()
    log.configure(settings.log_level, settings.log_format)
    shop = Workshop(settings, scaled=True, connections=CONNECTIONS)
    shop.stopping = SharedEvent()
    return shop
