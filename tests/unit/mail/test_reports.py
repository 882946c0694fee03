"""Reports are read as the RFCs write them, and rubbish is nobody's report and no error."""

import time

import pytest
from bounced import MAILBOX, envelope, make_complaint, make_dsn, make_letter
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.mail.reports import LONGEST, Report, choose_status, read_report, shorten_words

READER = "ada@example.org"


def read(content: bytes) -> Report:
    report = read_report(content)
    assert report is not None
    return report


def test_a_delivery_report_tells_all_that_it_says() -> None:
    report = read(make_dsn(envelope(7), READER, message_id="<x.y@papers.example>"))
    assert (report.kind, report.status, report.recipients) == ("failed", "5.1.1", (READER,))
    assert report.words == f"550 5.1.1 <{READER}>: no such user here"
    assert report.message_id == "<x.y@papers.example>"
    assert envelope(7) in report.addresses
    assert not report.vouched


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", "failed"),
        ("Failed (final)", "5.0.0", "failed"),
        ("delayed", "4.4.1", "delayed"),
        ("delivered", "2.0.0", "other"),
        ("relayed", "2.0.0", "other"),
        ("expanded", "2.0.0", "other"),
        ("", "5.2.2", "failed"),
        ("", "4.2.2", "delayed"),
        ("", "", "other"),
    ],
)
def test_the_action_says_what_became_of_the_mail(action: str, status: str, kind: str) -> None:
    assert read(make_dsn(envelope(7), READER, action=action, status=status)).kind == kind


@pytest.mark.parametrize(
    ("status", "said", "chosen"),
    [
        ("5.1.1", "550 5.1.1 unknown", "5.1.1"),
        ("5.0.0", "550 5.1.1 unknown", "5.1.1"),
        ("5.1.1", "550-5.7.1 our policy", "5.7.1"),
        ("5.0.0 (undefined)", "550 no", "5.0.0"),
        ("", "550 unknown", ""),
        ("", "host 5.1.1.9 and 15.1.1 said 5.2.2.", "5.2.2"),
        ("5.1.10", "", "5.1.10"),
    ],
)
def test_the_status_that_says_most_is_taken(status: str, said: str, chosen: str) -> None:
    assert choose_status(status, said) == chosen


def test_of_several_recipients_the_failed_one_is_told() -> None:
    second = "\r\n\r\nFinal-Recipient: rfc822; bo@example.org\r\nAction: failed\r\nStatus: 5.2.2"
    end = b"\r\n\r\n--b1\r\nContent-Type: message/rfc"
    content = make_dsn(envelope(7), READER, action="delivered", status="2.0.0", diagnostic="smtp; 250 fine")
    report = read(content.replace(end, second.encode() + end))
    assert (report.kind, report.status, report.recipients) == ("failed", "5.2.2", ("bo@example.org",))


def test_the_original_recipient_counts_beside_the_final_one() -> None:
    content = make_dsn(envelope(7), "forwarded@elsewhere.example")
    content = content.replace(b"Action:", b"Original-Recipient: rfc822;Ada@Example.org\r\nAction:")
    assert read(content).recipients == (READER, "forwarded@elsewhere.example")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\n", b"\n"),
        (b"message/delivery-status", b"message/global-delivery-status"),
        (b"multipart/report; report-type=delivery-status", b"multipart/mixed"),
        (b"message/rfc822", b"text/rfc822-headers"),
        (b"us-ascii", b"x-no-such-charset"),
        (b"Your mail could", b"Votre \xe9\xff courrier"),
        (b"--b1--", b""),
        (b"Subject: Undelivered", b"Subject: =?x-nothing?q?=ff?= =?utf-8?b?!!?= Undelivered"),
    ],
)
def test_a_report_is_read_in_other_spellings(old: bytes, new: bytes) -> None:
    content = make_dsn(envelope(7), READER, message_id="<x.y@papers.example>")
    assert old in content
    report = read(content.replace(old, new))
    assert (report.kind, report.status, report.recipient) == ("failed", "5.1.1", READER)
    assert report.message_id == "<x.y@papers.example>"


def test_a_report_may_stand_a_level_deeper_but_not_in_an_attached_mail() -> None:
    inner = make_dsn(envelope(7), READER)
    head = b"To: x@y.example\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
    nested = inner[inner.index(b"Content-Type: multipart/report") :]
    assert read(head + nested + b"\r\n--outer--\r\n").status == "5.1.1"
    assert read_report(head + b"Content-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--outer--\r\n") is None


def test_a_report_with_the_whole_mail_is_read_without_reading_it_all() -> None:
    content = make_dsn(envelope(7), READER, message_id="<x.y@papers.example>")
    assert read(content.replace(b"The papers.", b"x" * 2 * LONGEST)).message_id == "<x.y@papers.example>"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("abuse", "complaint"),
        ("Fraud", "complaint"),
        ("other", "complaint"),
        ("not-spam", "other"),
        ("auth-failure", "other"),
        ("opt-out", "unsubscribe"),
        ("something", "other"),
    ],
)
def test_a_complaint_is_one_only_when_a_person_minds(kind: str, expected: str) -> None:
    report = read(make_complaint(MAILBOX, "<x.y@papers.example>", READER, kind))
    assert (report.kind, report.message_id, report.recipients) == (expected, "<x.y@papers.example>", (READER,))


def test_a_complaint_need_not_name_the_recipient() -> None:
    assert read(make_complaint(MAILBOX, "<x.y@papers.example>")).recipients == ()


def test_mail_to_an_unsubscribe_address_is_told_and_other_mail_is_not() -> None:
    report = read(make_letter(f"Digest <{envelope(3, 'u')}>"))
    assert (report.kind, report.message_id) == ("unsubscribe", "")
    assert envelope(3, "u") in report.addresses
    for to in (MAILBOX, envelope(3), "u3@papers.example"):
        assert read_report(make_letter(to, "I am away")) is None


@settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_taken(content: bytes) -> None:
    read_report(content)


@settings(deadline=None)
@given(st.data())
def test_any_damage_to_a_report_is_taken(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([make_dsn(envelope(7), READER), make_complaint(MAILBOX, "<x@y>", READER)]))
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 80)))
    report = read_report(content[:start] + data.draw(st.binary(max_size=40)) + content[end:])
    assert report is None or len(report.words) <= 400


@settings(deadline=None)
@given(st.sampled_from(["status", "action", "diagnostic", "message_id", "return_path"]), st.text(max_size=80))
def test_any_words_in_a_field_are_taken(name: str, words: str) -> None:
    content = make_dsn(envelope(7), READER).decode()
    field = {"diagnostic": "Diagnostic-Code", "message_id": "Message-ID", "return_path": "Return-Path"}.get(name, name)
    read_report(content.replace(f"{field.title()}: ", f"{field}: {words}").encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: message/rfc822\n\n" * 20_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20_000)),
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(90))
        + b"--b\n" * 99_999,
        b"Content-Type: multipart/report; boundary=b\n\n"
        + b"--b\nContent-Type: message/delivery-status\n\n\n" * 20_000,
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
        + b"A: b\n\n" * 99_999,
        b"Content-Type: multipart/report; boundary*=x-no'en'%ff; boundary*1=b\n\n--b\n",
        b"Subject: " + b"=?utf-8?q?" * 100_000,
        b"To: " + b"+u1-" * 500_000,
        b"\x00" * 3_000_000,
        b"To: a\n " * 500_000,
    ],
    ids=range(10),
)
def test_rubbish_made_to_hurt_costs_little(content: bytes) -> None:
    start = time.process_time()
    read_report(content)
    assert time.process_time() - start < 5


def test_words_are_one_printable_line() -> None:
    assert shorten_words("550\r\n  no\x00 such\tuser " + "x" * 900)[:16] == "550 no? such use"
    assert len(shorten_words("x" * 9_000)) == 400
