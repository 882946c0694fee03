"""A store with papers on five topics, its readers, and looks at what became of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from factories import TOPICS, make_profile, make_record, make_subscriber
from sqlmodel import SQLModel, select

from digest.mail.transports import Envelope, MemoryTransport
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.tables import Subscriber
from digest.workshop import Workshop

HOUR = timedelta(hours=1)


class ListSource:
    """Delivers what a test gives it, and then fails if told so; remembers what it was asked."""

    def __init__(
        self, records: Sequence[PaperRecord | Refusal] = (), error: Exception | None = None, name: str = "lists"
    ) -> None:
        self.records, self.error, self.name = records, error, name
        self.asked: list[tuple[datetime, datetime]] = []

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:
        self.asked.append((since, until))
        yield from self.records
        if self.error is not None:
            raise self.error


def bring(shop: Workshop, now: datetime, error: Exception | None = None) -> ListSource:
    """A source of six new papers on each topic; those on galaxies have many votes."""
    votes = (SignalRecord("votes", now - HOUR, 200),)
    source = ListSource(
        [
            make_record(topic, announced_at=now - 30 * HOUR, signals=votes if topic == "galaxy" else ())
            for topic in TOPICS
            for _ in range(6)
        ],
        error,
    )
    shop.sources = [source]
    return source


def add_reader(shop: Workshop, now: datetime, *topics: str) -> Subscriber:
    with shop.database.session() as session:
        subscriber = make_subscriber(session, now)
        for topic in topics:
            make_profile(session, subscriber, topic)
    return subscriber


def sent(shop: Workshop) -> list[Envelope]:
    assert isinstance(shop.transport, MemoryTransport)
    return shop.transport.sent


def rows(shop: Workshop, table: type[SQLModel]) -> list[dict[str, object]]:
    """What a table holds, by its key: PostgreSQL names no order of its own, and moves what is written again."""
    with shop.database.session(write=False) as session:
        return [row.model_dump() for row in session.exec(select(table).order_by(*table.__table__.primary_key))]  # type: ignore[attr-defined]


def everything(shop: Workshop) -> list[str]:
    """The whole content of the database, but the records of runs."""
    with shop.database.session(write=False) as session:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "run"]
        return [
            f"{table.name} {row!r}"
            for table in tables
            for row in session.connection().execute(table.select().order_by(*table.primary_key))
        ]
