"""The `Transport` port, and the ways out: SMTP, a folder, memory.

A transport takes finished bytes. It raises Unreachable when the other side cannot be spoken to at all, TransientError
when this message may go later, PermanentError when it never will.
"""

import asyncio
import email
import os
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import aiosmtplib

from digest.errors import PermanentError, TransientError, Unreachable

T = TypeVar("T")

FINAL_DOT_TIMEOUT = 600.0  # seconds; RFC 5321 4.5.3.2.6: less turns a slow filter into doubled mail
CONNECT_TIMEOUT = 20.0
LONGEST_STEM = 180  # characters of a file's name; file systems take 255 bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a mail server is told: who sends, who gets it, and the message's bytes. `name` is unique to the message."""

    sender: str
    recipient: str
    content: bytes
    name: str


class Transport(Protocol):
    """A way out for mail, used as a context so that connections end with it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, envelope: Envelope) -> str:
        """Hand one message over; returns the other side's words of acceptance."""
        ...

    def check(self) -> str:
        """One line that says the transport works, without sending; raises Unreachable or PermanentError."""
        ...


class _Stateless:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class MemoryTransport(_Stateless):
    """Keeps envelopes in a list, for tests and previews."""

    def __init__(self) -> None:
        self.sent: list[Envelope] = []

    def send(self, envelope: Envelope) -> str:
        self.sent.append(envelope)
        return "kept in memory"

    def check(self) -> str:
        return "mail is kept in memory and goes nowhere"


class FolderTransport(_Stateless):
    """Writes one `.eml` and one `.html` per message; a message sent again replaces itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, envelope: Envelope) -> str:
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


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our mail, and how to speak to it."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    start_tls: bool = False
    tls: bool = False


class SmtpTransport:
    """One connection to a relay, opened at the first message and kept until the context ends."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._runner: asyncio.Runner | None = None
        self._client: aiosmtplib.SMTP | None = None

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None and self._client.is_connected:
            self._run(self._quit())
        if self._runner is not None:
            self._runner.close()
        self._runner = self._client = None

    def send(self, envelope: Envelope) -> str:
        return self._run(self._send(envelope))

    def check(self) -> str:
        self._run(self._connect())
        return f"the mail server {self._place} answers" + (" and takes the log-in" if self.relay.username else "")

    @property
    def _place(self) -> str:
        return f"{self.relay.host}:{self.relay.port}"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            work.close()
            raise RuntimeError("the transport is used outside its context")
        return self._runner.run(work)

    async def _connect(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        relay = self.relay
        self._client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls,
            start_tls=relay.start_tls,
            username=relay.username or None,
            password=relay.password or None,
            timeout=CONNECT_TIMEOUT,
        )
        try:
            await self._client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise Unreachable(f"The mail server {self._place} cannot be used: {reason}. See DIGEST_SMTP_*.") from error
        return self._client

    async def _send(self, envelope: Envelope) -> str:
        client = await self._connect()
        try:
            _, reply = await client.sendmail(
                envelope.sender, [envelope.recipient], envelope.content, timeout=FINAL_DOT_TIMEOUT
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judge(error.recipients[0]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judge(error) from error
        except UnicodeError as error:
            raise PermanentError(f"{envelope.recipient} cannot be told to a mail server: it is not ASCII.") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Unreachable(f"The connection to {self._place} broke: {error}.") from error
        return " ".join(reply.split())

    async def _quit(self) -> None:
        if self._client is not None:
            try:
                await self._client.quit()
            except (aiosmtplib.SMTPException, OSError):
                self._client.close()  # it is over either way


def _judge(error: aiosmtplib.SMTPResponseException) -> Exception:
    """A reply as one of our errors: 421 ends the connection, other 4xx may pass later, 5xx never will."""
    words = f"{error.code} {' '.join(str(error.message).split())}"
    if error.code == aiosmtplib.SMTPStatus.domain_unavailable:
        return Unreachable(words)
    transient = 400 <= error.code < 500  # noqa: PLR2004 - the protocol's own classes
    return TransientError(words) if transient else PermanentError(words)
