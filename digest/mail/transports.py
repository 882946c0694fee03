"""The `Transport` port, and the ways out that need no server: a folder, memory. SMTP has a module of its own."""

import email
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from digest.errors import PermanentError, TransientError, Unreachable
from digest.mail.replies import Reply, Stage, Verdict

FINAL = frozenset({Verdict.DEAD, Verdict.REFUSED})
LONGEST_STEM = 180  # characters of a file's name; file systems take 255 bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a mail server is told: who sends, who gets it, and the message's bytes. `name` is unique to the message."""

    sender: str
    recipient: str
    content: bytes
    name: str


Settle = Callable[[Envelope, Reply], None]


class Transport(Protocol):
    """A way out for mail, used as a context so that connections end with it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        """Hand over one envelope after another, each asked for at the last moment and settled right after its reply.

        Raises Unreachable when the other side is gone, once everything that was asked for has been settled.
        """
        ...

    def check(self) -> str:
        """One line that says the transport works, without sending; raises Unreachable or PermanentError."""
        ...

    def send(self, envelope: Envelope) -> str:
        """Hand one message over; returns the other side's words of acceptance, or raises what its reply means."""
        replies: list[Reply] = []
        self.send_all(iter([envelope]), lambda _, reply: replies.append(reply))
        reply = replies[0]
        if reply.verdict is Verdict.SENT:
            return reply.words
        if reply.verdict is Verdict.UNKNOWN:
            raise Unreachable(f"The connection broke before the answer: {reply.words}.")
        raise (PermanentError if reply.verdict in FINAL else TransientError)(reply.text)


class MemoryTransport(Transport):
    """Keeps envelopes in a list, for tests and previews."""

    def __init__(self) -> None:
        self.sent: list[Envelope] = []

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        for envelope in envelopes:
            self.sent.append(envelope)
            settle(envelope, Reply(Stage.BODY, 250, "kept in memory"))

    def check(self) -> str:
        return "mail is kept in memory and goes nowhere"


class FolderTransport(Transport):
    """Writes one `.eml` and one `.html` per message; a message sent again replaces itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        for envelope in envelopes:
            settle(envelope, Reply(Stage.BODY, 250, self._write(envelope)))

    def _write(self, envelope: Envelope) -> str:
        mail = email.message_from_bytes(envelope.content, policy=default)
        body = mail.get_body(("html", "plain"))
        html = body.get_content() if body is not None else ""
        stem = file_stem(envelope.name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_whole(self.folder / f"{stem}.html", html.encode())
            _write_whole(self.folder / f"{stem}.eml", envelope.content)
        except OSError as error:
            raise Unreachable(f"The folder {self.folder} cannot be written: {error.strerror or error}.") from error
        return f"written to {stem}.eml"

    def check(self) -> str:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_whole(self.folder / ".check", b"")
            (self.folder / ".check").unlink()
        except OSError as error:
            raise Unreachable(f"The folder {self.folder} cannot be written: {error.strerror or error}.") from error
        return f"mail is written to {self.folder}"


def file_stem(name: str) -> str:
    """`name` as a file can be called everywhere."""
    return re.sub(r"[^A-Za-z0-9@.+_-]", "_", name)[:LONGEST_STEM]


def _write_whole(path: Path, content: bytes) -> None:
    """Either the whole file is there or none of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
