"""A mail server that misbehaves by seed, at every point of a conversation, and knows what it has done."""

import asyncio
import random
from collections import Counter
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from smtp_sink import PATIENCE, FreePort, SmtpSink

SLOW = 0.05  # seconds for a slow 250
FAULTS = (
    "refuse the connection",
    "421 instead of a greeting",
    "refuse the log-in",
    "drop before MAIL",
    "451 at MAIL",
    "greylist",
    "421 at RCPT",
    "drop after RCPT",
    "drop inside DATA",
    "452 after the dot",
    "421 after the dot",
    "drop after the dot, before 250",
    "drop before 250, and keep it not",
    "slow 250",
    "drop after 250",
)
KEPT = ("drop after the dot, before 250", "drop after 250")  # accepted, and the sender may not have heard of it


class FaultySink(SmtpSink):
    """Each fault strikes with the same chance, one in `rarity` conversations or messages; `struck` counts them."""

    def __init__(self, seed: int, rarity: int = 60) -> None:
        super().__init__()  # which makes the controller
        self.faulty = True
        self.struck: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._rarity = rarity

    def make_controller(self, options: dict[str, Any]) -> FreePort:
        return _Controller(self, hostname="127.0.0.1", port=0, ready_timeout=PATIENCE, **options)

    def strikes(self, fault: str) -> bool:
        assert fault in FAULTS
        struck = self.faulty and self._chance.randrange(self._rarity) == 0
        self.struck[fault] += struck
        return struck

    async def handle_MAIL(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.strikes("drop before MAIL"):
            server.transport.abort()  # type: ignore[union-attr]
        if self.strikes("451 at MAIL"):
            return "451 4.3.0 Not now"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.strikes("greylist"):
            return "451 4.7.1 Come back in five minutes"
        if self.strikes("421 at RCPT"):
            return "421 4.3.2 Going down"
        answer = await super().handle_RCPT(server, session, envelope, address, options)
        if self.strikes("drop after RCPT"):
            server.transport.abort()  # type: ignore[union-attr]
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        for fault, answer in (("452 after the dot", "452 4.3.1 Full"), ("421 after the dot", "421 4.3.2 Going down")):
            if self.strikes(fault):
                return answer
        if self.strikes("drop before 250, and keep it not"):
            server.transport.abort()  # type: ignore[union-attr]
            return "250 2.0.0 Nobody hears this"
        answer = await super().handle_DATA(server, session, envelope)
        if self.strikes("drop after the dot, before 250"):
            server.transport.abort()  # type: ignore[union-attr]
        if self.strikes("slow 250"):
            await asyncio.sleep(SLOW)
        if self.strikes("drop after 250"):
            asyncio.get_running_loop().call_later(0.005, server.transport.abort)  # type: ignore[union-attr]
        return answer

    def authenticate(self, *_: Any) -> AuthResult:
        return AuthResult(success=not self.strikes("refuse the log-in"), handled=False)


class _Server(SMTP):
    def __init__(self, sink: FaultySink) -> None:
        super().__init__(sink, auth_require_tls=False, authenticator=sink.authenticate, enable_SMTPUTF8=False)
        self._sink = sink

    def connection_made(self, transport: Any) -> None:
        if self._sink.strikes("refuse the connection"):
            transport.abort()
            return
        if self._sink.strikes("421 instead of a greeting"):
            transport.write(b"421 4.3.2 Too many connections\r\n")
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.envelope is not None and self.envelope.rcpt_tos and self._sink.strikes("drop inside DATA"):
            await self.push("354 Go ahead")
            await self._reader.read(10)
            self.transport.abort()  # type: ignore[union-attr]
            return
        await super().smtp_DATA(arg)


class _Controller(FreePort):
    def factory(self) -> SMTP:
        return _Server(self.handler)
