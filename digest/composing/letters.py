"""Letters: mails to one person on one occasion, each with a button that leads to a signed page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address

from digest import tokens
from digest.composing.messages import Message, Sender, isolate, make_message_id, own_headers, render
from digest.tables import MailKind, OutboxMessage, Subscriber

VALID = {  # how long a letter's link leads anywhere
    MailKind.CONFIRM: timedelta(days=7),
    MailKind.SIGN_IN: timedelta(hours=1),
    MailKind.ALREADY_SUBSCRIBED: timedelta(hours=1),
    MailKind.ADDRESS_CHANGE: timedelta(days=1),
    MailKind.GOODBYE: timedelta(days=30),
}
PURPOSES: dict[MailKind, tokens.Purpose] = {
    MailKind.CONFIRM: "confirm",
    MailKind.SIGN_IN: "sign-in",
    MailKind.ALREADY_SUBSCRIBED: "sign-in",
    MailKind.ADDRESS_CHANGE: "address-change",
    MailKind.GOODBYE: "subscribe",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written, to whom and when. `address` is the new one of an address change, else the subscriber's."""

    kind: MailKind
    subscriber: Subscriber
    now: datetime
    address: str = ""

    @property
    def recipient(self) -> str:
        return self.address or self.subscriber.email


def compose_letter(sender: Sender, letter: Letter) -> Message:
    """The mail of a letter; asked for twice in a moment it is one mail, as its Message-ID says."""
    who, kind = letter.subscriber, letter.kind
    name = sender.address.display_name or sender.address.domain
    context: dict[str, object] = {
        "sender_name": name,
        "name": isolate(who.name),
        "email": who.email,
        "new_email": letter.recipient,
        "valid": say_duration(VALID[kind]),
        "action_url": _action(sender, letter),
        "base_url": sender.base_url,
        "postal_address": sender.postal_address,
    }
    subject, text, html = render(kind.value, context)
    message_id = make_message_id(sender, f"{kind.value}-{letter.now:%Y%m%dT%H%M%S}", who.id, letter.recipient)
    recipient = Address(who.name, addr_spec=letter.recipient)
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


def _action(sender: Sender, letter: Letter) -> str:
    """The link of the button: for one purpose, one person and a limited time; it holds no address but a new one."""
    purpose = PURPOSES[letter.kind]
    until = int((letter.now + VALID[letter.kind]).timestamp())
    payload: dict[str, object] = {"s": letter.subscriber.id, "k": letter.subscriber.link_key, "until": until}
    if letter.kind is MailKind.ADDRESS_CHANGE:
        payload["to"] = letter.recipient
    return f"{sender.base_url}/{purpose}/{tokens.sign(sender.signing_key, purpose, payload)}"


def say_duration(span: timedelta) -> str:
    """“an hour”, “a day”, “7 days”."""
    hours = int(span / timedelta(hours=1))
    count, unit = (hours, "hour") if hours < 24 else (hours // 24, "day")  # noqa: PLR2004 - hours of a day
    if count > 1:
        return f"{count} {unit}s"
    return "an hour" if unit == "hour" else "a day"
