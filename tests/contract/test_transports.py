"""What every transport promises, whichever way out it is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default
from pathlib import Path

import pytest
from smtp_sink import SmtpSink

from digest.composing.messages import Message, Sender
from digest.composing.mime import assemble
from digest.mail.smtp import Relay, SmtpTransport
from digest.mail.transports import Envelope, FolderTransport, MemoryTransport, Transport

SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
NASTY = (
    b"Subject: x\r\n\r\n.\r\n..two\r\n.dot first\r\nFrom the start\r\n\r\n" + b"y" * 998 + b"\r\n caf\xc3\xa9 \t\r\n"
)


@dataclass(frozen=True)
class Way:
    """A transport, and what came out at its other end."""

    transport: Transport
    arrived: Callable[[], list[bytes]]


@pytest.fixture(params=["memory", "folder", "smtp"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with ExitStack() as stack:
        if request.param == "memory":
            memory = MemoryTransport()
            yield Way(memory, lambda: [envelope.content for envelope in memory.sent])
        elif request.param == "folder":
            yield Way(FolderTransport(tmp_path), lambda: [path.read_bytes() for path in sorted(tmp_path.glob("*.eml"))])
        else:
            sink = stack.enter_context(SmtpSink())
            yield Way(SmtpTransport(Relay("127.0.0.1", sink.port)), lambda: sink.contents)


def envelope(content: bytes = NASTY, name: str = "one") -> Envelope:
    return Envelope("digest@papers.example", "ada@example.org", content, name)


def test_a_message_that_is_taken_is_acknowledged_in_one_line_of_words(way: Way) -> None:
    with way.transport as transport:
        words = transport.send(envelope())
    assert words.strip()
    assert len(words.splitlines()) == 1


def test_the_content_arrives_byte_for_byte(way: Way) -> None:
    with way.transport as transport:
        transport.send(envelope())
    assert way.arrived() == [NASTY]


def test_a_subject_in_any_script_arrives(way: Way) -> None:
    subject = "Ωμέγα – 机器学习, مرحبا 🚀"
    date = datetime(2026, 5, 6, tzinfo=UTC)
    message = Message(Address("Zoë", addr_spec="zoe@example.org"), subject, "t\n", "<p>t</p>\n", date, "<1@x.org>", {})
    with way.transport as transport:
        transport.send(envelope(assemble(SENDER, message)))
    (content,) = way.arrived()
    assert message_from_bytes(content, policy=default)["Subject"] == subject


def test_many_messages_go_out_in_one_context_and_in_order(way: Way) -> None:
    contents = [f"Subject: {number}\r\n\r\nbody {number}\r\n".encode() for number in range(20)]
    with way.transport as transport:
        for number, content in enumerate(contents):
            transport.send(envelope(content, f"{number:02}"))
    assert way.arrived() == contents


def test_a_context_that_has_ended_can_be_entered_again(way: Way) -> None:
    for number in (1, 2):
        with way.transport as transport:
            transport.send(envelope(name=str(number)))
    assert way.arrived() == [NASTY, NASTY]


def test_a_check_says_in_one_line_that_all_is_well_and_sends_nothing(way: Way) -> None:
    with way.transport as transport:
        words = transport.check()
    assert words.strip()
    assert len(words.splitlines()) == 1
    assert way.arrived() == []
