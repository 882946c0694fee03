"""A real SMTP server on a free port of 127.0.0.1 that keeps what it accepts and answers as it is told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

DROP = "drop the connection"
PATIENCE = 60.0  # seconds that it has to start

Reply = Callable[[str, str], str | None]


def accept(_stage: str, _recipient: str) -> None:
    """The reply of a server that takes everything."""


@dataclass(frozen=True)
class Received:
    """One accepted message; `peer` is another for every connection."""

    sender: str
    recipients: list[str]
    content: bytes
    peer: Any


class SmtpSink:
    """Use it as a context: `port` is where it listens, `messages` what it has accepted.

    `reply(stage, recipient)` is asked at stage "RCPT" and, once a message has come, at "DATA": None accepts, a text
    such as "451 4.7.1 Later" is the answer, DROP breaks the connection. `delay` is the time in seconds between keeping
    a message and saying so. `extensions` are named after EHLO. `options` go to aiosmtpd.smtp.SMTP.

    `commands` are the verbs that came, in order; `open_at_once` is the most connections that were open together.
    """

    def __init__(
        self, reply: Reply = accept, delay: float = 0.0, extensions: Sequence[str] = (), **options: Any
    ) -> None:
        self.reply = reply
        self.delay = delay
        self.extensions = extensions
        self.commands: list[str] = []
        self.open_at_once = 0
        self.messages: list[Received] = []
        self._controller = self.make_controller(options)

    def make_controller(self, options: dict[str, Any]) -> "FreePort":
        return FreePort(self, hostname="127.0.0.1", port=0, ready_timeout=PATIENCE, **options)

    async def handle_EHLO(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *(f"250-{name}" for name in self.extensions), responses[-1]]

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def contents(self) -> list[bytes]:
        return [message.content for message in self.messages]

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self._ask(server, "RCPT", address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self._ask(server, "DATA", envelope.rcpt_tos[0])
        if answer is not None:
            return answer
        content = bytes(envelope.content or b"")  # type: ignore[arg-type]
        self.messages.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), content, session.peer))
        number = len(self.messages)
        await asyncio.sleep(self.delay)
        return f"250 2.0.0 Kept as {number}"

    def _ask(self, server: SMTP, stage: str, recipient: str) -> str | None:
        answer = self.reply(stage, recipient)
        if answer == DROP:
            server.transport.abort()  # type: ignore[union-attr]
        return answer


class _Server(SMTP):
    """Keeps count of commands and connections."""

    open_now = 0

    def connection_made(self, transport: Any) -> None:
        sink = self.event_handler
        _Server.open_now += 1
        sink.open_at_once = max(sink.open_at_once, _Server.open_now)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        _Server.open_now -= 1
        super().connection_lost(error)

    async def _call_handler_hook(self, command: str, *arguments: Any) -> Any:
        self.event_handler.commands.append(command)
        return await super()._call_handler_hook(command, *arguments)


class FreePort(Controller):
    """Listens on a port that the system chose, and learns it before the first connection."""

    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()
