"""What is particular to the folder and to SMTP: file names, refusals, broken connections, TLS and log-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import find_free_port
from smtp_sink import DROP, SmtpSink, accept

from digest.errors import PermanentError, TransientError, Unreachable
from digest.mail.transports import Envelope, FolderTransport, Relay, SmtpTransport

CONTENT = b"Subject: Hello\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>caf\xc3\xa9</p>\r\n"


def envelope(name: str = "2026-05-06.seal-ada@example.org", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@papers.example", "ada@example.org", content, name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_gets_one_eml_and_one_html_per_message(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path / "new" / "outbox")
    transport.send(envelope("one"))
    transport.send(envelope("two"))
    assert names(transport.folder) == ["one.eml", "one.html", "two.eml", "two.html"]
    assert (transport.folder / "one.html").read_text(encoding="utf-8").strip() == "<p>café</p>"


def test_a_plain_text_mail_is_shown_as_it_is(tmp_path: Path) -> None:
    FolderTransport(tmp_path).send(envelope("one", b"Subject: x\r\n\r\nonly text\r\n"))
    assert "only text" in (tmp_path / "one.html").read_text()


def test_a_message_sent_again_replaces_itself(tmp_path: Path) -> None:
    FolderTransport(tmp_path).send(envelope())
    FolderTransport(tmp_path).send(envelope(content=CONTENT.replace(b"Hello", b"Again")))
    assert len(names(tmp_path)) == 2
    assert b"Subject: Again" in next(tmp_path.glob("*.eml")).read_bytes()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/b\\c:d*?", "a\nb\x00c", "-rf", "~root"])
def test_a_nasty_name_stays_inside_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "outbox"
    FolderTransport(folder).send(envelope(name))
    assert names(tmp_path) == ["outbox"]
    assert len(names(folder)) == 2
    assert not any(set(found) & set("/\\:*?\n\x00~ ") for found in names(folder))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_name_gives_a_safe_file(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("any") / "outbox"
    FolderTransport(folder).send(envelope(name))
    assert [path.suffix for path in sorted(folder.iterdir())] == [".eml", ".html"]
    assert names(folder.parent) == ["outbox"]


def test_the_longest_address_gives_a_file_name_that_fits(tmp_path: Path) -> None:
    address = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.org"
    FolderTransport(tmp_path).send(envelope(f"2026-05-06.{'0' * 20}-{address}"))
    assert len(names(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_unreachable_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    transport = FolderTransport(tmp_path / "file" / "outbox")
    for attempt in (lambda: transport.send(envelope()), transport.check):
        with pytest.raises(Unreachable, match=r"^The folder .*outbox cannot be written: .*\.$"):
            attempt()


def test_a_failed_write_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "one.eml").mkdir()  # which nothing can replace
    with pytest.raises(Unreachable):
        FolderTransport(tmp_path).send(envelope("one"))
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


def relay(sink: SmtpSink, **options: object) -> SmtpTransport:
    return SmtpTransport(Relay("127.0.0.1", sink.port, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("450 4.2.1 Mailbox busy", TransientError),
        ("452 4.3.1 Full", TransientError),
        ("550 5.1.1 No such user", PermanentError),
        ("554 5.7.1 Not welcome", PermanentError),
        ("421 4.3.2 Going down", Unreachable),
    ],
)
def test_a_refusal_becomes_the_error_of_its_class_with_the_servers_words(
    sink: SmtpSink, stage: str, reply: str, error: type[Exception]
) -> None:
    sink.reply = lambda asked, _: reply if asked == stage else None
    with relay(sink) as transport, pytest.raises(Exception, match=f"^{reply}$") as caught:
        transport.send(envelope())
    assert caught.type is error
    assert sink.messages == []


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
def test_a_broken_connection_is_unreachable_and_names_the_server(sink: SmtpSink, stage: str) -> None:
    sink.reply = lambda asked, _: DROP if asked == stage else None
    with relay(sink) as transport, pytest.raises(Unreachable, match=f"^The connection to 127.0.0.1:{sink.port} broke"):
        transport.send(envelope())


@pytest.mark.parametrize("answer", ["450 4.2.1 Busy", "550 5.1.1 Nobody", "421 4.3.2 Down", DROP])
def test_after_a_refusal_the_next_message_goes_out(sink: SmtpSink, answer: str) -> None:
    sink.reply = lambda _stage, _: answer
    with relay(sink) as transport:
        with pytest.raises(TransientError if answer[0] != "5" else PermanentError):
            transport.send(envelope())
        sink.reply = accept
        transport.send(envelope())
    assert len(sink.messages) == 1


def test_one_connection_serves_all_messages_of_a_context(sink: SmtpSink) -> None:
    sink.reply = lambda _stage, recipient: "550 5.1.1 Nobody" if recipient.startswith("nobody") else None
    with relay(sink) as transport:
        transport.check()
        transport.send(envelope())
        with pytest.raises(PermanentError):
            transport.send(Envelope("digest@papers.example", "nobody@example.org", CONTENT, "two"))
        transport.send(envelope())
    assert [message.recipients for message in sink.messages] == [["ada@example.org"]] * 2
    assert len({message.peer for message in sink.messages}) == 1


def test_nobody_listening_is_unreachable_and_names_host_and_port() -> None:
    port = find_free_port()
    transport = SmtpTransport(Relay("127.0.0.1", port))
    for attempt in (lambda: transport.send(envelope()), transport.check):
        with transport, pytest.raises(Unreachable) as caught:
            attempt()
        assert f"127.0.0.1:{port}" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_demanded_starttls_that_is_not_offered_is_unreachable_and_nothing_goes_out(sink: SmtpSink) -> None:
    with relay(sink, start_tls=True) as transport, pytest.raises(Unreachable, match="STARTTLS"):
        transport.send(envelope())
    assert sink.messages == []


def test_a_certificate_that_nobody_vouches_for_is_refused(sink: SmtpSink) -> None:
    with relay(sink, tls=True) as transport, pytest.raises(Unreachable, match=f"127.0.0.1:{sink.port}"):
        transport.send(envelope())
    assert sink.messages == []


def test_a_refused_log_in_says_so_without_the_password() -> None:
    with (
        SmtpSink(authenticator=lambda *_: AuthResult(success=False, handled=False), auth_require_tls=False) as sink,
        relay(sink, username="digest", password="top-secret") as transport,
        pytest.raises(Unreachable) as caught,
    ):
        transport.check()
    assert "535" in str(caught.value)
    assert "top-secret" not in str(caught.value)


def test_an_accepted_log_in_is_told() -> None:
    with (
        SmtpSink(authenticator=lambda *_: AuthResult(success=True), auth_require_tls=False) as sink,
        relay(sink, username="digest", password="top-secret") as transport,
    ):
        assert "log-in" in transport.check()


def test_a_transport_outside_its_context_is_a_programming_error(sink: SmtpSink) -> None:
    with pytest.raises(RuntimeError, match="outside its context"):
        relay(sink).send(envelope())


def test_an_address_that_cannot_be_spoken_is_refused_for_good(sink: SmtpSink) -> None:
    with relay(sink) as transport, pytest.raises(PermanentError):
        transport.send(Envelope("digest@papers.example", "ada@bücher.example", CONTENT, "one"))
