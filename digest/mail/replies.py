"""What a mail server's reply means for the message, the address and the relay: one table, judged by stage and status.

The enhanced status (RFC 3463) counts before the code: 550 is said of an unknown user and by a spam filter alike.
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum

HARD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1"})  # no such mailbox, or closed for good
FULL = frozenset({"4.2.2", "5.2.2"})
STATUS = re.compile(r"(?:^|\s)([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
SERVICE_GONE, TOO_LARGE, NOT_WELCOME, AUTHENTICATE, NOT_AUTHENTICATED = 421, 552, 554, 530, 535


class Stage(StrEnum):
    """How far the conversation had come when the reply was given, or when it broke off."""

    CONNECT = "connect"  # with TLS and log-in
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # the final dot was written


class Verdict(Enum):
    """What to do with the message."""

    SENT = "sent"
    FREE = "free"  # nothing was handed over, and the relay is to blame: it may go at once, the try does not count
    UNKNOWN = "unknown"  # the dot was written and no answer came: perhaps they have it
    LATER = "later"  # greylisting and the like
    SLOWER = "slower"  # later, and the receiver's domain wants less at a time
    POLICY = "policy"  # later; they mind us, not the address
    FULL = "full"  # later, and a mark against the address
    DEAD = "dead"  # never, and the address must not be tried again
    REFUSED = "refused"  # never; it says nothing about the address


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's last word on a message: code 0 means that the connection broke, and `words` how."""

    stage: Stage
    code: int
    words: str

    @property
    def status(self) -> str:
        """The enhanced status that the reply begins with, or nothing."""
        found = STATUS.match(self.words)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        return f"{self.code} {self.words}" if self.code else self.words

    @property
    def verdict(self) -> Verdict:
        if self.code == SERVICE_GONE or not self.code or self.stage is Stage.CONNECT:
            return Verdict.UNKNOWN if self.stage is Stage.BODY and not self.code else Verdict.FREE
        kind = self.code // 100
        if kind in (2, 3):
            return Verdict.SENT
        return self._judge_later() if kind == 4 else self._judge_never()  # noqa: PLR2004 - the protocol's classes

    def _judge_later(self) -> Verdict:
        if self.status in FULL:
            return Verdict.FULL
        return Verdict.LATER if self.stage is Stage.RCPT else Verdict.SLOWER

    def _judge_never(self) -> Verdict:
        if self.status in HARD:
            return Verdict.DEAD
        if self.status in FULL or (self.code == TOO_LARGE and self.stage is Stage.RCPT and not self.status):
            return Verdict.FULL
        blamed = self.status.startswith("5.7.") or self.code in (AUTHENTICATE, NOT_AUTHENTICATED)
        return Verdict.POLICY if blamed or self._is_filter else Verdict.REFUSED

    @property
    def _is_filter(self) -> bool:
        """554 after the body, without a status that says more."""
        return self.code == NOT_WELCOME and self.stage is Stage.BODY and self.status in ("", "5.0.0")
