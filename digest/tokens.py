"""What stands in a link: a token that is signed, or a secret that is drawn and of which only the hash is kept.

A signed token is bound to one purpose, so a vote link cannot unsubscribe anybody. It holds ids and the subscriber's
`link_key` (a feed's the `feed_key`), never an address; changing the key voids every link made before. The same payload
always gives the same token, so a mail that is composed twice is the same mail.
"""

import hashlib
import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

from digest.errors import InvalidRequest

Purpose = Literal["manage", "unsubscribe", "vote", "edition", "feed"]


@lru_cache(maxsize=64)
def _serializer(secret: str, purpose: Purpose) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"digest.{purpose}")


def sign(secret: str, purpose: Purpose, payload: dict[str, Any]) -> str:
    """A URL-safe token for `payload`, valid for `purpose` alone."""
    return _serializer(secret, purpose).dumps(payload)


def read(secret: str, purpose: Purpose, token: str, now: datetime | None = None) -> dict[str, Any]:
    """The payload of `token`; raises InvalidRequest when it was not signed by us for `purpose`, or is over at `now`.

    A payload that is valid for a time says so in `until` (Unix time), and is read with a `now` only.
    """
    try:
        payload: dict[str, Any] = _serializer(secret, purpose).loads(token)
    except (BadData, UnicodeError) as error:
        raise InvalidRequest("This link is not valid: it may have been cut off by your mail program.") from error
    until = payload.get("until")
    if until is not None and (now is None or now.timestamp() > until):
        raise InvalidRequest("This link is no longer valid: ask for a new one.")
    return payload


def draw() -> str:
    """A secret that nobody can guess: 192 random bits, safe in a URL."""
    return secrets.token_urlsafe(24)


def draw_key() -> str:
    """A subscriber's `link_key` or `feed_key`, which stands in signed tokens."""
    return secrets.token_hex(8)


def digest_of(secret: str) -> str:
    """The hash under which a drawn secret is kept; it needs no salt, for nobody can try all secrets."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
