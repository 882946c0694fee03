"""Errands: letters at once and only letters, a first edition within the process, and nothing lost when one fails."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from factories import make_subscriber
from scenes import add_reader, bring, rows, sent
from structlog.testing import capture_logs

from digest import errands as errands_module
from digest import pipeline
from digest.composing.letters import Letter
from digest.errands import Errands
from digest.errors import Unreachable
from digest.mail import delivery
from digest.mail.transports import Envelope, MemoryTransport, Settle
from digest.subscribers.correspondence import write
from digest.tables import MailKind, OutboxMessage, OutboxState
from digest.workshop import Workshop


@pytest.fixture
def errands(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Errands]:
    monkeypatch.setattr(errands_module, "utc_now", lambda: now)
    made = Errands(shop)
    yield made
    made.close()


def promise_letter(shop: Workshop, now: datetime, address: str = "ada@example.org") -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, now, email=address)
        write(session, shop.office, Letter(MailKind.SIGN_IN, who, now))


def states(shop: Workshop) -> list[tuple[object, object]]:
    return [(row["kind"], row["state"]) for row in rows(shop, OutboxMessage)]


def ready(shop: Workshop, now: datetime) -> int:
    """Somebody whose first edition is due, among papers that are ready to be ranked."""
    bring(shop, now)
    who = add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="ingest")
    pipeline.prepare(shop, now)
    return who.id


def test_letters_go_at_once_and_only_letters(shop: Workshop, errands: Errands, now: datetime) -> None:
    ready(shop, now)
    pipeline.run(shop, now, upto="compose")
    promise_letter(shop, now)
    errands.send_letters()
    errands.wait()
    assert [one.recipient for one in sent(shop)] == ["ada@example.org"]
    assert states(shop) == [(MailKind.EDITION, OutboxState.PLANNED), (MailKind.SIGN_IN, OutboxState.SENT)]


def test_a_first_edition_is_made_and_sent_here_and_nobody_elses(
    shop: Workshop, errands: Errands, now: datetime
) -> None:
    number = ready(shop, now)
    add_reader(shop, now, "robot")
    errands.make_edition(number)
    errands.wait()
    assert len(sent(shop)) == 1
    assert states(shop) == [(MailKind.EDITION, OutboxState.SENT)]
    errands.make_edition(number)
    errands.wait()
    assert len(sent(shop)) == 1


def test_many_at_once_send_each_letter_once(shop: Workshop, errands: Errands, now: datetime) -> None:
    for number in range(6):
        promise_letter(shop, now, f"reader{number}@example.org")
        errands.send_letters()
        errands.make_edition(number)
    errands.wait()
    assert sorted(one.recipient for one in sent(shop)) == [f"reader{number}@example.org" for number in range(6)]


def test_what_cannot_be_sent_waits_for_the_next_run(
    shop: Workshop, errands: Errands, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise_letter(shop, now)

    def fail(*_: object) -> None:
        raise Unreachable("The mail server ada@example.org is gone.")

    with monkeypatch.context() as patched, capture_logs() as logged:
        patched.setattr(delivery, "deliver", fail)
        errands.send_letters()
        errands.wait()
    assert [(line["event"], line["why"]) for line in logged] == [("errand_postponed", "Unreachable")]
    assert "ada@" not in str(logged)
    pipeline.run(shop, now)
    assert [one.recipient for one in sent(shop)] == ["ada@example.org"]


def test_what_breaks_is_logged_and_leaves_the_outbox_as_it_was(
    shop: Workshop, errands: Errands, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise_letter(shop, now)

    def fail(*_: object) -> None:
        raise RuntimeError("ada@example.org")

    monkeypatch.setattr(delivery, "deliver", fail)
    with capture_logs() as logged:
        errands.send_letters()
        errands.wait()
    assert [(line["event"], line["why"], line["log_level"]) for line in logged] == [
        ("errand_failed", "RuntimeError", "error")
    ]
    assert "ada@" not in str(logged)
    assert states(shop) == [(MailKind.SIGN_IN, OutboxState.PLANNED)]


def test_a_letter_waits_for_nobodys_edition(
    shop: Workshop, errands: Errands, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise_letter(shop, now)
    go_on = threading.Event()
    monkeypatch.setattr(errands, "_make", lambda _: go_on.wait(30) and None)
    for number in range(3):
        errands.make_edition(number)
    errands.send_letters()
    errands._threads["letters"].submit(lambda: None).result(30)
    assert len(sent(shop)) == 1
    go_on.set()
    errands.wait()


class Slow(MemoryTransport):
    """Takes a mail when it is told to, and says when it has been asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        self.asked.set()
        self.go_on.wait(30)
        super().send_all(envelopes, settle)


def test_closing_ends_what_is_under_way_and_takes_nothing_new(shop: Workshop, errands: Errands, now: datetime) -> None:
    shop.__dict__["transport"] = transport = Slow()
    promise_letter(shop, now)
    errands.send_letters()
    assert transport.asked.wait(30)
    threading.Timer(0.1, transport.go_on.set).start()
    errands.close()
    assert len(transport.sent) == 1
    promise_letter(shop, now, "bob@example.org")
    errands.send_letters()
    errands.wait()
    assert len(transport.sent) == 1
    assert states(shop)[-1] == (MailKind.SIGN_IN, OutboxState.PLANNED)
