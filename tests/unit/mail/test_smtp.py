"""What is particular to SMTP: refusals, broken connections, pipelining, TLS and log-in."""

from collections.abc import Iterator

import pytest
from aiosmtpd.smtp import AuthResult
from servers import find_free_port
from smtp_sink import DROP, SmtpSink, accept

from digest.errors import PermanentError, TransientError, Unreachable
from digest.mail.smtp import Relay, SmtpTransport
from digest.mail.transports import Envelope

CONTENT = b"Subject: Hello\r\n\r\nHello.\r\n"


def envelope(name: str = "2026-05-06.seal-ada@example.org", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@papers.example", "ada@example.org", content, name)


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
        ("554 5.6.0 Not taken", PermanentError),
        ("554 5.7.1 Not welcome", TransientError),
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


def test_a_connection_that_always_breaks_is_unreachable_and_names_the_server(sink: SmtpSink) -> None:
    sink.reply = lambda asked, _: DROP if asked == "RCPT" else None
    with relay(sink) as transport, pytest.raises(Unreachable, match=f"^The connection to 127.0.0.1:{sink.port} broke"):
        transport.send(envelope())


def test_a_connection_that_breaks_after_the_dot_is_not_tried_again_by_itself(sink: SmtpSink) -> None:
    asked: list[str] = []
    sink.reply = lambda stage, _: asked.append(stage) or (DROP if stage == "DATA" else None)  # type: ignore[func-returns-value]
    with relay(sink) as transport, pytest.raises(Unreachable, match="broke before the answer"):
        transport.send(envelope())
    assert asked == ["RCPT", "DATA"]


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
