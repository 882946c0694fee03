"""Letters: mails to one person on one occasion, each with a button that leads to a page with one button more."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from typing import Literal

from digest import tokens
from digest.composing.messages import Message, Sender, isolate, make_message_id, own_headers, render
from digest.tables import MailKind, OutboxMessage, Subscriber

LinkPurpose = Literal["confirm", "sign-in", "address-change", "address-cancel"]

PURPOSES: dict[MailKind, LinkPurpose] = {
    MailKind.CONFIRM: "confirm",
    MailKind.NO_SUBSCRIPTION: "confirm",
    MailKind.SIGN_IN: "sign-in",
    MailKind.ALREADY_SUBSCRIBED: "sign-in",
    MailKind.ADDRESS_CHANGE: "address-change",
    MailKind.ADDRESS_NOTICE: "address-cancel",
}
LIFE: dict[LinkPurpose, timedelta] = {  # how long a letter's link leads anywhere
    "confirm": timedelta(hours=48),
    "sign-in": timedelta(minutes=30),
    "address-change": timedelta(hours=24),
    "address-cancel": timedelta(days=7),
}
PAGES: dict[LinkPurpose, str] = {
    "confirm": "confirm",
    "sign-in": "sign-in",
    "address-change": "address",
    "address-cancel": "keep-address",
}
REFUSAL = "not-me"  # the page where who never asked says so; it takes the token of a confirmation
TO_READERS = (MailKind.SIGN_IN, MailKind.ALREADY_SUBSCRIBED, MailKind.ADDRESS_NOTICE)  # at the address they confirmed


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written, to whom and when. `address` is the new one of an address change."""

    kind: MailKind
    subscriber: Subscriber
    now: datetime
    address: str = ""

    @property
    def recipient(self) -> str:
        return self.address if self.kind is MailKind.ADDRESS_CHANGE else self.subscriber.email

    @property
    def name(self) -> str:
        """The person's name; none for who has not confirmed: what a stranger typed would reach them as our words."""
        known = self.kind in TO_READERS and self.subscriber.confirmed_at is not None
        return self.subscriber.name if known else ""


def compose_letter(sender: Sender, letter: Letter, token: str) -> Message:
    """The mail of a letter whose button leads to the page that takes `token`."""
    kind, purpose = letter.kind, PURPOSES[letter.kind]
    context: dict[str, object] = {
        "sender_name": sender.address.display_name or sender.address.domain,
        "name": isolate(letter.name),
        "email": letter.subscriber.email,
        "new_email": letter.address,
        "valid": say_duration(LIFE[purpose]),
        "action_url": link_to(sender, purpose, token),
        "refuse_url": f"{sender.base_url}/{REFUSAL}/{token}" if purpose == "confirm" else "",
        "postal_address": sender.postal_address,
    }
    subject, text, html = render(kind.value, context)
    message_id = make_message_id(sender, f"{kind.value}-{letter.now:%Y%m%dT%H%M%S}", tokens.digest_of(token))
    recipient = Address(letter.name, addr_spec=letter.recipient)
    return Message(recipient, subject, text, html, letter.now, message_id, own_headers(sender))


def make_row(letter: Letter, message: Message) -> OutboxMessage:
    """The outbox's row for a letter and its mail, which `outbox.enqueue` promises."""
    return OutboxMessage(
        subscriber_id=letter.subscriber.id,
        kind=letter.kind,
        recipient=letter.recipient,
        message_id=message.message_id,
        next_at=letter.now,
        created_at=letter.now,
    )


def link_to(sender: Sender, purpose: LinkPurpose, token: str) -> str:
    """The address of the page that takes a token of this purpose."""
    return f"{sender.base_url}/{PAGES[purpose]}/{token}"


def say_duration(span: timedelta) -> str:
    """“30 minutes”, “an hour”, “48 hours”, “7 days”."""
    minutes = int(span / timedelta(minutes=1))
    if minutes % 60:
        return f"{minutes} minutes"
    hours = minutes // 60
    if hours == 1:
        return "an hour"
    return f"{hours} hours" if hours < 3 * 24 else f"{hours // 24} days"
