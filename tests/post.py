"""An outbox with promised messages, the mail server that they go to, and what servers may answer."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from factories import make_subscriber
from smtp_sink import SmtpSink
from sqlalchemy import event
from sqlmodel import select

from digest import pipeline
from digest.composing.messages import Sender
from digest.db import Database
from digest.mail import delivery, outbox
from digest.mail.pacing import Rules
from digest.mail.smtp import Relay, SmtpTransport
from digest.mail.transports import Envelope, MemoryTransport, Settle, Transport
from digest.tables import Edition, OutboxMessage, OutboxState
from digest.workshop import Workshop

SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
RULES = Rules()
US, OTHER = "embedded@here", "embedded@there"
BUSY, UNKNOWN, UNWELCOME = "451 4.7.1 Try later", "550 5.1.1 No such user", "550 5.7.1 Looks like spam"


class Post:
    """An outbox in a database, the mail server that it goes to, and the moment of the run."""

    def __init__(self, shop: Workshop, sink: SmtpSink, now: datetime) -> None:
        self.shop, self.sink, self.now = shop, sink, now
        self.database = shop.database

    def promise(self, count: int = 1, *, whole: bool = False) -> list[int]:
        """Promise messages to as many new subscribers; returns the messages' ids. `whole` ones have a Message-ID."""
        with self.database.session() as session:
            for _ in range(count):
                who = make_subscriber(session, self.now)
                edition = Edition(subscriber_id=who.id, edition_date=self.now.date(), created_at=self.now)
                session.add(edition)
                session.flush()
                outbox.promise(session, SENDER, [who.id], self.now)
                row = session.exec(select(OutboxMessage).where(OutboxMessage.edition_id == edition.id)).one()
                head = f"Message-ID: {row.message_id}\r\n".encode() if whole else b""
                outbox.fill(SENDER, row, head + mail_for(who.email))
        return [row.id for row in self.rows()][-count:]

    def smtp(self, connections: int = 1) -> SmtpTransport:
        return SmtpTransport(Relay("127.0.0.1", self.sink.port, connections=connections))

    def deliver(self, ids: Sequence[int], moment: datetime | None = None, rules: Rules = RULES) -> Counter[str]:
        return delivery.deliver(self.courier(self.smtp(), rules), moment or self.now, ids)

    def send(self, transport: Transport, ids: Sequence[int], moment: datetime | None = None) -> Counter[str]:
        return delivery.deliver(self.courier(transport), moment or self.now, ids)

    def courier(self, transport: Transport, rules: Rules = RULES) -> delivery.Courier:
        return delivery.Courier(self.database, transport, US, rules)

    def run_stage(self, transport: Transport | None = None) -> pipeline.StageReport:
        """What the pipeline makes of it."""
        self.shop.__dict__["transport"] = transport or self.smtp()
        stage = next(stage for stage in pipeline.stages(self.shop) if stage.name == "deliver")
        return pipeline.run_stage(self.shop, stage, self.now, pipeline.no_progress)

    def rows(self) -> list[OutboxMessage]:
        with self.database.session(write=False) as session:
            return list(session.exec(select(OutboxMessage).order_by(OutboxMessage.id)))

    def states(self) -> list[OutboxState]:
        return [row.state for row in self.rows()]

    def plan(self, moment: datetime) -> list[int]:
        with self.database.session(write=False) as session:
            return outbox.plan(session, moment, RULES)

    def change_all(self, **fields: object) -> None:
        for row in self.rows():
            self.change(row.id, **fields)

    def change(self, message: int, **fields: object) -> None:
        with self.database.session() as session:
            row = session.get_one(OutboxMessage, message)
            for name, value in fields.items():
                setattr(row, name, value)


def mail_for(recipient: str) -> bytes:
    return f"Subject: for {recipient}\r\n\r\nHello.\r\n".encode()


def refuse(words: str, number: int = 1) -> Callable[[str, str], str | None]:
    """A server that answers the message with this number (from one) with `words`, and accepts the others."""
    seen: list[str] = []

    def reply(stage: str, recipient: str) -> str | None:
        seen.extend([recipient] if stage == "RCPT" else [])
        return words if stage == "RCPT" and len(seen) == number else None

    return reply


def later(**span: int) -> datetime:
    """From the real now: leases are about processes, not about the moment of a run."""
    return datetime.now(UTC) + timedelta(**span)


class LockingTransport(MemoryTransport):
    """Somebody else takes the database's lock as soon as a message is out, until the context ends."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __enter__(self) -> Self:
        self._other = sqlite3.connect(self._path, isolation_level=None)
        return self

    def __exit__(self, *error: object) -> None:
        self._other.close()

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        def lock() -> Iterator[Envelope]:
            for envelope in envelopes:
                self._other.execute("BEGIN IMMEDIATE")
                yield envelope

        super().send_all(lock(), settle)


def count_queries(database: Database, work: Callable[[], object]) -> int:
    statements: list[str] = []

    def listen(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", listen)
    work()
    event.remove(database.engine, "before_cursor_execute", listen)
    return len(statements)
