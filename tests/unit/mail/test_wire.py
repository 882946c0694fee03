"""A connection's talk, with a server that says what it is told to, however odd."""

import asyncio
from collections.abc import Sequence

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.mail import wire
from digest.mail.replies import Reply, Stage, Verdict
from digest.mail.transports import Envelope
from digest.mail.wire import Wire, stuff

MAIL = Envelope("digest@papers.example", "ada@example.org", b"Subject: x\r\n\r\nHello.\r\n", "one")
GREETING = b"220 odd ESMTP\r\n"
OK = b"250 2.0.0 ok\r\n"


class OddServer:
    """Gives an answer per line until it has none left, and then hangs up, or waits where it is told to."""

    def __init__(self, answers: Sequence[bytes], *, waits: bool = False) -> None:
        self.answers = [b"250 odd\r\n", *answers]
        self.waits = waits
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(GREETING)
            body = False
            for answer in self.answers:
                self.heard += await reader.readuntil(b"\r\n.\r\n" if body else b"\r\n")
                body = answer.startswith(b"354")
                writer.write(answer)
            if self.waits:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            writer.close()

    async def hear(self, envelope: Envelope) -> Reply:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
            await client.connect()
            await client.ehlo()
            connection = await Wire.over(client)
            reply = await connection.send(envelope)
            connection.close()
            await asyncio.sleep(0.01)  # for both ends to notice
        return reply


def run(*answers: bytes, envelope: Envelope = MAIL, waits: bool = False) -> tuple[Reply, bytes]:
    """The last reply, and all that the server heard."""
    server = OddServer(answers, waits=waits)
    return asyncio.run(server.hear(envelope)), server.heard


def test_a_message_is_told_in_the_protocols_order() -> None:
    reply, heard = run(OK, OK, b"354 go\r\n", OK)
    assert (reply.stage, reply.verdict, reply.text) == (Stage.BODY, Verdict.SENT, "250 2.0.0 ok")
    words = b"MAIL FROM:<digest@papers.example>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n"
    assert heard.partition(b"\r\n")[2] == words + MAIL.content + b".\r\n"


def test_a_reply_of_many_lines_is_one() -> None:
    reply, _ = run(OK, b"550-5.1.1 There is\r\n550-5.1.1 nobody\r\n550 5.1.1 here\r\n")
    assert (reply.code, reply.status, reply.stage) == (550, "5.1.1", Stage.RCPT)
    assert reply.words == "5.1.1 There is 5.1.1 nobody 5.1.1 here"


ODD = [b"hello\r\n", b"\r\n", b"\xff\xfe\x00\r\n", b"99 x\r\n", b"250-on and on\r\n" * 200, b"x" * 70_000 + b"\r\n"]


@pytest.mark.parametrize("answer", ODD)
def test_what_is_no_reply_breaks_the_connection_off(answer: bytes) -> None:
    reply, _ = run(answer)
    assert (reply.code, reply.verdict) == (0, Verdict.FREE)
    assert reply.words


def test_words_that_are_not_ascii_are_read_all_the_same() -> None:
    reply, _ = run(OK, "550 5.1.1 Unbekannter Empfänger\r\n".encode())
    assert reply.words == "5.1.1 Unbekannter Empfänger"


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ((), Verdict.FREE),
        ((OK,), Verdict.FREE),
        ((OK, OK), Verdict.FREE),
        ((OK, OK, b"354 go\r\n"), Verdict.UNKNOWN),
    ],
)
def test_a_connection_that_ends_is_judged_by_whether_the_dot_was_written(
    answers: tuple[bytes, ...], verdict: Verdict
) -> None:
    reply, _ = run(*answers)
    assert (reply.code, reply.verdict) == (0, verdict)


def test_a_server_that_does_not_answer_in_time_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REPLY_TIMEOUT", 0.05)

    reply, _ = run(waits=True)
    assert reply.words == "it did not answer in time"


def test_an_address_that_is_not_ascii_is_never_said() -> None:
    odd = Envelope("digest@papers.example", "ada@bücher.example", b"x", "one")

    reply, heard = run(envelope=odd, waits=True)
    assert reply.verdict is Verdict.DEAD
    assert b"MAIL" not in heard


@given(st.lists(st.sampled_from([b".", b"..", b".x", b"x", b"", b"x."]), max_size=12))
def test_a_body_comes_out_as_it_went_in(lines: list[bytes]) -> None:
    body = b"".join(line + b"\r\n" for line in lines) or b"\r\n"
    written = stuff(body)
    assert b"\r\n.\r\n" not in b"\r\n" + written
    assert b"".join(line.removeprefix(b".") for line in written.splitlines(keepends=True)) == body


def test_a_body_without_an_end_gets_one() -> None:
    assert stuff(b"x") == b"x\r\n"
