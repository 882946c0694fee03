"""Keys to the programming interface: made by the operator, shown once, kept as a hash."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from digest import tokens
from digest.errors import InvalidRequest
from digest.tables import ApiKey

SCOPES = {
    "read": "papers, what is trending, and the search",
    "subscribers": "subscribers and their interests, read and written, and previews",
    "send": "an edition, sent now",
}
PREFIX = "digest_"  # by which a key is known for one where it should not be
LONGEST_NAME = 80
TOUCHED = timedelta(hours=1)  # a use within it is not written down again


def create(session: Session, name: str, scopes: Collection[str], now: datetime) -> str:
    """A new key, which cannot be shown again; raises InvalidRequest for a name that is taken or an unknown scope."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(f"The name of a key has 1 to {LONGEST_NAME} characters on one line.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        wrong = f"There is no scope “{unknown[0]}”" if unknown else "A key without a scope opens nothing"
        raise InvalidRequest(f"{wrong}: choose from {', '.join(SCOPES)}.")
    if _named(session, name) is not None:
        raise InvalidRequest(f"There is a key “{name}” already: revoke it first, or choose another name.")
    secret = PREFIX + tokens.draw()
    kept = [scope for scope in SCOPES if scope in scopes]
    session.add(ApiKey(name=name, digest=tokens.digest_of(secret), scopes=kept, created_at=now))
    session.flush()
    return secret


def find(session: Session, secret: str, now: datetime) -> ApiKey | None:
    """The key whose secret this is; notes the use once an hour."""
    key = look_up(session, secret)
    if key is not None and is_to_be_noted(key, now):
        key.used_at = now
    return key


def look_up(session: Session, secret: str) -> ApiKey | None:
    """The key whose secret this is; writes nothing."""
    return session.exec(select(ApiKey).where(ApiKey.digest == tokens.digest_of(secret))).first()


def is_to_be_noted(key: ApiKey, now: datetime) -> bool:
    """Whether a use of the key is to be written down: the latest that was is an hour old."""
    return key.used_at is None or now - key.used_at >= TOUCHED


def listing(session: Session) -> list[ApiKey]:
    return list(session.exec(select(ApiKey).order_by(col(ApiKey.name))))


def revoke(session: Session, name: str) -> None:
    """End a key at once; raises InvalidRequest when there is none of that name."""
    key = _named(session, name.strip())
    if key is None:
        raise InvalidRequest(f"There is no key “{name}”: see `digest keys list`.")
    session.delete(key)
    session.flush()


def _named(session: Session, name: str) -> ApiKey | None:
    return session.exec(select(ApiKey).where(ApiKey.name == name)).first()
