"""Subscribing and leaving. Nobody gets an edition before the press of a button in a letter to their own address.

Whoever asks at a form gets the same answer, whatever we know of an address: the letter tells its owner the truth.

    pending ── confirm ──> active <── pause, resume ──> paused        (`schedule`)
       ^                     │  ^                          │
       └ subscribe           └──┴─> unsubscribed <─────────┘          subscribing anew confirms again
                                    suppressed                        by what comes back: see `digest.mail.suppression`
"""

from dataclasses import dataclass, field
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlmodel import Session, col, select

from digest import tokens
from digest.clock import EVERY_DAY
from digest.composing.letters import Letter, LinkPurpose
from digest.db import take_turns
from digest.errors import InvalidRequest, Taken, TransientError
from digest.mail import suppression
from digest.subscribers import links, privacy, profiles, schedule
from digest.subscribers.correspondence import Office, write
from digest.subscribers.schedule import Delivery
from digest.tables import MailKind, Subscriber, SubscriberStatus

LONGEST_NAME = 200
LISTENING = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
NEVER_AGAIN = "asked never to be mailed"


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
    if look_up(session, email) is not None:
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
        link_key=tokens.draw_key(),
        feed_key=tokens.draw_key(),
        next_edition_at=now if newcomer.active else None,
        confirmed_at=now if newcomer.active else None,
        created_at=now,
    )
    session.add(subscriber)
    session.flush()
    return subscriber


def activate(subscriber: Subscriber, now: datetime) -> None:
    """Let mail go out to somebody who has asked for it; the first edition comes with the next run."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.confirmed_at = subscriber.confirmed_at or now
    subscriber.next_edition_at = subscriber.next_edition_at or now
    subscriber.left_at = subscriber.paused_until = None


def _check(newcomer: Newcomer) -> None:
    Delivery(newcomer.zone, newcomer.hour, newcomer.weekdays, newcomer.papers).check()
    if not newcomer.name.isprintable() or len(newcomer.name) > LONGEST_NAME:
        raise InvalidRequest(f"A name is one line of at most {LONGEST_NAME} printable characters.")


def look_up(session: Session, address: str) -> Subscriber | None:
    """The subscriber with an address in its one spelling."""
    return session.exec(select(Subscriber).where(Subscriber.email == address)).first()


def find(session: Session, email: str) -> Subscriber:
    """The subscriber with this address; raises InvalidRequest when there is none."""
    address = parse_address(email)
    found = look_up(session, address)
    if found is None:
        raise InvalidRequest(f"There is no subscriber {address}: add one with `digest subscribers add {address}`.")
    return found


def listing(session: Session) -> list[Subscriber]:
    return list(session.exec(select(Subscriber).order_by(col(Subscriber.email))))


def page(session: Session, after: int, limit: int) -> list[Subscriber]:
    """The subscribers that follow the one with the number `after`, in the order in which they came."""
    query = select(Subscriber).where(col(Subscriber.id) > after)
    return list(session.exec(query.order_by(col(Subscriber.id)).limit(limit)))


def register(session: Session, office: Office, newcomer: Newcomer, text: str, now: datetime) -> Subscriber:
    """Store somebody whom a program names, with a text of what to read, if any.

    Who is not active gets the letter that asks whether it is meant. Raises Taken for an address that is there.
    """
    take_turns(session, links.TURNS)
    there = look_up(session, parse_address(newcomer.email))
    if there is not None:
        raise Taken(f"{there.email} is there already.", there.id)
    who = add(session, newcomer, now)
    _keep_wish(session, who, text, now)
    if not newcomer.active and write(session, office, Letter(MailKind.CONFIRM, who, now)) is None:
        raise TransientError("The limit on letters holds the letter back that asks for consent: try again in an hour.")
    return who


# At the forms


def subscribe(session: Session, office: Office, email: str, text: str, now: datetime) -> None:
    """Take a wish to subscribe, with a text of what to read, if any: a letter asks the address whether it is meant.

    Whoever is subscribed is told so; whose address is not to be mailed gets nothing. Raises InvalidRequest for what is
    no address, or a text that is too long.
    """
    address = parse_address(email)
    if len(text) > profiles.LONGEST_TEXT:
        raise InvalidRequest(f"The description must have {profiles.LONGEST_TEXT} characters or fewer.")
    who = _come_in(session, office, address, now)
    if who is None:
        return
    if who.status is SubscriberStatus.PENDING:
        _keep_wish(session, who, text, now)
    known = who.status in LISTENING
    write(session, office, Letter(MailKind.ALREADY_SUBSCRIBED if known else MailKind.CONFIRM, who, now))


def ask_to_sign_in(session: Session, office: Office, email: str, now: datetime) -> None:
    """Take a wish to sign in: a letter brings the link, or says that there is no subscription and how to get one."""
    address = parse_address(email)
    take_turns(session, links.TURNS)
    kind = MailKind.SIGN_IN if look_up(session, address) else MailKind.NO_SUBSCRIPTION
    who = _come_in(session, office, address, now)
    if who is None:
        return
    if kind is MailKind.SIGN_IN and who.status is SubscriberStatus.PENDING:
        kind = MailKind.CONFIRM
    write(session, office, Letter(kind, who, now))


def _come_in(session: Session, office: Office, address: str, now: datetime) -> Subscriber | None:
    """The subscriber with an address, pending if it is new; None when the address is not to be mailed."""
    take_turns(session, links.TURNS)
    if suppression.suppressed(session, [address]):
        return None
    return look_up(session, address) or add(session, Newcomer(address, papers=office.papers), now)


def _keep_wish(session: Session, subscriber: Subscriber, text: str, now: datetime) -> None:
    """The text is the first interest of somebody who has not confirmed; what they say last counts."""
    clean = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    if not clean.strip():
        return
    for profile in profiles.listing(session, subscriber):
        session.delete(profile)
    session.flush()
    profiles.from_sentence(session, subscriber, clean, now)


# By the links in the letters


def confirm(session: Session, token: str, now: datetime) -> Subscriber:
    """The press of “Confirm”: the first edition comes with the next run. Raises InvalidRequest for a dead link."""
    who = _who_pressed(session, "confirm", token, now)
    if suppression.suppressed(session, [who.email]):
        raise InvalidRequest(f"{who.email} is not to be mailed: write to the operator to change that.")
    if who.status not in LISTENING:
        activate(who, now)
        who.confirmed_at = who.next_edition_at = now
    return who


def refuse(session: Session, token: str, now: datetime) -> None:
    """The press of “Never mail this address again”: only the hash of the address is left of it."""
    who = session.get_one(Subscriber, links.use(session, "confirm", token, now).subscriber_id)
    suppression.suppress(session, who.email, NEVER_AGAIN, now)
    privacy.erase(session, who, now)


def sign_in(session: Session, token: str, now: datetime) -> Subscriber:
    """The press of “Sign in”: who it is. Raises InvalidRequest for a dead link."""
    return _who_pressed(session, "sign-in", token, now)


def _who_pressed(session: Session, purpose: LinkPurpose, token: str, now: datetime) -> Subscriber:
    who = session.get_one(Subscriber, links.use(session, purpose, token, now).subscriber_id)
    schedule.lock(session, who)
    return who


# Leaving and coming back


def unsubscribe(session: Session, subscriber: Subscriber, now: datetime) -> None:
    """Stop all editions, at once and without a letter. Again changes nothing."""
    schedule.lock(session, subscriber)
    suppression.leave(subscriber, now)
    session.flush()


def resubscribe(session: Session, subscriber: Subscriber, now: datetime) -> None:
    """Take it back; the editions go on as they were. Who never confirmed waits for that. Again changes nothing."""
    schedule.lock(session, subscriber)
    if subscriber.status is not SubscriberStatus.UNSUBSCRIBED:
        return
    if suppression.suppressed(session, [subscriber.email]):
        raise InvalidRequest(f"{subscriber.email} is not to be mailed: write to the operator to change that.")
    if suppression.was_confirmed(subscriber):
        activate(subscriber, now)
    else:
        subscriber.status, subscriber.left_at = SubscriberStatus.PENDING, None
    session.flush()
