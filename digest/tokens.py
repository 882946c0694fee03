"""Signed links: each token is bound to one purpose, so a vote link cannot unsubscribe anybody.

Tokens hold ids and the subscriber's `link_key`, never an address; changing the `link_key` voids every link sent before.
The same payload always gives the same token, so a mail that is composed twice is the same mail.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from itsdangerous import BadSignature, URLSafeSerializer

from digest.errors import InvalidRequest

Purpose = Literal["manage", "unsubscribe", "vote", "edition", "confirm", "sign-in", "address-change", "subscribe"]


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
    except BadSignature as error:
        raise InvalidRequest("This link is not valid: it may have been cut off by your mail program.") from error
    until = payload.get("until")
    if until is not None and (now is None or now.timestamp() > until):
        raise InvalidRequest("This link is no longer valid: ask for a new one.")
    return payload
