"""What a message is made of: the sender, its Message-ID, subject, text, HTML and headers."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.utils import parseaddr
from functools import lru_cache

from digest import templating, verp
from digest.errors import ConfigurationError

SUBJECT_LENGTH = 70


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom the mail comes from and where its links point: values of the settings."""

    mail_from: str
    base_url: str
    signing_key: str
    postal_address: str
    reply_to: str = ""
    bounce_address: str = ""

    @property
    def address(self) -> Address:
        return _parse(self.mail_from)


@lru_cache(maxsize=8)
def _parse(sender: str) -> Address:
    name, address = parseaddr(sender)
    user, at, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode()  # as mail servers know it
    except UnicodeError:
        domain = ""
    if not (user and at and domain and user.isascii() and name.isprintable()):
        raise ConfigurationError(f"DIGEST_MAIL_FROM “{sender}” is not a sender: use “Name <address>”.")
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
    return templating.shorten(" ".join(subject.split()), SUBJECT_LENGTH), text.strip() + "\n", html.strip() + "\n"


RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # overrides and the like, which would reach too far


def isolate(text: str) -> str:
    """`text` in Unicode's isolates if it has right-to-left letters, so that it turns nothing around it."""
    text = DIRECTIONS.sub("", text)
    return f"\u2068{text}\u2069" if RTL.search(text) else text


def list_headers(sender: Sender, unsubscribe_url: str, unsubscribe_mailbox: str = "") -> dict[str, str]:
    """The headers of mail that goes to many (RFC 2369, 2919, 8058), and the sender's own."""
    address = sender.address
    ways = [f"<{unsubscribe_url}>"] + ([f"<mailto:{unsubscribe_mailbox}>"] if unsubscribe_mailbox else [])
    return own_headers(sender) | {
        "List-Id": f"{address.display_name or 'Paper Digest'} <digest.{address.domain}>",
        "List-Unsubscribe": ", ".join(ways),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": f"<{sender.base_url}/>",
        "Feedback-ID": f"edition:{address.domain}:digest",
        "Precedence": "bulk",
    }


def unsubscribe_mailbox(sender: Sender, subscriber_id: int) -> str:
    """The address to which a mail unsubscribes; nothing where there is no mailbox for it."""
    if not sender.bounce_address:
        return ""
    return verp.address(sender.bounce_address, sender.signing_key, verp.Token("u", subscriber_id))


def own_headers(sender: Sender) -> dict[str, str]:
    """The headers of all our mail."""
    return ({"Reply-To": sender.reply_to} if sender.reply_to else {}) | {"Auto-Submitted": "auto-generated"}


def compose_test(sender: Sender, recipient: str, now: datetime) -> Message:
    """A short message that shows whether mail goes out."""
    name = sender.address.display_name or sender.address.domain
    subject, text, html = render("test", {"sender_name": name, "base_url": sender.base_url})
    message_id = make_message_id(sender, f"test-{now:%Y%m%dT%H%M%S}", recipient)
    return Message(Address(addr_spec=recipient), subject, text, html, now, message_id, own_headers(sender))
