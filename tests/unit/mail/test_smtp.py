"""What is particular to SMTP: refusals, broken connections, pipelining, TLS and log-in."""

import datetime as dt
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from distance import Distance
from servers import find_free_port
from smtp_sink import DROP, SmtpSink, accept

from digest.errors import ConfigurationError, PermanentError, TransientError, Unreachable
from digest.mail.replies import Reply, Verdict
from digest.mail.smtp import GROWTH, Relay, SmtpTransport
from digest.mail.transports import Envelope

CONTENT = b"Subject: Hello\r\n\r\nHello.\r\n"


def envelope(name: str = "2026-05-06.seal-ada@example.org", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@papers.example", "ada@example.org", content, name)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


@dataclass(frozen=True)
class Certificate:
    """A server's certificate for “localhost” that vouches for itself."""

    path: Path
    context: ssl.SSLContext


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    path, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return Certificate(path, context)


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


# several at once


def letters(count: int) -> list[Envelope]:
    return [Envelope("digest@papers.example", f"r{n}@example.org", CONTENT, str(n)) for n in range(count)]


def send(transport: SmtpTransport, envelopes: list[Envelope]) -> list[tuple[str, Verdict]]:
    settled: list[tuple[str, Verdict]] = []
    with transport:
        transport.send_all(iter(envelopes), lambda envelope, reply: settled.append((envelope.name, reply.verdict)))
    return settled


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
def test_messages_share_a_pool_of_connections_and_each_is_settled_once(extensions: tuple[str, ...]) -> None:
    with SmtpSink(delay=0.005, extensions=extensions) as sink:
        settled = send(relay(sink, connections=3), letters(40))
        assert sorted(settled) == sorted((str(number), Verdict.SENT) for number in range(40))
        assert len({message.peer for message in sink.messages}) == 3
        assert sink.open_at_once == 3


def test_a_connection_is_used_for_hundreds_of_messages_with_a_reset_between_them(sink: SmtpSink) -> None:
    send(relay(sink, connections=1), letters(250))
    assert len({message.peer for message in sink.messages}) == 1
    assert sink.commands.count("RSET") == 249


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_in_a_pipeline_is_its_own_messages_alone(stage: str) -> None:
    with SmtpSink(extensions=("PIPELINING",)) as sink:
        sink.reply = lambda asked, who: "550 5.1.1 Nobody" if asked == stage and who.startswith("r1@") else None
        settled = dict(send(relay(sink, connections=1), letters(3)))
        refused = stage != "MAIL"  # at which no recipient is known yet
        assert settled["1"] is (Verdict.DEAD if refused else Verdict.SENT)
        assert (settled["0"], settled["2"]) == (Verdict.SENT, Verdict.SENT)
        assert len(sink.messages) == 3 - refused


def test_a_pipeline_takes_two_round_trips_and_the_plain_way_five() -> None:
    for extensions, most in (((), 5), (("PIPELINING",), 2)):
        with SmtpSink(extensions=extensions) as sink, Distance(sink.port) as distance:
            send(SmtpTransport(Relay("127.0.0.1", distance.port, connections=1)), letters(1))
            alone = distance.turns
        with SmtpSink(extensions=extensions) as sink, Distance(sink.port) as distance:
            send(SmtpTransport(Relay("127.0.0.1", distance.port, connections=1)), letters(11))
            assert distance.turns - alone == 10 * most


def test_after_a_relay_went_away_connections_come_back_one_by_one(
    sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.mail.smtp.PAUSES", (0.001, 0.01))
    gone: list[str] = []
    sink.reply = lambda stage, who: "421 4.3.2 Busy" if stage == "RCPT" and not gone and not gone.append(who) else None  # type: ignore[func-returns-value]
    transport = relay(sink, connections=4)
    settled = send(transport, letters(GROWTH))
    assert {verdict for _, verdict in settled} == {Verdict.SENT}
    assert transport.width in (1, 2)
    send(transport, letters(GROWTH * 4))
    assert transport.width == 4


def test_an_error_while_settling_ends_the_round_after_what_is_under_way(sink: SmtpSink) -> None:
    settled: list[str] = []

    def fail(envelope: Envelope, _reply: Reply) -> None:
        settled.append(envelope.name)
        raise TransientError("the database is gone")

    with relay(sink, connections=2) as transport, pytest.raises(TransientError, match="the database is gone"):
        transport.send_all(iter(letters(50)), fail)
    assert len(settled) == len(sink.messages) <= 4


def test_a_certificate_is_accepted_when_its_issuer_is_trusted(certificate: Certificate) -> None:
    with SmtpSink(tls_context=certificate.context, require_starttls=True) as sink:
        send(SmtpTransport(Relay("localhost", sink.port, start_tls=True, ca=certificate.path)), letters(2))
        assert len(sink.messages) == 2
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            send(SmtpTransport(Relay("localhost", sink.port, start_tls=True)), letters(1))
        with pytest.raises(Unreachable, match=r"(?i)certificate|mismatch"):
            send(SmtpTransport(Relay("127.0.0.1", sink.port, start_tls=True, ca=certificate.path)), letters(1))


def test_a_file_that_holds_no_certificates_is_the_operators_mistake(sink: SmtpSink, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match="DIGEST_SMTP_CA"):
        send(relay(sink, tls=True, ca=tmp_path / "ca.pem"), letters(1))
