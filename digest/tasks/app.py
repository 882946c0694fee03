"""The Celery application: its two tasks, the queues, and how long a batch may take in each.

    tick    plans, every minute; cheap
    ingest  waits on the sources
    embed   one process, which owns the GPU
    rank    computes
    mail    composes and waits on the mail server

A task carries a number, as JSON, and returns nothing: the database knows the rest. It is acknowledged when it is done,
so a message whose worker died comes back; when that is late, or never, the next tick wakes another (digest.dispatch).
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from digest.errors import ConfigurationError
from digest.settings import load

TIME_LIMITS = {"tick": 300, "ingest": 3_600, "embed": 1_800, "rank": 900, "mail": 3_600}  # seconds a batch may take
EVERY = 60  # seconds between two ticks
MARGIN = 600


def _configure() -> dict[str, Any]:
    """Read when Celery first needs it, so that importing this module reads no settings."""
    settings = load()
    if not settings.broker_url:
        raise ConfigurationError("DIGEST_BROKER_URL is not set: workers need a Redis; without one use `digest up`.")
    return {
        "broker_url": settings.broker_url,
        "broker_transport_options": {
            "visibility_timeout": max(TIME_LIMITS.values()) + MARGIN,
            "unacked_restore_throttle": 1,  # or what a dead worker had comes back minutes late
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in TIME_LIMITS],
        "task_default_queue": "tick",
        "task_create_missing_queues": False,
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5},
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "beat_scheduler": "celery.beat:Scheduler",  # keeps no file: the database knows when it ticked last
        "beat_schedule": {"tick": {"task": "digest.tick", "schedule": EVERY, "options": {"expires": EVERY}}},
        "timezone": "UTC",
    }


app = Celery("digest", include=["digest.tasks.stages"])
app.add_defaults(_configure)
