"""What comes back by mail: delivery reports (RFC 3464), complaints (RFC 5965), and mail to an unsubscribe address.

Pure parsing: nothing here is believed yet. Who sent the report, and about which mail, is for `bounces` to find out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.errors import MessageError
from email.message import Message
from typing import Any, Literal

from digest import verp

Kind = Literal["failed", "delayed", "complaint", "unsubscribe", "other"]

LONGEST = 256 * 1024  # bytes that are looked at: a report comes first, and the mail that it returns may be cut
MOST_PARTS = 100
DEEPEST = 3  # levels of multipart in which a report may stand
LONGEST_FIELD = 4_000  # characters of one header, which expressions are matched against
LONGEST_WORDS = 400
BOUNDARY = re.compile(rb"boundary[*\d]*\s*=", re.IGNORECASE)
STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")
ADDRESS = re.compile(r"[^\s<>;,\"'()\[\]]+@[^\s<>;,\"'()\[\]]+")
TYPE_PREFIX = re.compile(r"^\s*(?:[\w.-]+\s*;)?\s*")  # “rfc822;” or “smtp;”
DELIVERY = {"message/delivery-status", "message/global-delivery-status"}
ORIGINAL = {
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
    "message/rfc822-headers",
}
OF_NOTHING: tuple[Kind, Message] = ("other", Message())
COMPLAINTS = {"abuse", "fraud", "virus", "other"}  # not "not-spam", and not "auth-failure", which is of no person
DELIVERED_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
RUBBISH = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    MessageError,
)  # of `email` on broken MIME


@dataclass(frozen=True, slots=True)
class Report:
    """What a notice says. `vouched` means that a provider whom we trust has said it.

    `addresses` is the header text in which our own addresses may stand; `recipients` are in lower case; `message_id`
    has its angle brackets.
    """

    kind: Kind
    status: str = ""
    words: str = ""
    recipients: tuple[str, ...] = ()
    addresses: str = ""
    message_id: str = ""
    vouched: bool = False

    @property
    def recipient(self) -> str:
        return self.recipients[0] if self.recipients else ""


def read_report(content: bytes) -> Report | None:
    """The report in a mail, or None when it is a mail of another kind. Takes any bytes."""
    content = content[:LONGEST]
    if len(BOUNDARY.findall(content)) > MOST_PARTS:  # parts within parts within parts: time is all they would take
        return None
    try:
        return _read(message_from_bytes(content))
    except RUBBISH:
        return None


def choose_status(*texts: str) -> str:
    """The enhanced status (RFC 3463) that says most: a policy before all, then the first that is not vague."""
    found = [status for text in texts for status in STATUS.findall(text[:LONGEST_FIELD])]
    policy = [status for status in found if status.startswith("5.7.")]
    exact = [status for status in found if not status.endswith(".0")]
    return next(iter(policy + exact + found), "")


def shorten_words(text: str) -> str:
    """A server's words on one printable line, without the type (“smtp;”) that a report puts before them."""
    line = " ".join(TYPE_PREFIX.sub("", text[:LONGEST_FIELD]).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:LONGEST_WORDS]


def bracket(message_id: str) -> str:
    """A Message-ID in its angle brackets; nothing stays nothing."""
    bare = message_id.strip().strip("<>").strip()
    return f"<{bare}>" if bare else ""


def _read(mail: Message) -> Report | None:
    parts = list(_parts(mail))
    own = _fields([mail], *DELIVERED_TO)
    originals = [_headers_of(part) for part in parts if part.get_content_type() in ORIGINAL]
    for part in parts:
        if part.get_content_type() in DELIVERY:
            return _read_delivery(_blocks(part), originals, own)
        if part.get_content_type() == "message/feedback-report":
            return _read_complaint(_blocks(part), originals, own)
    asked = any(purpose in "uU" for purpose, _, _ in verp.TOKEN.findall(own))
    return Report("unsubscribe", addresses=own) if asked else None


def _parts(mail: Message, depth: int = DEEPEST) -> Iterator[Message]:
    """The parts of a multipart mail; what stands in an attached mail is not of this one."""
    if mail.get_content_maintype() != "multipart" or depth == 0:
        return
    for part in _inner(mail):
        yield part
        yield from _parts(part, depth - 1)


def _inner(part: Message) -> list[Message]:
    inner: Any = part.get_payload()
    return [mail for mail in inner if isinstance(mail, Message)] if isinstance(inner, list) else []


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a report, however the library has taken it apart."""
    groups = _inner(part) or [message_from_string(str(part.get_payload()))]
    rest = [group.get_payload() for group in groups]
    texts = [text for text in rest if isinstance(text, str) and text.strip()]
    more = [block for text in texts for block in re.split(r"\r?\n[ \t]*\r?\n", text) if block.strip()]
    return groups + [message_from_string(block.strip()) for block in more[:MOST_PARTS]]


def _headers_of(part: Message) -> Message:
    """The headers of the returned mail."""
    if mails := _inner(part):
        return mails[0]
    decoded = part.get_payload(decode=True)
    return message_from_bytes(decoded if isinstance(decoded, bytes) else b"")


def _fields(blocks: Iterable[Message], *names: str) -> str:
    """The values of all fields of these names, in the order of the names, a line each."""
    listed = list(blocks)
    values = [str(value)[:LONGEST_FIELD] for name in names for block in listed for value in block.get_all(name, [])]
    return "\n".join(values)


def _read_delivery(blocks: list[Message], originals: list[Message], own: str) -> Report:
    """What became of our one recipient; of several groups, the one that tells a failure."""
    told = [(_kind_of(block), block) for block in blocks if "Action" in block or "Status" in block]
    kind, chosen = next((pair for wanted in ("failed", "delayed") for pair in told if pair[0] == wanted), OF_NOTHING)
    said = _fields([chosen], "Diagnostic-Code")
    return Report(
        kind,
        choose_status(_fields([chosen], "Status"), said),
        shorten_words(said),
        _addresses(_fields([chosen], "Original-Recipient", "Final-Recipient")),
        "\n".join((own, _fields(originals, "Return-Path"))),
        _message_id(originals),
    )


def _kind_of(block: Message) -> Kind:
    action = _fields([block], "Action").strip().lower().partition(" ")[0]
    if not action:  # some servers forget it
        action = {"5": "failed", "4": "delayed"}.get(_fields([block], "Status").strip()[:1], "")
    return "failed" if action == "failed" else "delayed" if action == "delayed" else "other"


def _read_complaint(blocks: list[Message], originals: list[Message], own: str) -> Report:
    kinds = {line.strip().lower() for line in _fields(blocks, "Feedback-Type").split("\n")}
    wants_out = bool(kinds & {"opt-out", "opt-out-list"})
    return Report(
        "complaint" if kinds & COMPLAINTS else "unsubscribe" if wants_out else "other",
        words=shorten_words(" ".join(sorted(kinds))),
        recipients=_addresses(_fields(blocks, "Original-Rcpt-To")),
        addresses="\n".join((own, _fields(originals, "Return-Path"), _fields(blocks, "Original-Mail-From"))),
        message_id=_message_id(originals),
    )


def _addresses(text: str) -> tuple[str, ...]:
    found = (address for line in text.split("\n") for address in ADDRESS.findall(TYPE_PREFIX.sub("", line)))
    return tuple(dict.fromkeys(address.lower() for address in found))


def _message_id(originals: list[Message]) -> str:
    """The returned mail's Message-ID; several would be somebody's trick, and the first is as good as any."""
    return bracket(_fields(originals[:1], "Message-ID").partition("\n")[0])
