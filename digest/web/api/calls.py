"""A call: one request of one program, which shows a key with the scope that it needs, and not too often."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from digest.clock import utc_now
from digest.subscribers import keys
from digest.tables import ApiKey
from digest.web.api.problems import Refusal
from digest.web.site import Site
from digest.workshop import Workshop

RULE = "api"
BEARER = HTTPBearer(
    scheme_name="key",
    description="A key that `digest keys create` has shown: `digest_…`. Its scopes say what it opens: "
    + "; ".join(f"`{scope}`: {words}" for scope, words in keys.SCOPES.items()),
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Call:
    site: Site
    now: datetime

    @property
    def shop(self) -> Workshop:
        return self.site.shop


def admit(
    request: Request,
    response: Response,
    wanted: SecurityScopes,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Call:
    """Let a program in that has the key; strangers may try as often as a key may be used."""
    site, now = request.app.state.site, utc_now()
    key = _recognise(site, shown.credentials, now) if shown else None
    if key is None:
        site.rates.take(RULE, site.rates.network_of(request))
        raise Refusal(401, "Show a key that holds: Authorization: Bearer digest_…", {"WWW-Authenticate": "Bearer"})
    counted = f"key {key.name}"
    site.rates.take(RULE, counted)
    amount, left, seconds = site.rates.standing(RULE, counted)
    response.headers["RateLimit-Policy"] = f'"{RULE}";q={amount}'
    response.headers["RateLimit"] = f'"{RULE}";r={left};t={seconds}'
    _check_scopes(key, wanted.scopes)
    return Call(site, now)


def _recognise(site: Site, secret: str, now: datetime) -> ApiKey | None:
    """The key of a secret. Only the first use of an hour writes, so that readers do not wait for each other."""
    if not secret.isascii() or not secret.startswith(keys.PREFIX):
        return None
    with site.shop.database.session(write=False) as session:
        key = keys.look_up(session, secret)
    if key is not None and keys.is_to_be_noted(key, now):
        with site.shop.database.session() as session:
            return keys.find(session, secret, now)
    return key


def _check_scopes(key: ApiKey, wanted: list[str]) -> None:
    lacking = [scope for scope in wanted if scope not in key.scopes]
    if lacking:
        asked = f'Bearer error="insufficient_scope", scope="{lacking[0]}"'
        raise Refusal(403, f"This key lacks the scope “{lacking[0]}”.", {"WWW-Authenticate": asked})


Reading = Annotated[Call, Security(admit, scopes=["read"])]
Managing = Annotated[Call, Security(admit, scopes=["subscribers"])]
Sending = Annotated[Call, Security(admit, scopes=["send"])]
