"""Every arrow of the outbox's diagram, with a real database and a real mail server."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Self

import pytest
from factories import make_subscriber
from smtp_sink import DROP, SmtpSink, accept
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from digest import pipeline
from digest.composing.messages import Message
from digest.db import Database
from digest.errors import Unreachable
from digest.mail import outbox, suppression
from digest.mail.transports import Envelope, MemoryTransport, Relay, SmtpTransport, Transport
from digest.subscribers import privacy
from digest.tables import Edition, OutboxMessage, OutboxState, SkipReason, Subscriber, SubscriberStatus
from digest.workshop import Workshop

SENDER = "digest@papers.example"
US, OTHER = "embedded@here", "embedded@there"
BUSY, UNKNOWN, UNWELCOME = "451 4.7.1 Try later", "550 5.1.1 No such user", "550 5.7.1 Looks like spam"


class Post:
    """An outbox in a database, the mail server that it goes to, and the moment of the run."""

    def __init__(self, shop: Workshop, sink: SmtpSink, now: datetime) -> None:
        self.shop, self.sink, self.now = shop, sink, now
        self.database = shop.database

    def promise(self, count: int = 1) -> list[int]:
        """Promise messages to as many new subscribers; returns the messages' ids."""
        with self.database.session() as session:
            for _ in range(count):
                who = make_subscriber(session, self.now)
                edition = Edition(subscriber_id=who.id, edition_date=self.now.date(), created_at=self.now)
                session.add(edition)
                session.flush()
                outbox.enqueue(session, edition, make_message(edition.id, who.email), mail_for(who.email), SENDER)
        return [row.id for row in self.rows()][-count:]

    def deliver(self, ids: Sequence[int], moment: datetime | None = None) -> Counter[str]:
        return self.send(SmtpTransport(Relay("127.0.0.1", self.sink.port)), ids, moment)

    def send(self, transport: Transport, ids: Sequence[int], moment: datetime | None = None) -> Counter[str]:
        return outbox.deliver(outbox.Courier(self.database, transport, US), moment or self.now, ids)

    def run_stage(self, transport: Transport | None = None) -> pipeline.StageReport:
        """What the pipeline makes of it."""
        self.shop.__dict__["transport"] = transport or SmtpTransport(Relay("127.0.0.1", self.sink.port))
        stage = next(stage for stage in pipeline.stages(self.shop) if stage.name == "deliver")
        return pipeline.run_stage(self.shop, stage, self.now, pipeline.no_progress)

    def rows(self) -> list[OutboxMessage]:
        with self.database.session(write=False) as session:
            return list(session.exec(select(OutboxMessage).order_by(OutboxMessage.id)))

    def states(self) -> list[OutboxState]:
        return [row.state for row in self.rows()]

    def plan(self, moment: datetime) -> list[int]:
        with self.database.session(write=False) as session:
            return outbox.plan(session, moment)

    def change(self, message: int, **fields: object) -> None:
        with self.database.session() as session:
            row = session.get_one(OutboxMessage, message)
            for name, value in fields.items():
                setattr(row, name, value)


def make_message(number: int, recipient: str) -> Message:
    moment = datetime(2026, 5, 6, tzinfo=UTC)
    return Message(Address(addr_spec=recipient), "s", "t", "h", moment, f"<{number}@papers.example>", {})


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

    def send(self, envelope: Envelope) -> str:
        self._other.execute("BEGIN IMMEDIATE")
        return super().send(envelope)


def count_queries(database: Database, work: Callable[[], object]) -> int:
    statements: list[str] = []

    def listen(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", listen)
    work()
    event.remove(database.engine, "before_cursor_execute", listen)
    return len(statements)


@pytest.fixture
def post(shop: Workshop, now: datetime) -> Iterator[Post]:
    with SmtpSink() as sink:
        yield Post(shop, sink, now)


# planned -> sending -> sent


def test_a_promised_message_is_sent_and_the_answer_kept(post: Post) -> None:
    ids = post.promise()
    assert post.plan(post.now) == ids
    assert post.deliver(ids) == {"sent": 1}
    (row,) = post.rows()
    assert (row.state, row.attempt, row.sent_at, row.owner, row.lease_until) == (
        OutboxState.SENT,
        1,
        post.now,
        None,
        None,
    )
    assert row.reply == "2.0.0 Kept as 1"
    assert [(m.sender, m.recipients) for m in post.sink.messages] == [(SENDER, [row.recipient])]
    assert post.sink.contents == [f"Subject: for {row.recipient}\r\n\r\nHello.\r\n".encode()]


def test_what_was_sent_is_never_planned_or_sent_again(post: Post) -> None:
    ids = post.promise(2)
    post.deliver(ids)
    assert post.plan(post.now + timedelta(days=30)) == []
    assert post.deliver(ids, post.now + timedelta(hours=1)) == {}
    assert len(post.sink.messages) == 2


def test_each_message_is_settled_before_the_next_is_sent(post: Post) -> None:
    ids, seen = post.promise(3), []
    post.sink.reply = lambda stage, _: seen.append(post.states()) if stage == "RCPT" else None
    post.deliver(ids)
    sent, sending = OutboxState.SENT, OutboxState.SENDING
    assert seen == [[sending, sending, sending], [sent, sending, sending], [sent, sent, sending]]


def test_an_edition_has_one_message_at_most(post: Post) -> None:
    post.promise()
    with post.database.session(write=False) as session:
        edition = session.exec(select(Edition)).one()
    with pytest.raises(IntegrityError), post.database.session() as session:
        outbox.enqueue(session, edition, make_message(99, "ada@example.org"), b"again", SENDER)


def test_a_plan_can_be_limited_to_one_subscriber(post: Post) -> None:
    first, second = post.promise(2)
    with post.database.session(write=False) as session:
        assert outbox.plan(session, post.now, session.get_one(OutboxMessage, second).subscriber_id) == [second]
    assert post.plan(post.now) == [first, second]


# sending -> deferred -> sent


def test_a_deferred_message_comes_back_after_its_pause_and_not_before(post: Post) -> None:
    post.sink.reply = refuse(BUSY)
    ids = post.promise(2)
    assert post.deliver(ids) == {"deferred": 1, "sent": 1}
    row = post.rows()[0]
    assert (row.state, row.attempt, row.reply, row.sent_at) == (OutboxState.DEFERRED, 1, BUSY, None)
    assert timedelta(minutes=4) <= row.next_at - post.now <= timedelta(minutes=6)
    assert post.plan(row.next_at - timedelta(seconds=1)) == []
    assert post.deliver(ids, row.next_at - timedelta(seconds=1)) == {}
    assert post.plan(row.next_at) == ids[:1]
    assert post.deliver(ids, row.next_at) == {"sent": 1}
    assert [row.attempt for row in post.rows()] == [2, 1]


def test_pauses_double_up_to_two_hours_and_differ_between_messages(post: Post) -> None:
    post.sink.reply = lambda _stage, _: BUSY
    post.promise(3)
    for minutes in (5, 10, 20, 40, 80, 120, 120):
        before = {row.id: row.next_at for row in post.rows()}
        moment = max(before.values())
        post.deliver(list(before), moment)
        pauses = {(row.next_at - moment) / timedelta(minutes=minutes) for row in post.rows()}
        assert all(0.8 <= pause <= 1.2 for pause in pauses)
        assert len(pauses) == 3


def test_a_refusal_for_later_leaves_the_address_alone(post: Post) -> None:
    post.sink.reply = refuse("450 4.1.1 Unknown for now")
    post.deliver(post.promise())
    with post.database.session(write=False) as session:
        assert suppression.suppressed(session, [row.recipient for row in post.rows()]) == set()


# sending -> planned: the relay is gone


@pytest.mark.parametrize("end", ["421 4.3.2 Going down", DROP])
def test_a_relay_that_goes_away_frees_the_rest_and_no_try_is_counted(post: Post, end: str) -> None:
    post.sink.reply = refuse(end, number=2)
    ids = post.promise(4)
    with pytest.raises(Unreachable):
        post.deliver(ids)
    planned = (OutboxState.PLANNED, 0, None, None)
    assert [(r.state, r.attempt, r.owner, r.lease_until) for r in post.rows()[1:]] == [planned] * 3
    assert post.plan(post.now) == ids[1:]
    assert post.deliver(ids) == {"sent": 3}
    assert [m.recipients for m in post.sink.messages] == [[row.recipient] for row in post.rows()]


def test_a_relay_that_is_not_there_costs_nothing(post: Post) -> None:
    ids = post.promise(3)
    with SmtpSink() as gone:
        port = gone.port
    with pytest.raises(Unreachable):
        post.send(SmtpTransport(Relay("127.0.0.1", port)), ids)
    assert [(row.state, row.attempt) for row in post.rows()] == [(OutboxState.PLANNED, 0)] * 3


# sending -> bounced


@pytest.mark.parametrize(
    ("words", "about_the_address"),
    [
        (UNKNOWN, True),
        ("550 5.1.10 Recipient address has null MX", True),
        ("553 5.1.3 Bad address", True),
        ("550 5.2.1 Mailbox disabled", True),
        (UNWELCOME, False),
        ("552 5.2.2 Over quota", False),
        ("550 No reason given", False),
        ("554 5.7.1 <ada@5.1.1.example>: blocked", False),
    ],
)
def test_only_a_refusal_about_the_address_suppresses_it(post: Post, words: str, about_the_address: bool) -> None:
    post.sink.reply = refuse(words)
    ids = post.promise()
    assert post.deliver(ids) == {"bounced": 1}
    (row,) = post.rows()
    assert (row.state, row.reply, row.attempt) == (OutboxState.BOUNCED, words, 1)
    assert post.plan(post.now + timedelta(days=30)) == []
    with post.database.session(write=False) as session:
        assert bool(suppression.suppressed(session, [row.recipient])) is about_the_address


def test_a_long_answer_is_cut_not_lost(post: Post) -> None:
    post.sink.reply = refuse(UNWELCOME + " because" * 60)
    post.deliver(post.promise())
    (row,) = post.rows()
    assert row.reply.startswith(UNWELCOME)
    assert len(row.reply) <= 500


# sending -> suppressed: the last moment at which it is asked


@pytest.mark.parametrize("status", [status for status in SubscriberStatus if status is not SubscriberStatus.ACTIVE])
def test_who_left_or_paused_gets_nothing_at_the_last_moment(post: Post, status: SubscriberStatus) -> None:
    ids = post.promise(2)
    with post.database.session() as session:
        session.exec(select(Subscriber).order_by(Subscriber.id)).all()[0].status = status
    assert post.deliver(ids) == {"suppressed": 1, "sent": 1}
    assert post.states() == [OutboxState.SUPPRESSED, OutboxState.SENT]
    assert [m.recipients for m in post.sink.messages] == [[post.rows()[1].recipient]]
    with post.database.session(write=False) as session:
        reasons = session.exec(select(Edition.skip_reason).order_by(Edition.id)).all()
    why = SkipReason.PAUSED if status is SubscriberStatus.PAUSED else SkipReason.SUPPRESSED
    assert reasons == [why, None]


def test_an_address_on_the_list_gets_nothing(post: Post) -> None:
    ids = post.promise()
    with post.database.session() as session:
        suppression.suppress(session, post.rows()[0].recipient.upper(), "complained", post.now)
    assert post.deliver(ids) == {"suppressed": 1}
    assert post.sink.messages == []


def test_who_leaves_during_the_batch_gets_nothing(post: Post) -> None:
    ids = post.promise(2)

    def leave(_stage: str, _recipient: str) -> None:
        with post.database.session() as session:
            session.exec(select(Subscriber).order_by(Subscriber.id)).all()[1].status = SubscriberStatus.UNSUBSCRIBED

    post.sink.reply = leave
    assert post.deliver(ids) == {"sent": 1, "suppressed": 1}
    assert len(post.sink.messages) == 1


def test_who_is_erased_during_the_batch_keeps_nobody_else_waiting(post: Post) -> None:
    ids = post.promise(3)

    def erase(_stage: str, _recipient: str) -> None:
        post.sink.reply = accept
        with post.database.session() as session:
            privacy.erase(session, session.exec(select(Subscriber).order_by(Subscriber.id)).all()[1])

    post.sink.reply = erase
    report = post.run_stage()
    assert (report.planned, report.failed, report.stopped) == (len(ids), 0, "")
    assert post.states() == [OutboxState.SENT] * 2
    assert len(post.sink.messages) == 2


# sending -> expired


@pytest.mark.parametrize(("hours", "state"), [(20, OutboxState.SENT), (20.1, OutboxState.EXPIRED)])
def test_a_message_that_is_too_late_to_be_news_expires(post: Post, hours: float, state: OutboxState) -> None:
    post.deliver(post.promise(), post.now + timedelta(hours=hours))
    assert post.states() == [state]
    assert len(post.sink.messages) == (state is OutboxState.SENT)
    assert post.plan(post.now + timedelta(days=30)) == []


# the lease


def test_what_another_owner_is_sending_is_left_alone(post: Post) -> None:
    ids = post.promise(2)
    post.change(ids[0], state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=5))
    assert post.plan(post.now) == ids[1:]
    assert post.deliver(ids) == {"sent": 1}
    assert (post.rows()[0].state, post.rows()[0].owner) == (OutboxState.SENDING, OTHER)


def test_what_an_owner_abandoned_is_planned_and_sent_again(post: Post) -> None:
    ids = post.promise()
    post.change(ids[0], state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=-1))
    assert post.plan(post.now) == ids
    assert post.deliver(ids) == {"sent": 1}


def test_our_own_rows_are_taken_up_again_before_the_lease_ends(post: Post) -> None:
    ids = post.promise()
    with post.database.session() as session:
        assert [row.id for row in outbox.claim(session, post.now, ids, US)] == ids
    assert post.deliver(ids) == {"sent": 1}


def test_two_owners_never_claim_one_row(post: Post) -> None:
    ids = post.promise(3)
    with post.database.session() as session:
        mine = [row.id for row in outbox.claim(session, post.now, ids[:2], US)]
    with post.database.session() as session:
        theirs = [row.id for row in outbox.claim(session, post.now, ids, OTHER)]
    assert (mine, theirs) == (ids[:2], ids[2:])


def test_releasing_a_dead_owner_frees_its_rows_and_no_others(post: Post) -> None:
    ids = post.promise(2)
    for message, owner in zip(ids, (US, OTHER), strict=True):
        post.change(message, state=OutboxState.SENDING, owner=owner, lease_until=later(minutes=5))
    with post.database.session() as session:
        outbox.release(session, US)
    assert post.plan(post.now) == ids[:1]
    assert post.rows()[0].owner is None


def test_who_took_over_after_our_lease_decides(post: Post) -> None:
    (message,) = post.promise()

    def take_over(stage: str, _recipient: str) -> None:
        if stage == "DATA":
            post.change(message, owner=OTHER)

    post.sink.reply = take_over
    post.deliver([message])
    (row,) = post.rows()
    assert (row.state, row.owner, row.attempt) == (OutboxState.SENDING, OTHER, 0)


def test_planning_and_claiming_ask_few_queries_however_many_messages(post: Post) -> None:
    ids = post.promise(30)

    def plan_and_claim() -> None:
        with post.database.session() as session:
            assert outbox.plan(session, post.now) == ids
            assert len(outbox.claim(session, post.now, ids, US)) == len(ids)

    assert count_queries(post.database, plan_and_claim) <= 4  # with the BEGIN


# what the pipeline makes of it


def test_one_message_that_cannot_be_read_stops_no_other(post: Post) -> None:
    ids = post.promise(5)
    post.change(ids[2], content=b"no deflated mail")
    report = post.run_stage()
    assert report.failed == 1
    assert post.states().count(OutboxState.SENT) == 4
    assert len(post.sink.messages) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_that_cannot_be_recorded_is_not_asked_for_twice_in_a_run(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.promise(4)
    monkeypatch.setattr("digest.db.BUSY_TIMEOUT", 0)
    post.database.dispose()  # so that connections are made with it
    transport = LockingTransport(post.shop.data_dir / "digest.sqlite3")
    report = post.run_stage(transport)
    assert Counter(envelope.recipient for envelope in transport.sent).most_common(1)[0][1] == 1
    assert "locked" in report.stopped


def test_memory_is_a_transport_too(post: Post) -> None:
    transport = MemoryTransport()
    post.send(transport, post.promise())
    (row,) = post.rows()
    assert [envelope.recipient for envelope in transport.sent] == [row.recipient]
    assert transport.sent[0].name == f"{row.message_id[1:].partition('@')[0]}-{row.recipient}"


def test_a_message_that_was_taken_over_in_mid_batch_is_not_sent_by_us(post: Post) -> None:
    first, second = post.promise(2)

    class TakenOver(MemoryTransport):
        def send(self, envelope: Envelope) -> str:
            post.change(second, owner=OTHER)  # our batch took so long that its lease ran out
            return super().send(envelope)

    transport = TakenOver()
    assert post.send(transport, [first, second]) == {"sent": 1, "lost": 1}
    assert len(transport.sent) == 1
    assert post.states() == [OutboxState.SENT, OutboxState.SENDING]
