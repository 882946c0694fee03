"""A true notice changes what its status says, once; a forged one changes nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from bounced import SECRET, envelope, facts, make_complaint, make_dsn, make_letter, make_sent, send_one
from factories import make_subscriber
from sqlmodel import select

from digest.mail import bounces, replies, suppression
from digest.mail.bounces import apply, score_soft
from digest.mail.reports import Report, read_report
from digest.tables import BounceScore, OutboxMessage, Subscriber, SubscriberStatus, Suppression
from digest.workshop import Workshop

DAY = timedelta(days=1)


def take(shop: Workshop, report: Report | bytes | None, now: datetime) -> str:
    read = read_report(report) if isinstance(report, bytes) else report
    assert read is not None
    with shop.database.session() as session:
        return apply(session, read, now, SECRET)


def status_of(shop: Workshop, number: int) -> SubscriberStatus:
    with shop.database.session(write=False) as session:
        return session.get_one(Subscriber, number).status


def test_the_hard_statuses_are_one_list() -> None:
    assert bounces.HARD is replies.HARD
    assert {"5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1"} == bounces.HARD


@pytest.mark.parametrize("status", sorted(bounces.HARD))
def test_a_dead_address_is_suppressed_at_once(shop: Workshop, now: datetime, status: str) -> None:
    sent = send_one(shop, now)
    notice = make_dsn(envelope(sent.id), sent.recipient, status=status, diagnostic=f"smtp; 550 {status} gone")
    assert take(shop, notice, now) == "suppressed"
    assert facts(shop) == {
        "subscribers": [(sent.subscriber_id, "suppressed")],
        "left": [None],
        "messages": [(sent.id, now, f"{status} 550 {status} gone")],
        "suppressions": [f"bounced: {status} 550 {status} gone"],
        "scores": [],
    }


def test_the_list_keeps_the_words_without_the_address(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    take(shop, make_dsn(envelope(sent.id), sent.recipient), now)
    assert facts(shop)["suppressions"] == ["bounced: 5.1.1 550 5.1.1 …: no such user here"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("5.7.1", "550 5.7.1 rejected"),
        ("5.7.26", "550 5.7.26 unauthenticated"),
        ("5.0.0", "554 blocked using a blocklist"),
        ("5.0.0", "550 message looks like SPAM"),
        ("5.1.1", "550 5.7.1 our policy"),
        ("5.6.0", "554 5.6.0 virus found"),
    ],
)
def test_a_refusal_for_policy_never_touches_the_address(shop: Workshop, now: datetime, status: str, said: str) -> None:
    sent = send_one(shop, now)
    before = facts(shop)
    notice = make_dsn(envelope(sent.id), sent.recipient, status=status, diagnostic=f"smtp; {said}")
    assert take(shop, notice, now) == "policy"
    after = facts(shop)
    assert after["messages"][0][1] == now
    assert {**after, "messages": 0} == {**before, "messages": 0}


@pytest.mark.parametrize(("action", "status"), [("delayed", "4.4.1"), ("failed", "4.4.7"), ("delivered", "2.0.0")])
def test_what_may_still_come_right_changes_nothing(shop: Workshop, now: datetime, action: str, status: str) -> None:
    sent = send_one(shop, now)
    before = facts(shop)
    notice = make_dsn(envelope(sent.id), sent.recipient, action=action, status=status, diagnostic="smtp; 451 busy")
    assert take(shop, notice, now) == "ignored"
    assert facts(shop) == before


@pytest.mark.parametrize(
    ("status", "said"),
    [("5.2.2", "552 5.2.2 full"), ("5.0.0", "552 full"), ("5.4.4", "x"), ("5.2.2", "over policy quota")],
)
def test_three_bounces_over_a_week_suppress(shop: Workshop, now: datetime, status: str, said: str) -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, now)
    told = []
    for day in (0, 3.5, 7):
        sent = send_one(shop, now, subscriber=who)
        notice = make_dsn(envelope(sent.id), who.email, status=status, diagnostic=f"smtp; {said}")
        told.append(take(shop, notice, now + day * DAY))
    assert told == ["scored", "scored", "suppressed"]
    assert status_of(shop, who.id) is SubscriberStatus.SUPPRESSED
    assert facts(shop)["suppressions"][0].startswith("bounced: 5.")


@pytest.mark.parametrize(
    ("days", "lost"),
    [
        ([0, 1, 2, 3, 4, 5, 6], False),
        ([0, 1, 2, 7], True),
        ([0, 7, 14], True),
        ([0, 30, 60, 90, 120], False),
        ([0, 200, 201, 202], False),
        ([0, 200, 201, 207], True),
    ],
)
def test_the_score_decays_and_wants_a_week(shop: Workshop, now: datetime, days: list[int], lost: bool) -> None:
    with shop.database.session() as session:
        told = [score_soft(session, "Ada@example.org", "5.2.2", now + day * DAY) for day in days]
    assert told == [False] * (len(days) - 1) + [lost]
    with shop.database.session() as session:
        assert suppression.suppressed(session, ["ada@example.org"]) == ({"ada@example.org"} if lost else set())
        row = session.exec(select(BounceScore)).one()
    assert row.address_digest == suppression.digest_of("ada@example.org")


def test_a_clock_that_was_set_back_does_not_inflate_the_score(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        score_soft(session, "ada@example.org", "5.2.2", now)
        score_soft(session, "ada@example.org", "5.2.2", now - 90 * DAY)
        assert session.exec(select(BounceScore)).one().score == pytest.approx(2)


@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1"])
def test_the_same_report_again_changes_nothing(shop: Workshop, now: datetime, status: str) -> None:
    sent = send_one(shop, now)
    notice = make_dsn(envelope(sent.id), sent.recipient, status=status, diagnostic="smtp; 550 no")
    take(shop, notice, now)
    before = facts(shop)
    assert take(shop, notice, now + DAY) == "repeated"
    assert facts(shop) == before


def test_a_complaint_suppresses_and_unsubscribes_once(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    notice = make_complaint("abuse@papers.example", sent.message_id)
    assert take(shop, notice, now) == "complaint"
    after = facts(shop)
    assert (after["subscribers"], after["left"]) == ([(sent.subscriber_id, "unsubscribed")], [now])
    assert after["suppressions"][0].startswith("complaint")
    assert take(shop, notice, now + DAY) == "repeated"
    assert facts(shop) == after


def test_a_complaint_counts_after_a_bounce_and_after_a_change_of_address(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now, bounced_at=now, recipient="old@example.org")
    assert take(shop, make_complaint(envelope(sent.id), "<x@y>", "old@example.org"), now) == "complaint"
    assert status_of(shop, sent.subscriber_id) is SubscriberStatus.UNSUBSCRIBED
    with shop.database.session() as session:
        assert suppression.suppressed(session, ["old@example.org"])


def test_mail_to_the_unsubscribe_address_unsubscribes(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    notice = make_letter(envelope(sent.subscriber_id, "u"))
    assert take(shop, notice, now) == "unsubscribed"
    assert status_of(shop, sent.subscriber_id) is SubscriberStatus.UNSUBSCRIBED
    assert (facts(shop)["suppressions"], facts(shop)["left"]) == ([], [now])
    assert take(shop, notice, now + DAY) == "repeated"
    assert facts(shop)["left"] == [now]


def test_an_opt_out_report_unsubscribes(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    assert take(shop, make_complaint("x@papers.example", sent.message_id, kind="opt-out"), now) == "unsubscribed"


def forgeries(sent: OutboxMessage) -> dict[str, Report]:
    """Notices of somebody who does not know what only a receiver of the mail knows."""
    other = envelope(sent.id + 1)
    seal_of_another = other.partition("-")[2]
    notices = {
        "no token": make_dsn("bounces@papers.example", sent.recipient, message_id=sent.message_id),
        "made up": make_dsn(f"bounces+m{sent.id}-0123456789abcdef@papers.example", sent.recipient),
        "another's": make_dsn(f"bounces+m{sent.id}-{seal_of_another}", sent.recipient),
        "no such mail": make_dsn(other, sent.recipient),
        "other purpose": make_dsn(envelope(sent.id, "u"), sent.recipient),
        "other recipient": make_dsn(envelope(sent.id), "bo@example.org"),
        "complaint": make_complaint("abuse@papers.example", "<2026-05-06.guess@papers.example>", sent.recipient),
        "complaint of another": make_complaint("abuse@papers.example", sent.message_id, "bo@example.org"),
        "leaver": make_letter(f"bounces+u{sent.subscriber_id}-0123456789abcdef@papers.example"),
        "leaver and mail": make_letter(f"bounces+u1-0123456789abcdef@papers.example, {envelope(sent.id)}"),
        "nobody": make_letter(envelope(sent.subscriber_id + 1, "u")),
    }
    read = {name: read_report(content) for name, content in notices.items()}
    bare = Report("complaint", recipients=(sent.recipient,))
    return {name: report for name, report in read.items() if report} | {
        "recipient alone": replace(bare, kind="failed", status="5.1.1"),
        "complaint by recipient": bare,
        "leaver by recipient": replace(bare, kind="unsubscribe"),
        "vouched for a stranger": replace(bare, recipients=("bo@example.org",), vouched=True),
        "vouched, other mail": replace(bare, message_id=sent.message_id, recipients=("bo@example.org",), vouched=True),
        "vouched, empty": Report("complaint", vouched=True),
    }


def test_forged_notices_change_nothing(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    before = facts(shop)
    forged = forgeries(sent)
    assert len(forged) == 17
    assert {name: take(shop, report, now) for name, report in forged.items()} == dict.fromkeys(forged, "ignored")
    assert facts(shop) == before


def test_a_provider_is_believed_by_the_recipient_alone(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, now)
        older = make_sent(session, now, subscriber=who, sent_at=now - DAY)
        newer = make_sent(session, now, subscriber=who)
        make_sent(session, now, subscriber=who, sent_at=None)
    report = Report("failed", "5.1.1", "gone", (who.email,), vouched=True)
    assert [take(shop, report, now), take(shop, report, now)] == ["suppressed", "repeated"]
    assert facts(shop)["messages"][:2] == [(older.id, None, ""), (newer.id, now, "5.1.1 gone")]


def test_a_provider_is_believed_by_the_message_id(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now, recipient="old@example.org")
    report = Report("failed", "5.1.1", "gone", ("old@example.org",), message_id=sent.message_id, vouched=True)
    assert take(shop, report, now) == "suppressed"
    assert status_of(shop, sent.subscriber_id) is SubscriberStatus.ACTIVE  # who has another address by now


def test_somebody_who_left_stays_gone_when_mail_bounces(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    with shop.database.session() as session:
        session.get_one(Subscriber, sent.subscriber_id).status = SubscriberStatus.UNSUBSCRIBED
    take(shop, make_dsn(envelope(sent.id), sent.recipient), now)
    assert status_of(shop, sent.subscriber_id) is SubscriberStatus.UNSUBSCRIBED
    with shop.database.session() as session:
        assert len(session.exec(select(Suppression)).all()) == 1
