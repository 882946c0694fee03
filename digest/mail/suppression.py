"""The suppression list: addresses never to be mailed, kept as hashes so that the list outlives an erasure."""

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.db import batches, take_turns
from digest.errors import InvalidRequest
from digest.tables import BounceScore, Subscriber, SubscriberStatus, Suppression

BATCH = 500
LONGEST_ADDRESS, LONGEST_REASON = 254, 200
COMPLAINT = "complaint"  # how the reason begins when it was the person who minded
IMPORTED = "imported"
HEADINGS = {"address", "email", "e-mail", "email address", "recipient"}
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+")
HIDDEN = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")
LISTENING = (SubscriberStatus.PENDING, SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the list; `address` is empty when no subscriber has it any more."""

    digest: str
    reason: str
    since: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list to be imported: addresses with reasons, and the lines (by number) that hold none."""

    entries: list[tuple[str, str]]
    bad: list[tuple[int, str]]


def digest_of(address: str) -> str:
    """The hash under which an address is kept; case makes no difference."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


def suppress(session: Session, address: str, reason: str, now: datetime) -> None:
    """Put an address on the list; the first reason stays. A subscriber who has it gets no more mail."""
    suppress_all(session, [(address, reason)], now)


def suppress_all(session: Session, entries: Iterable[tuple[str, str]], now: datetime) -> int:
    """Put addresses with their reasons on the list; gives the number of those that were not on it."""
    take_turns(session, "suppression")
    return sum(_suppress_batch(session, batch, now) for batch in batches(entries, BATCH))


def _suppress_batch(session: Session, entries: list[tuple[str, str]], now: datetime) -> int:
    wanted = {digest_of(address): reason for address, reason in reversed(entries)}  # so that the first reason stays
    query = select(Suppression.address_digest).where(col(Suppression.address_digest).in_(wanted))
    there = set(session.exec(query))
    new = [digest for digest in reversed(wanted) if digest not in there]
    for digest in new:
        session.add(Suppression(address_digest=digest, reason=_without_addresses(wanted[digest]), created_at=now))
    by_email = {address.strip().lower(): reason for address, reason in reversed(entries)}
    for subscriber in session.exec(select(Subscriber).where(col(Subscriber.email).in_(by_email))):
        _stop(subscriber, by_email[subscriber.email], now)
    session.flush()
    return len(new)


def _without_addresses(reason: str) -> str:
    """Servers repeat the address in their words, and the list must not hold it."""
    return HIDDEN.sub("…", reason)[:LONGEST_REASON]


def _stop(subscriber: Subscriber, reason: str, now: datetime) -> None:
    if reason.startswith(COMPLAINT):
        leave(subscriber, now)
    elif subscriber.status in LISTENING:
        subscriber.status = SubscriberStatus.SUPPRESSED


def leave(subscriber: Subscriber, now: datetime) -> None:
    """Note that a person does not want our mail any more, whatever they wanted before; the first time counts."""
    if subscriber.status is not SubscriberStatus.UNSUBSCRIBED:
        subscriber.status, subscriber.left_at, subscriber.paused_until = SubscriberStatus.UNSUBSCRIBED, now, None


def suppressed(session: Session, addresses: Iterable[str]) -> set[str]:
    """Which of `addresses` are on the list."""
    digests = {digest_of(address): address for address in addresses}
    query = select(Suppression.address_digest).where(col(Suppression.address_digest).in_(digests))
    return {digests[digest] for digest in session.exec(query)}


def count_new(session: Session, entries: Iterable[tuple[str, str]]) -> int:
    """How many addresses of `entries` are not on the list."""
    digests = {digest_of(address) for address, _ in entries}
    there = 0
    for batch in batches(digests, BATCH):
        query = select(Suppression.address_digest).where(col(Suppression.address_digest).in_(batch))
        there += len(session.exec(query).all())
    return len(digests) - there


def listing(session: Session) -> list[Listed]:
    """The list, oldest first. An address is known only through a subscriber who has it."""
    known = {digest_of(email): email for email in session.exec(select(Subscriber.email))}
    rows = session.exec(select(Suppression).order_by(col(Suppression.id)))
    return [Listed(row.address_digest, row.reason, row.created_at, known.get(row.address_digest, "")) for row in rows]


def remove(session: Session, address: str) -> None:
    """Take an address off the list and forget its bounces; raises InvalidRequest when it is not on it.

    A subscriber who was suppressed gets mail again, one who never confirmed waits for that again. Who has complained or
    unsubscribed has left, and comes back by subscribing only.
    """
    digest = digest_of(address)
    take_turns(session, "suppression")
    row = session.exec(select(Suppression).where(Suppression.address_digest == digest)).first()
    if row is None:
        raise InvalidRequest(f"{address} is not on the suppression list.")
    session.delete(row)
    session.exec(delete(BounceScore).where(col(BounceScore.address_digest) == digest))
    email = address.strip().lower()
    for subscriber in session.exec(select(Subscriber).where(Subscriber.email == email)):
        if subscriber.status is SubscriberStatus.SUPPRESSED:
            subscriber.status = SubscriberStatus.ACTIVE if was_confirmed(subscriber) else SubscriberStatus.PENDING


def was_confirmed(subscriber: Subscriber) -> bool:
    """Whether the person has ever asked for editions; before that was written down, being due meant it."""
    moments = (subscriber.confirmed_at, subscriber.next_edition_at, subscriber.last_edition_at)
    return any(moment is not None for moment in moments)


def read_list(text: str) -> Wanted:
    """Read a list: an address or `address,reason` a line; `#` begins a comment, and a first line may be a heading."""
    entries: list[tuple[str, str]] = []
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        cells = _cells(line)
        if not cells or (not entries and not bad and cells[0].lower() in HEADINGS):
            continue
        if ADDRESS.fullmatch(cells[0]) and len(cells[0]) <= LONGEST_ADDRESS:
            entries.append((cells[0].lower(), " ".join(filter(None, cells[1:])) or IMPORTED))
        else:
            bad.append((number, line.strip()))
    return Wanted(entries, bad)


def _cells(line: str) -> list[str]:
    """The cells of a line; none for a comment or an empty line, and the line as it is when it is not CSV."""
    bare = line.strip()
    if not bare or bare.startswith("#"):
        return []
    try:
        return [cell.strip() for cell in next(csv.reader([bare.partition(" #")[0]], skipinitialspace=True))]
    except csv.Error:
        return [bare]
