"""Signed links: each token is bound to one purpose, so a vote link cannot unsubscribe anybody.

Tokens hold ids and the subscriber's `link_key`, never an address; changing the `link_key` voids every link sent before.
The same payload always gives the same token, so a mail that is composed twice is the same mail.
"""

from typing import Any, Literal

from itsdangerous import BadSignature, URLSafeSerializer

from digest.errors import InvalidRequest

Purpose = Literal["manage", "unsubscribe", "vote", "edition"]


def sign(secret: str, purpose: Purpose, payload: dict[str, Any]) -> str:
    """A URL-safe token for `payload`, valid for `purpose` alone."""
    return URLSafeSerializer(secret, salt=f"digest.{purpose}").dumps(payload)


def read(secret: str, purpose: Purpose, token: str) -> dict[str, Any]:
    """The payload of `token`; raises InvalidRequest when it was not signed by us for `purpose`."""
    try:
        payload: dict[str, Any] = URLSafeSerializer(secret, salt=f"digest.{purpose}").loads(token)
    except BadSignature as error:
        raise InvalidRequest("This link is not valid: it may have been cut off by your mail program.") from error
    return payload
