"""The suppression list: addresses never to be mailed, kept as hashes so that the list outlives an erasure."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from digest.db import take_turns
from digest.tables import Suppression


def digest_of(address: str) -> str:
    """The hash under which an address is kept; case makes no difference."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


def suppress(session: Session, address: str, reason: str, now: datetime) -> None:
    """Put an address on the list; the first reason stays."""
    digest = digest_of(address)
    take_turns(session, "suppression")
    if session.exec(select(Suppression).where(Suppression.address_digest == digest)).first() is None:
        session.add(Suppression(address_digest=digest, reason=reason[:200], created_at=now))


def suppressed(session: Session, addresses: Iterable[str]) -> set[str]:
    """Which of `addresses` are on the list."""
    digests = {digest_of(address): address for address in addresses}
    query = select(Suppression.address_digest).where(col(Suppression.address_digest).in_(digests))
    return {digests[digest] for digest in session.exec(query)}
