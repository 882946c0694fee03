"""The Celery face: wake-ups between processes. `celery -A digest.tasks worker` and `digest worker` are the same."""

from digest.tasks.app import app

__all__ = ["app"]
