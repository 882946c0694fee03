"""Subscribers: adding, finding, listing. An address is checked and spelled one way before it is stored."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlmodel import Session, col, select

from digest.clock import EVERY_DAY, parse_zone
from digest.errors import InvalidRequest
from digest.mail import suppression
from digest.tables import Subscriber, SubscriberStatus

LONGEST_NAME = 200
MOST_PAPERS = 30  # more would make a mail that Gmail clips, see tests/unit/composing/test_editions.py


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody says of themselves when they subscribe."""

    email: str
    name: str = ""
    zone: str = "UTC"
    hour: int = 7
    weekdays: tuple[int, ...] = field(default=EVERY_DAY)
    papers: int = 10
    active: bool = False


def parse_address(text: str) -> str:
    """An address in its one spelling; raises InvalidRequest that says what is wrong with it."""
    try:
        checked = validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, allow_smtputf8=False
        )
    except EmailNotValidError as error:
        raise InvalidRequest(f"“{text}” is not a mail address: {error}") from error
    return (checked.ascii_email or checked.normalized).lower()


def add(session: Session, newcomer: Newcomer, now: datetime) -> Subscriber:
    """Store a subscriber. An active one gets a first edition with the next run, however early in the day."""
    email = parse_address(newcomer.email)
    _check(newcomer)
    if session.exec(select(Subscriber).where(Subscriber.email == email)).first() is not None:
        raise InvalidRequest(f"{email} is subscribed already: see `digest subscribers show {email}`.")
    if suppression.suppressed(session, [email]):
        raise InvalidRequest(f"{email} is on the suppression list and may not be mailed.")
    subscriber = Subscriber(
        email=email,
        name=newcomer.name.strip(),
        status=SubscriberStatus.ACTIVE if newcomer.active else SubscriberStatus.PENDING,
        zone=newcomer.zone,
        hour=newcomer.hour,
        weekdays=sorted(newcomer.weekdays),
        papers_per_edition=newcomer.papers,
        link_key=secrets.token_hex(8),
        next_edition_at=now if newcomer.active else None,
        created_at=now,
    )
    session.add(subscriber)
    session.flush()
    return subscriber


def activate(subscriber: Subscriber, now: datetime) -> None:
    """Let mail go out to somebody who has asked for it; the first edition comes with the next run."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.next_edition_at = subscriber.next_edition_at or now


def _check(newcomer: Newcomer) -> None:
    parse_zone(newcomer.zone)
    if not newcomer.name.isprintable() or len(newcomer.name) > LONGEST_NAME:
        raise InvalidRequest(f"A name is one line of at most {LONGEST_NAME} printable characters.")
    if not 0 <= newcomer.hour <= 23:  # noqa: PLR2004 - hours of a day
        raise InvalidRequest(f"{newcomer.hour} is not an hour: use 0 to 23.")
    if not newcomer.weekdays or not set(newcomer.weekdays) <= set(EVERY_DAY):
        raise InvalidRequest("Choose at least one weekday, 0 (Monday) to 6 (Sunday).")
    if not 1 <= newcomer.papers <= MOST_PAPERS:
        raise InvalidRequest(f"{newcomer.papers} papers are not possible: use 1 to {MOST_PAPERS}.")


def find(session: Session, email: str) -> Subscriber:
    """The subscriber with this address; raises InvalidRequest when there is none."""
    address = parse_address(email)
    found = session.exec(select(Subscriber).where(Subscriber.email == address)).first()
    if found is None:
        raise InvalidRequest(f"There is no subscriber {address}: add one with `digest subscribers add {address}`.")
    return found


def listing(session: Session) -> list[Subscriber]:
    return list(session.exec(select(Subscriber).order_by(col(Subscriber.email))))
