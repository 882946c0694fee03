"""The envelope's sender, another for every message, so that what comes back names what went out (VERP).

`bounces+m12-9f86d081884c7d65@papers.example` is message 12; with `u12` in place of `m12` it is the address by which
subscriber 12 unsubscribes. The second half is an HMAC: who has not seen the address cannot make one up.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["m", "u"]
SEAL_LENGTH = 16  # hexadecimal digits: 64 bits
TOKEN = re.compile(rf"\+([mu])(\d{{1,18}})-([0-9a-f]{{{SEAL_LENGTH}}})@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token:
    """A message ("m") or a subscriber ("u"), by number."""

    purpose: Purpose
    number: int


def address(mailbox: str, secret: str, token: Token) -> str:
    """`mailbox` with the token after a plus sign."""
    user, _, domain = mailbox.rpartition("@")
    return f"{user}+{token.purpose}{token.number}-{_seal(secret, token)}@{domain}"


def read(text: str, secret: str) -> Token | None:
    """The token in the first address of `text` that has a true one; None for anything made up."""
    for purpose, number, seal in TOKEN.findall(text):
        token = Token("m" if purpose in "mM" else "u", int(number))
        if hmac.compare_digest(seal.lower(), _seal(secret, token)):
            return token
    return None


def _seal(secret: str, token: Token) -> str:
    return hmac.digest(secret.encode(), f"verp.{token.purpose}.{token.number}".encode(), "sha256").hex()[:SEAL_LENGTH]
