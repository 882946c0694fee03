"""The way out by SMTP: a few connections to one relay, each with one message in flight.

aiosmtplib opens a connection (TLS, log-in, EHLO). After that we speak ourselves: it waits for every reply, which makes
four round trips a message, and where the server offers PIPELINING (RFC 2920) two are enough.

A relay that answers 421 or breaks off is tried again after a pause, over one connection at first; others come back one
by one while it accepts. What is in flight is always waited for: a message that is cut off may be doubled.
"""

import asyncio
import random
import ssl
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiosmtplib

from digest.errors import ConfigurationError, Unreachable
from digest.mail.replies import Reply, Stage, Verdict
from digest.mail.transports import Envelope, Settle, Transport
from digest.mail.wire import Wire

CONNECT_TIMEOUT = 20.0  # seconds
PAUSES = (0.2, 1.0)  # seconds before the second and third try of a relay that went away
GROWTH = 10  # accepted messages after which a relay that went away gets one more connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our mail, and how to speak to it. `ca` is a file of certificates to trust."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    start_tls: bool = False
    tls: bool = False
    ca: Path | None = None
    connections: int = 4

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


class SmtpTransport(Transport):
    """Connections are opened when they are needed, and end with the context."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.width = relay.connections
        self._accepted = 0
        self._idle: list[Wire] = []
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            self._runner.run(self._quit())
            self._runner.close()
        self._runner = None

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        self._run(_Round(self, envelopes, settle).run())

    def check(self) -> str:
        self._run(self._check())
        return f"the mail server {self.relay.place} answers" + (" and takes the log-in" if self.relay.username else "")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            work.close()
            raise RuntimeError("the transport is used outside its context")
        return self._runner.run(work)

    async def _check(self) -> None:
        wire = await self.take()
        if isinstance(wire, Reply):
            raise Unreachable(wire.words)
        self._idle.append(wire)

    async def _quit(self) -> None:
        await asyncio.gather(*(wire.quit() for wire in self._idle))
        self._idle.clear()

    async def take(self) -> Wire | Reply:
        """A connection, or the relay's reason for having none."""
        while self._idle:
            wire = self._idle.pop()
            if wire.usable:
                return wire
            wire.close()
        return await self._connect()

    async def _connect(self) -> Wire | Reply:
        relay = self.relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls,
            start_tls=relay.start_tls,
            username=relay.username or None,
            password=relay.password or None,
            tls_context=_trust(relay.ca) if relay.tls or relay.start_tls else None,
            timeout=CONNECT_TIMEOUT,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            reason = " ".join(str(error).split()).rstrip(".")
            words = f"The mail server {relay.place} cannot be used: {reason}. See DIGEST_SMTP_*."
            return Reply(Stage.CONNECT, getattr(error, "code", 0), words)
        return await Wire.over(client)

    def give_back(self, wire: Wire, reply: Reply) -> None:
        """Keep a connection for the next message, unless it broke; and count how the relay behaves."""
        if reply.verdict in (Verdict.FREE, Verdict.UNKNOWN):
            wire.close()
            self.width, self._accepted = 1, 0
            return
        self._idle.append(wire)
        self._accepted += reply.verdict is Verdict.SENT
        if self._accepted >= GROWTH and self.width < self.relay.connections:
            self.width, self._accepted = self.width + 1, 0


class _Round:
    """One call of `send_all`: as many servers at work as the transport's width allows."""

    def __init__(self, transport: SmtpTransport, envelopes: Iterator[Envelope], settle: Settle) -> None:
        self._transport = transport
        self._envelopes = envelopes
        self._settle = settle
        self._working = 0
        self._over = False
        self._error: Exception | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._grow()
        if self._error is not None:
            raise self._error

    def _grow(self) -> None:
        while self._working < self._transport.width and not self._over:
            self._working += 1
            self._group.create_task(self._serve())

    async def _serve(self) -> None:
        """Send message after message. An error ends the round, but lets the others finish what is in flight."""
        try:
            while not self._over and self._working <= self._transport.width:
                envelope = next(self._envelopes, None)
                if envelope is None:
                    self._over = True
                    break
                reply = await self._send(envelope)
                self._settle(envelope, reply)
                self._grow()
        except Exception as error:  # noqa: BLE001 - it is raised again when all have finished
            self._error, self._over = self._error or error, True
        finally:
            self._working -= 1

    async def _send(self, envelope: Envelope) -> Reply:
        """The final reply; a relay that goes away before it has the message gets two more tries."""
        for pause in (*PAUSES, 0.0):
            wire = await self._transport.take()
            reply = wire if isinstance(wire, Reply) else await wire.send(envelope)
            if isinstance(wire, Wire):
                self._transport.give_back(wire, reply)
            if reply.verdict is not Verdict.FREE or not pause:
                break
            self._transport.width = 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        if reply.verdict is Verdict.FREE:
            self._error, self._over = self._error or Unreachable(self._say(reply)), True
        return reply

    def _say(self, reply: Reply) -> str:
        if reply.code or reply.stage is Stage.CONNECT:
            return reply.text
        return f"The connection to {self._transport.relay.place} broke: {reply.words}."


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"DIGEST_SMTP_CA {ca} cannot be read as certificates: {error}.") from error
