"""Every arrow of the outbox's diagram that sending draws, with a real database and a real mail server."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from post import (
    BUSY,
    OTHER,
    UNKNOWN,
    UNWELCOME,
    LockingTransport,
    Post,
    refuse,
)
from smtp_sink import DROP, SmtpSink, accept
from sqlmodel import select

from digest.clock import parse_window, utc_now
from digest.errors import Unreachable
from digest.mail import delivery, outbox, pacing, suppression
from digest.mail.delivery import MOST_DOUBTS, MOST_FULL, MOST_POLICY
from digest.mail.pacing import Rules
from digest.mail.smtp import Relay, SmtpTransport
from digest.mail.transports import Envelope, FolderTransport, MemoryTransport, Settle
from digest.subscribers import privacy
from digest.tables import (
    BounceScore,
    Edition,
    MailKind,
    OutboxState,
    SkipReason,
    Subscriber,
    SubscriberStatus,
    Suppression,
)
from digest.workshop import Workshop


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
    assert [(m.sender, m.recipients) for m in post.sink.messages] == [("digest@papers.example", [row.recipient])]
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
    ids = post.promise(4)
    first = post.rows()[0].recipient
    post.sink.reply = lambda _, recipient: None if recipient == first else end
    with pytest.raises(Unreachable) as caught:
        post.deliver(ids)
    assert caught.value.done == {"sent": 1}
    post.sink.reply = accept
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
        ("550 No reason given", False),
        ("554 5.6.0 <ada@5.1.1.example>: odd", False),
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
            privacy.erase(session, session.exec(select(Subscriber).order_by(Subscriber.id)).all()[1], post.now)

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


# sending -> held, and what is in doubt


def cut_off(post: Post) -> None:
    """The server keeps every message and breaks the connection in place of saying so."""
    post.sink.reply = lambda stage, _: DROP if stage == "DATA" else None


def test_a_message_without_an_answer_goes_again_later_as_the_same_bytes(post: Post) -> None:
    ids = post.promise(whole=True)
    cut_off(post)
    assert post.deliver(ids) == {"deferred": 1}
    (row,) = post.rows()
    assert (row.state, row.attempt, row.doubts) == (OutboxState.DEFERRED, 1, 1)
    before = post.rows()[0].content
    post.sink.reply = accept
    assert post.deliver(ids, row.next_at) == {"sent": 1}
    assert zlib.decompress(before or b"") == post.sink.contents[0]


def test_a_message_that_never_gets_an_answer_is_held_and_not_sent_for_ever(post: Post) -> None:
    ids = post.promise()
    cut_off(post)
    for _ in range(MOST_DOUBTS):
        post.deliver(ids, post.rows()[0].next_at)
    assert post.states() == [OutboxState.HELD]
    assert post.plan(post.now + timedelta(hours=19)) == []


def test_who_fears_doubles_more_than_loss_has_it_held_at_once(post: Post) -> None:
    ids = post.promise()
    cut_off(post)
    post.deliver(ids, rules=Rules(hold_doubtful=True))
    assert post.states() == [OutboxState.HELD]


def test_an_answer_ends_the_doubt(post: Post) -> None:
    ids = post.promise()
    post.sink.reply = lambda _stage, _: BUSY
    for _ in range(MOST_DOUBTS + 1):
        post.deliver(ids, post.rows()[0].next_at)
    assert [(row.state, row.doubts) for row in post.rows()] == [(OutboxState.DEFERRED, 0)]


# sending -> deferred, with a word for the address, the domain or the relay


def test_a_full_mailbox_is_tried_some_times_and_then_counted_against_the_address(post: Post) -> None:
    ids = post.promise()
    post.sink.reply = lambda _stage, _: "552 5.2.2 Mailbox full"
    for number in range(1, MOST_FULL + 1):
        post.deliver(ids, post.rows()[0].next_at)
        assert post.states() == [OutboxState.BOUNCED if number == MOST_FULL else OutboxState.DEFERRED]
    with post.database.session(write=False) as session:
        assert [score.score for score in session.exec(select(BounceScore))] == [1.0]
        assert suppression.suppressed(session, [post.rows()[0].recipient]) == set()


def test_a_domain_that_asks_for_less_gets_less(post: Post) -> None:
    ids = post.promise(2)
    post.sink.reply = lambda stage, _: "451 4.7.0 Too many" if stage == "DATA" else None
    assert post.deliver(ids) == {"deferred": 2}
    with post.database.session(write=False) as session:
        assert [name for name, _ in pacing.slowed(session, utc_now())] == ["example.org"]


@pytest.mark.parametrize("words", [UNWELCOME, "554 5.7.1 Spam"])
def test_a_refusal_of_us_leaves_message_and_address_alone(post: Post, words: str) -> None:
    post.sink.reply = refuse(words)
    assert post.deliver(post.promise()) == {"deferred": 1}
    with post.database.session(write=False) as session:
        assert session.exec(select(Suppression)).all() == []
        assert session.exec(select(BounceScore)).all() == []


def test_a_relay_that_minds_our_mail_is_left_alone(post: Post) -> None:
    ids = post.promise(MOST_POLICY + 5)
    post.sink.reply = lambda _stage, _: UNWELCOME
    with pytest.raises(Unreachable, match="minds our mail") as caught:
        post.deliver(ids)
    assert caught.value.done == {"deferred": MOST_POLICY + 1}
    assert post.states().count(OutboxState.PLANNED) == 4
    post.sink.reply = accept
    with pytest.raises(Unreachable, match=r"left alone until .*refuses our mail for what we are"):
        post.deliver(ids)
    assert post.sink.messages == []


def test_a_relay_that_is_gone_three_times_is_not_asked_a_fourth(post: Post) -> None:
    ids = post.promise(2)
    for _ in range(pacing.MOST_FAILURES):
        post.sink.reply = lambda _stage, _: "421 4.3.2 Going down"
        with pytest.raises(Unreachable, match="Going down"):
            post.deliver(ids)
    post.sink.reply = accept
    with pytest.raises(Unreachable, match="left alone"):
        post.deliver(ids)
    assert {(row.state, row.attempt) for row in post.rows()} == {(OutboxState.PLANNED, 0)}
    with post.database.session() as session:
        pacing.resume(session)
    assert post.deliver(ids) == {"sent": 2}


# rates, window, warming up, stopping


def test_what_is_over_the_rate_waits_for_its_place(post: Post) -> None:
    ids = post.promise(5)
    assert post.deliver(ids, rules=Rules(per_minute=2)) == {"sent": 2, "postponed": 3}
    waiting = [row for row in post.rows() if row.state is OutboxState.PLANNED]
    assert [round((row.next_at - post.now).total_seconds()) for row in waiting] == [60, 90, 120]
    assert {(row.attempt, row.paced) for row in waiting} == {(0, True)}
    moment = post.now + timedelta(seconds=91)
    assert post.deliver(post.plan(moment), moment, rules=Rules(per_minute=2)) == {"sent": 2}


def test_editions_wait_for_the_window_and_letters_do_not(post: Post) -> None:
    edition, letter = post.promise(2)
    post.change(letter, kind=MailKind.SIGN_IN)
    night = Rules(window=parse_window("20:00-06:00"))
    with post.database.session(write=False) as session:
        assert outbox.plan(session, post.now, night) == [letter]
        assert outbox.plan(session, post.now.replace(hour=21), night) == [letter, edition]


def test_a_new_sender_mails_so_many_editions_a_day(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.mail.pacing.FIRST_DAY", 2)
    ids = post.promise(7)
    rules = Rules(warm_up_start=post.now.date())
    for moment, planned in ((post.now, 2), (post.now, 0), (post.now + timedelta(days=1), 4)):
        with post.database.session(write=False) as session:
            found = outbox.plan(session, moment, rules)
        assert len(found) == planned
        post.change_all(created_at=moment)
        post.deliver(found, moment)
    assert len(ids) - post.states().count(OutboxState.SENT) == 1


@pytest.mark.parametrize("kind", [kind for kind in MailKind if kind is not MailKind.EDITION])
@pytest.mark.parametrize("status", SubscriberStatus)
def test_a_letter_goes_to_whoever_somebody_is_but_to_nobody_on_the_list(
    post: Post, kind: MailKind, status: SubscriberStatus
) -> None:
    wanted, listed = post.promise(2)
    post.change_all(kind=kind)
    with post.database.session() as session:
        for subscriber in session.exec(select(Subscriber)):
            subscriber.status = status
        suppression.suppress(session, post.rows()[1].recipient, "complained", post.now)
    assert post.deliver([wanted, listed]) == {"sent": 1, "suppressed": 1}


def test_being_told_to_stop_finishes_what_is_under_way_and_hands_the_rest_back(post: Post) -> None:
    ids = post.promise(5)
    told: list[bool] = []
    post.sink.reply = lambda stage, _: told.append(True) if stage == "DATA" else None
    courier = replace(post.courier(post.smtp(1)), stopping=lambda: bool(told))
    assert delivery.deliver(courier, post.now, ids) == {"sent": 1}
    assert [(row.state, row.attempt, row.owner) for row in post.rows()[1:]] == [(OutboxState.PLANNED, 0, None)] * 4


def test_what_nobody_needs_any_more_is_not_kept(post: Post) -> None:
    ids = post.promise(2)
    post.sink.reply = refuse("550 5.6.0 Odd")
    post.deliver(ids)
    assert [bool(row.content) for row in post.rows()] == [True, False]  # what was refused may be tried again


def test_what_a_transport_could_not_take_is_free_again_and_no_relay_is_blamed(post: Post, tmp_path: Path) -> None:
    ids = post.promise(3)
    (tmp_path / "file").touch()
    for _ in range(pacing.MOST_FAILURES + 1):
        with pytest.raises(Unreachable, match="cannot be written"):
            post.send(FolderTransport(tmp_path / "file" / "outbox"), ids)
    assert {(row.state, row.attempt, row.owner) for row in post.rows()} == {(OutboxState.PLANNED, 0, None)}
    assert post.deliver(ids) == {"sent": 3}


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
        def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
            def take_over() -> Iterator[Envelope]:
                for envelope in envelopes:
                    post.change(second, owner=OTHER)  # our batch took so long that its lease ran out
                    yield envelope

            super().send_all(take_over(), settle)

    transport = TakenOver()
    assert post.send(transport, [first, second]) == {"sent": 1, "lost": 1}
    assert len(transport.sent) == 1
    assert post.states() == [OutboxState.SENT, OutboxState.SENDING]
