"""Webhooks in the shapes that the providers document: who may speak, and what it means."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bounced import TOPIC, Amazon, envelope, make_dsn, make_letter, ses_bounce, sign_mailgun
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import DigestError, InvalidRequest, PermanentError
from digest.mail.providers import Request, check_secret, read_mail, read_mailgun, read_postmark, read_ses
from digest.mail.reports import Report

SECRET, KEY = "a-secret-of-enough-length", "key-of-mailgun"
NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
READER = "ada@example.org"
BEARER = {"authorization": f"Bearer {SECRET}"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ses(amazon: Amazon, event: object, now: datetime) -> list[Report]:
    body = json.dumps(amazon.notify(event)).encode()
    return read_ses(Request({}, body), TOPIC, now, amazon.fetch)


@pytest.fixture(scope="module")
def amazon() -> Amazon:
    return Amazon(NOW)


def test_ses_tells_a_bounce_with_our_sender_address(amazon: Amazon, now: datetime) -> None:
    assert ses(amazon, ses_bounce(envelope(7), READER), now) == [
        Report("failed", "5.1.1", f"550 5.1.1 <{READER}>: no such user here", (READER,), envelope(7), "", vouched=True)
    ]


@pytest.mark.parametrize(
    ("kinds", "status", "expected"),
    [
        ("Permanent General", "5.7.1", ("failed", "5.7.1")),
        ("Permanent General", None, ("failed", "")),
        ("Permanent NoEmail", None, ("failed", "5.1.1")),
        ("Permanent OnAccountSuppressionList", None, ("failed", "5.1.1")),
        ("Transient MailboxFull", "4.2.2", ("failed", "5.2.2")),
        ("Transient MailboxFull", None, ("failed", "5.2.2")),
        ("Transient General", "4.4.1", ("delayed", "4.4.1")),
        ("Undetermined Undetermined", "5.1.1", ("failed", "5.1.1")),
        ("Undetermined Undetermined", None, ("delayed", "")),
    ],
)
def test_ses_bounces_by_their_kind(
    amazon: Amazon, now: datetime, kinds: str, status: str | None, expected: tuple[str, str]
) -> None:
    person = {"emailAddress": READER} | ({"status": status} if status else {})
    kind, subtype = kinds.split()
    event = ses_bounce("", READER, bounceType=kind, bounceSubType=subtype, bouncedRecipients=[person])
    [report] = ses(amazon, event, now)
    assert (report.kind, report.status) == expected


@pytest.mark.parametrize(("feedback", "kind"), [("abuse", "complaint"), (None, "complaint"), ("not-spam", "other")])
def test_ses_tells_a_complaint_with_the_message_id(
    amazon: Amazon, now: datetime, feedback: str | None, kind: str
) -> None:
    complaint = {"complainedRecipients": [{"emailAddress": READER}], "complaintFeedbackType": feedback}
    mail = {"source": envelope(7), "commonHeaders": {"messageId": "<x.y@papers.example>"}}
    [report] = ses(amazon, {"eventType": "Complaint", "complaint": complaint, "mail": mail}, now)
    assert (report.kind, report.message_id, report.addresses) == (kind, "<x.y@papers.example>", envelope(7))


@pytest.mark.parametrize("event", ["Successfully validated SNS topic", {"notificationType": "Delivery"}, {}, [1], "7"])
def test_ses_events_that_are_nothing_to_us_give_nothing(amazon: Amazon, now: datetime, event: object) -> None:
    assert ses(amazon, event, now) == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"RecordType": "Bounce", "Type": "HardBounce", "Details": "smtp;550 5.1.10 none"}, ("failed", "5.1.10")),
        ({"RecordType": "Bounce", "Type": "HardBounce", "Details": "unknown"}, ("failed", "5.1.1")),
        ({"RecordType": "Bounce", "Type": "HardBounce", "Details": "550 5.7.1 blocked"}, ("failed", "5.7.1")),
        ({"RecordType": "Bounce", "Type": "BadEmailAddress"}, ("failed", "5.1.3")),
        ({"RecordType": "Bounce", "Type": "SoftBounce", "Details": "452 4.2.2 full"}, ("failed", "5.2.2")),
        ({"RecordType": "Bounce", "Type": "Blocked", "Details": "550 5.1.1 x"}, ("failed", "5.7.1")),
        ({"RecordType": "Bounce", "Type": "SpamNotification"}, ("failed", "5.7.1")),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, ("complaint", "")),
        ({"RecordType": "Bounce", "Type": "SpamComplaint"}, ("complaint", "")),
        (
            {"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "HardBounce"},
            ("failed", "5.1.1"),
        ),
        (
            {"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "SpamComplaint"},
            ("complaint", ""),
        ),
        (
            {
                "RecordType": "SubscriptionChange",
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
                "Origin": "Recipient",
            },
            ("unsubscribe", ""),
        ),
    ],
)
def test_postmark_tells_what_happened(event: dict[str, Any], expected: tuple[str, str]) -> None:
    named = {"Recipient" if event["RecordType"] == "SubscriptionChange" else "Email": READER.upper()}
    [report] = read_postmark(Request(BEARER, json.dumps(event | named).encode()), SECRET)
    assert (report.kind, report.status, report.recipients, report.vouched) == (*expected, (READER,), True)


@pytest.mark.parametrize(
    "event",
    [
        {"RecordType": "Bounce", "Type": "Transient"},
        {"RecordType": "Bounce", "Type": "AutoResponder"},
        {"RecordType": "Open"},
        {"RecordType": "SubscriptionChange", "SuppressSending": False, "SuppressionReason": "HardBounce"},
        {
            "RecordType": "SubscriptionChange",
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
            "Origin": "Admin",
        },
    ],
)
def test_postmark_events_that_are_nothing_to_us_give_nothing(event: dict[str, Any]) -> None:
    assert read_postmark(Request(BEARER, json.dumps(event | {"Email": READER}).encode()), SECRET) == []


@pytest.mark.parametrize(
    "headers", [BEARER, basic("postmark", SECRET), basic("", SECRET), {"authorization": f"bearer  {SECRET} "}]
)
def test_the_secret_opens(headers: dict[str, str]) -> None:
    check_secret(Request(headers, b""), SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": SECRET},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Digest {SECRET}"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": "Basic !!"},
        {"authorization": "Bearer \udcff"},
        basic(SECRET, "wrong"),
        basic("x", ""),
    ],
)
def test_anything_else_does_not(headers: dict[str, str]) -> None:
    with pytest.raises(PermanentError):
        check_secret(Request(headers, b""), SECRET)


def test_an_empty_secret_opens_nothing() -> None:
    with pytest.raises(PermanentError):
        check_secret(Request({"authorization": "Bearer "}, b""), "")


def mailgun(event: dict[str, Any], now: datetime, key: str = KEY) -> list[Report]:
    return read_mailgun(Request({}, json.dumps(sign_mailgun(event, key, now)).encode()), KEY, now)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"event": "failed", "severity": "permanent", "delivery-status": {"message": "550 5.1.1 no"}},
            ("failed", "5.1.1"),
        ),
        (
            {"event": "failed", "severity": "permanent", "delivery-status": {"enhanced-code": "5.2.2", "code": 552}},
            ("failed", "5.2.2"),
        ),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, ("failed", "5.1.1")),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-complaint"}, ("complaint", "")),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-unsubscribe"}, ("unsubscribe", "")),
        ({"event": "failed", "severity": "temporary", "delivery-status": {"message": "4.4.1 x"}}, ("delayed", "4.4.1")),
        ({"event": "complained"}, ("complaint", "")),
        ({"event": "unsubscribed"}, ("unsubscribe", "")),
    ],
)
def test_mailgun_tells_what_happened(now: datetime, event: dict[str, Any], expected: tuple[str, str]) -> None:
    seen = {
        "recipient": READER,
        "envelope": {"sender": envelope(7)},
        "message": {"headers": {"message-id": "x.y@papers.example"}},
    }
    [report] = mailgun(event | seen, now)
    assert (report.kind, report.status) == expected
    assert (report.recipient, report.addresses, report.message_id) == (READER, envelope(7), "<x.y@papers.example>")


def test_mailgun_events_that_are_nothing_to_us_give_nothing(now: datetime) -> None:
    assert mailgun({"event": "delivered", "recipient": READER}, now) == []


@pytest.mark.parametrize("minutes", [-16, 16])
def test_mailgun_is_not_believed_when_the_signature_is_old(now: datetime, minutes: int) -> None:
    body = json.dumps(sign_mailgun({"event": "complained"}, KEY, now + timedelta(minutes=minutes))).encode()
    with pytest.raises(PermanentError, match="too old"):
        read_mailgun(Request({}, body), KEY, now)


@pytest.mark.parametrize(
    "signature",
    [{}, {"timestamp": "1"}, {"signature": "x"}, {"token": "other"}, {"timestamp": 1}, {"signature": 7}, {"token": ""}],
)
def test_mailgun_is_not_believed_without_a_true_signature(now: datetime, signature: dict[str, Any]) -> None:
    document = sign_mailgun({"event": "complained"}, KEY, now)
    document["signature"] = document["signature"] | signature if signature else {}
    with pytest.raises(PermanentError, match="not true"):
        read_mailgun(Request({}, json.dumps(document).encode()), KEY, now)
    with pytest.raises(PermanentError):
        mailgun({"event": "complained"}, now, key="another key")


def test_a_mail_handed_over_is_read_but_not_vouched_for() -> None:
    [report] = read_mail(Request(BEARER, make_dsn(envelope(7), READER)), SECRET)
    assert (report.kind, report.vouched) == ("failed", False)
    with pytest.raises(InvalidRequest):
        read_mail(Request(BEARER, make_letter("x@papers.example")), SECRET)
    with pytest.raises(PermanentError):
        read_mail(Request({}, make_dsn(envelope(7), READER)), SECRET)


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 9_999])
def test_rubbish_is_not_understood(amazon: Amazon, now: datetime, body: bytes) -> None:
    for read in (
        lambda: read_ses(Request({}, body), TOPIC, now, amazon.fetch),
        lambda: read_postmark(Request(BEARER, body), SECRET),
        lambda: read_mailgun(Request({}, body), KEY, now),
    ):
        with pytest.raises(InvalidRequest):
            read()


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["RecordType", "Type", "Email", "Details", "SuppressSending"]), JSON))
def test_any_json_of_postmark_is_taken(event: dict[str, Any]) -> None:
    read_postmark(Request(BEARER, json.dumps(event).encode()), SECRET)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["event", "severity", "delivery-status", "message", "envelope", "reason"]), JSON)
)
def test_any_json_of_mailgun_is_taken(event: dict[str, Any]) -> None:
    mailgun({"event": "failed"} | event, NOW)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["notificationType", "mail", "bounce", "complaint"]), JSON), JSON)
def test_any_json_of_ses_is_taken(amazon: Amazon, event: dict[str, Any], people: Any) -> None:
    ses(amazon, event, NOW)
    ses(amazon, {"notificationType": "Bounce", "bounce": {"bouncedRecipients": people}}, NOW)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["Type", "TopicArn", "Signature", "SigningCertURL", "Message"]), JSON))
def test_any_json_is_refused_by_ses_with_a_deliberate_error(amazon: Amazon, message: dict[str, Any]) -> None:
    with pytest.raises(DigestError):
        read_ses(Request({}, json.dumps(message).encode()), TOPIC, NOW, amazon.fetch)
