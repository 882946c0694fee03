"""Edition to message: subject, text, HTML and headers, and the bytes that a mail server gets.

The same edition always gives the same bytes: date, boundary and Message-ID are made of the edition, nothing is drawn.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr

from digest import templating
from digest.errors import ConfigurationError

SUBJECT_LENGTH = 70
LONGEST_LINE = 998  # octets, RFC 5322 2.1.1


class _Policy(EmailPolicy):
    """The library's policy, but an ASCII header that fits on one line stays as it is.

    Folding would turn a long link in List-Unsubscribe into encoded words, and take the quotes off a long name.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        line = f"{name}: {value}"
        if line.isascii() and len(line) <= LONGEST_LINE and name.lower() != "content-type":
            return line.encode() + b"\r\n"
        return super().fold_binary(name, value)


POLICY = _Policy(linesep=SMTP.linesep, max_line_length=SMTP.max_line_length)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom the mail comes from and where its links point: values of the settings."""

    mail_from: str
    base_url: str
    signing_key: str
    postal_address: str

    @property
    def address(self) -> Address:
        name, address = parseaddr(self.mail_from)
        user, at, domain = address.rpartition("@")
        if not (user and at and domain):
            raise ConfigurationError(f"DIGEST_MAIL_FROM “{self.mail_from}” is not a sender: use “Name <address>”.")
        return Address(name, user, domain)


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered mail, before it is made into bytes."""

    recipient: Address
    subject: str
    text: str
    html: str
    date: datetime
    message_id: str
    headers: dict[str, str]


def make_message_id(sender: Sender, *parts: object) -> str:
    """`<first.hmac@domain>`: the same for the same parts, and nobody else can foresee it."""
    written = ".".join(map(str, parts))
    seal = hmac.new(sender.signing_key.encode(), f"message-id.{written}".encode(), hashlib.sha256).hexdigest()[:20]
    return f"<{parts[0]}.{seal}@{sender.address.domain}>"


def render(name: str, context: dict[str, object]) -> tuple[str, str, str]:
    """Subject, text and HTML of the mail `name`, from its three templates."""
    subject = templating.render(f"mail/{name}.subject.txt.j2", context)
    text = templating.render(f"mail/{name}.txt.j2", context)
    html = templating.render(f"mail/{name}.html.j2", context)
    return shorten(" ".join(subject.split()), SUBJECT_LENGTH), text.strip() + "\n", html.strip() + "\n"


def shorten(text: str, length: int) -> str:
    """`text` cut at a word to at most `length` characters, with an ellipsis where something is missing."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:–-") + "…"


def assemble(sender: Sender, message: Message) -> bytes:
    """The message as RFC 5322 bytes: text and HTML alternatives, quoted-printable."""
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender.address
    mail["To"] = Address(_plain(message.recipient.display_name), addr_spec=message.recipient.addr_spec)
    mail["Subject"] = _plain(message.subject)
    mail["Date"] = format_datetime(message.date)
    mail["Message-ID"] = message.message_id
    for name, value in message.headers.items():
        mail[name] = value
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{hashlib.sha256(message.message_id.encode()).hexdigest()[:32]}")
    return mail.as_bytes()


def _plain(text: str) -> str:
    """`text` without what the library would take for an encoded word, and decode, line breaks and all."""
    return text.replace("=?", "= ?")


def compose_test(sender: Sender, recipient: str, now: datetime) -> bytes:
    """A short message that shows whether mail goes out."""
    name = sender.address.display_name or sender.address.domain
    subject, text, html = render("test", {"sender_name": name, "base_url": sender.base_url})
    message_id = make_message_id(sender, f"test-{now:%Y%m%dT%H%M%S}", recipient)
    headers = {"Auto-Submitted": "auto-generated"}
    return assemble(sender, Message(Address(addr_spec=recipient), subject, text, html, now, message_id, headers))
