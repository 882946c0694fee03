"""Rows that say how an installation is doing, good or bad, and a look at what is made of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from factories import make_subscriber
from scenes import HOUR
from sqlalchemy import event

from digest.advice import Advice, advise
from digest.health import measure
from digest.tables import Batch, OutboxMessage, OutboxState, Run
from digest.workshop import Workshop


def add(shop: Workshop, *rows: Any) -> None:
    with shop.database.session() as session:
        session.add_all(rows)


def ran(stage: str, moment: datetime, **report: Any) -> Run:
    ok = not report.get("failed") and not report.get("stopped")
    return Run(stage=stage, moment=moment, started_at=moment, finished_at=moment, ok=ok, report=report)


def polled(moment: datetime, *, error: str = "", **counts: int) -> Run:
    report = {"received": 9, "new": 0, "refused": 0, "error": error} | counts
    return Run(stage="ingest", source="lists", moment=moment, started_at=moment, ok=not error, report=report)


def waiting(stage: str, moment: datetime, count: int = 3, **fields: Any) -> Batch:
    return Batch(stage=stage, moment=moment, ids=list(range(count)), woken_at=moment, **fields)


def add_mail(shop: Workshop, state: OutboxState, created: datetime) -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, created, next_edition_at=None)
        fields = {"envelope_from": "a@b.example", "recipient": who.email, "message_id": f"<{who.id}@b>"}
        dates = {"next_at": created, "created_at": created}
        session.add(OutboxMessage(subscriber_id=who.id, content=b"", state=state, **fields, **dates))


def troubles(shop: Workshop, now: datetime) -> list[Advice]:
    """What is amiss in a shop that is well but for what the test did."""
    return advise(measure(shop, now))[:-1]


def well(now: datetime) -> Run:
    return polled(now - HOUR, new=2)


@contextmanager
def counted(shop: Workshop) -> Iterator[list[str]]:
    said: list[str] = []

    def keep(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(shop.database.engine, "before_cursor_execute", keep)
    yield said
    event.remove(shop.database.engine, "before_cursor_execute", keep)
