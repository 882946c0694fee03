"""One connection to a relay that speaks SMTP (RFC 5321), from the first MAIL on."""

import asyncio
import re
from typing import Self

import aiosmtplib

from digest.mail.replies import Reply, Stage
from digest.mail.transports import Envelope

REPLY_TIMEOUT = 300.0  # seconds; RFC 5321 4.5.3.2
FINAL_DOT_TIMEOUT = 600.0  # less turns a slow filter at the relay into doubled mail
QUIT_TIMEOUT = 2.0
GO_AHEAD, SERVICE_GONE = 354, 421
MOST_LINES = 100  # of one reply
ANSWER = re.compile(rb"(\d{3})([ -]?)(.*)")
Broken = (OSError, EOFError, asyncio.LimitOverrunError, ValueError)


class Wire:
    """Sends one message at a time. After a reply of code 0 or 421 the connection is of no more use."""

    def __init__(self, client: aiosmtplib.SMTP, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._reader, self._writer = reader, writer
        self._pipelining = client.supports_extension("pipelining")
        self._takes_8bit = client.supports_extension("8bitmime")
        self._fresh = True

    @classmethod
    async def over(cls, client: aiosmtplib.SMTP) -> Self:
        """Take a connection over from the library that has opened it."""
        transport = client.transport
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it has just been connected
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return cls(client, reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop()))

    @property
    def usable(self) -> bool:
        return not (self._writer.is_closing() or self._reader.at_eof())

    def close(self) -> None:
        self._writer.close()

    async def quit(self) -> None:
        """End politely, if the other side still listens."""
        try:
            async with asyncio.timeout(QUIT_TIMEOUT):
                self._writer.write(b"QUIT\r\n")
                await self._read(Stage.CONNECT)
        except Broken:
            pass  # it is over either way
        self._writer.close()

    async def send(self, envelope: Envelope) -> Reply:
        """Hand a message over; never raises for what the other side does."""
        try:
            commands = self._commands(envelope)
        except UnicodeError:
            return Reply(Stage.RCPT, 553, f"5.1.3 {envelope.recipient} cannot be told to a mail server: not ASCII")
        refused = await (self._ask_at_once(commands) if self._pipelining else self._ask_in_turn(commands))
        self._fresh = False
        return refused or await self._hand_over(envelope.content)

    def _commands(self, envelope: Envelope) -> list[tuple[Stage, bytes]]:
        option = b"" if envelope.content.isascii() or not self._takes_8bit else b" BODY=8BITMIME"
        reset = [] if self._fresh else [(Stage.MAIL, b"RSET")]
        return [
            *reset,
            (Stage.MAIL, b"MAIL FROM:<" + envelope.sender.encode("ascii") + b">" + option),
            (Stage.RCPT, b"RCPT TO:<" + envelope.recipient.encode("ascii") + b">"),
            (Stage.DATA, b"DATA"),
        ]

    async def _ask_in_turn(self, commands: list[tuple[Stage, bytes]]) -> Reply | None:
        for stage, command in commands:
            reply = await self._exchange(stage, command)
            if not _is_right(reply):
                return reply
        return None

    async def _ask_at_once(self, commands: list[tuple[Stage, bytes]]) -> Reply | None:
        """Write all commands and read all replies; the first that is not right is the one that counts."""
        replies = [await self._exchange(commands[0][0], b"\r\n".join(command for _, command in commands))]
        for stage, _ in commands[1:]:
            if replies[-1].code in (0, SERVICE_GONE):
                return replies[-1]
            replies.append(await self._exchange(stage))
        refused = next((reply for reply in replies if not _is_right(reply)), None)
        if refused is not None and replies[-1].code == GO_AHEAD:
            await self._exchange(Stage.DATA, b".")  # nobody is to get it: an empty message, which must be refused
        return refused

    async def _hand_over(self, content: bytes) -> Reply:
        """Write the body and, if the connection still stands then, the final dot: from there on it may be theirs."""
        try:
            self._writer.write(stuff(content))
            async with asyncio.timeout(FINAL_DOT_TIMEOUT):
                await self._writer.drain()
            if not self.usable:
                return Reply(Stage.DATA, 0, "it was closed")
        except Broken as error:
            return Reply(Stage.DATA, 0, _why(error))
        return await self._exchange(Stage.BODY, b".", FINAL_DOT_TIMEOUT)

    async def _exchange(self, stage: Stage, command: bytes = b"", patience: float | None = None) -> Reply:
        """Write a command, if there is one, and read a reply."""
        try:
            if command:
                self._writer.write(command + b"\r\n")
            async with asyncio.timeout(patience or REPLY_TIMEOUT):
                return await self._read(stage)
        except Broken as error:
            return Reply(stage, 0, _why(error))

    async def _read(self, stage: Stage) -> Reply:
        words: list[str] = []
        for _ in range(MOST_LINES):
            found = ANSWER.fullmatch((await self._reader.readuntil(b"\n")).rstrip(b"\r\n"))
            if found is None:
                break
            words.append(found[3].decode("utf-8", "replace"))
            if found[2] != b"-":
                return Reply(stage, int(found[1]), " ".join(" ".join(words).split()))
        raise ValueError("its reply is no SMTP")


def _is_right(reply: Reply) -> bool:
    return reply.code == GO_AHEAD if reply.stage is Stage.DATA else reply.code // 100 == 2  # noqa: PLR2004


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return "it was closed" if isinstance(error, EOFError) else str(error).rstrip(".") or type(error).__name__


def stuff(content: bytes) -> bytes:
    """A body as it is written after DATA: lines that begin with a dot get another, and the last one has an end."""
    if content.startswith(b".") or b"\n." in content:
        content = (b"\n" + content).replace(b"\n.", b"\n..")[1:]
    return content if content.endswith(b"\r\n") else content + b"\r\n"
