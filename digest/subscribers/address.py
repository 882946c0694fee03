"""A new address: the new one confirms it, and the old one can stop it for a week, even when it has been made."""

from datetime import datetime

from sqlmodel import Session

from digest import tokens
from digest.composing.letters import Letter, LinkPurpose
from digest.db import take_turns
from digest.errors import InvalidRequest
from digest.mail import suppression
from digest.subscribers import links, privacy, schedule, sessions
from digest.subscribers.correspondence import Office, write
from digest.subscribers.optin import look_up, parse_address
from digest.tables import MailKind, Subscriber, SubscriberStatus

GIVES_WAY = (SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED)  # to who proves that the address is theirs


def change_address(session: Session, office: Office, subscriber: Subscriber, email: str, now: datetime) -> None:
    """Ask the new address, and tell the old one. The same comes of it whether or not somebody has the new one.

    No change is asked for that the old address is not told of, unless mail to it bounces. Raises InvalidRequest when
    the address is no other one, or when the old one had too many letters for now.
    """
    address = parse_address(email)
    take_turns(session, links.TURNS)
    schedule.lock(session, subscriber)
    if address == subscriber.email:
        raise InvalidRequest(f"Your editions go to {address} already.")
    told = write(session, office, Letter(MailKind.ADDRESS_NOTICE, subscriber, now, address))
    if told is None and not suppression.suppressed(session, [subscriber.email]):
        raise InvalidRequest("Your address had too many letters from us for now: try again in an hour, or tomorrow.")
    other = look_up(session, address)
    if other is None or other.status in GIVES_WAY:
        write(session, office, Letter(MailKind.ADDRESS_CHANGE, subscriber, now, address))
    else:
        write(session, office, Letter(MailKind.ALREADY_SUBSCRIBED, other, now))


def confirm_address(session: Session, token: str, now: datetime) -> Subscriber:
    """The press of “Use this address”. Links that went to the old address sign nobody in any more."""
    subscriber, address = _pressed(session, "address-change", token, now)
    if suppression.suppressed(session, [address]):
        raise InvalidRequest(f"{address} is not to be mailed: choose another address.")
    _move(session, subscriber, address, now)
    links.void(session, subscriber, "sign-in", now)
    links.void(session, subscriber, "confirm", now)
    if subscriber.status is SubscriberStatus.SUPPRESSED:  # which was about the old address
        confirmed = suppression.was_confirmed(subscriber)
        subscriber.status = SubscriberStatus.ACTIVE if confirmed else SubscriberStatus.PENDING
    session.flush()
    return subscriber


def cancel_address(session: Session, token: str, now: datetime) -> Subscriber:
    """The press of “Stop this”: the old address stays or is so again, and whoever asked for the change is out.

    Every session ends, and every link that was mailed is void, those in editions and feeds too.
    """
    subscriber, address = _pressed(session, "address-cancel", token, now)
    _move(session, subscriber, address, now)
    links.void_all(session, subscriber, now)
    sessions.end_all(session, subscriber)
    subscriber.link_key, subscriber.feed_key = tokens.draw_key(), tokens.draw_key()
    session.flush()
    return subscriber


def _pressed(session: Session, purpose: LinkPurpose, token: str, now: datetime) -> tuple[Subscriber, str]:
    take_turns(session, links.TURNS)
    link = links.use(session, purpose, token, now)
    subscriber = session.get_one(Subscriber, link.subscriber_id)
    schedule.lock(session, subscriber)
    return subscriber, link.address


def _move(session: Session, subscriber: Subscriber, address: str, now: datetime) -> None:
    """Give a subscriber an address that they have proved to be theirs."""
    other = look_up(session, address)
    if other is not None and other.id != subscriber.id:
        if other.status not in GIVES_WAY:
            raise InvalidRequest(f"{address} is subscribed already: sign in with it.")
        privacy.erase(session, other, now)
    subscriber.email = address
    session.flush()
