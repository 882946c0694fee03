"""A message as RFC 5322 bytes, joined by hand: the library's serialiser would cost ten times all the rest of a mail.

The same message always gives the same bytes: date, boundary and Message-ID are the message's own, nothing is drawn.
What is made here re-parses under Python's strict parser without a defect and with the library's content; tests say so.
"""

import hashlib
import re
from binascii import b2a_qp
from collections.abc import Sequence
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime
from functools import lru_cache

from digest.composing.messages import Message, Sender
from digest.composing.signing import SigningKey, hash_body, sign

LINE_LENGTH = 76  # characters of a header's line (RFC 2047 2)
LONGEST_LINE = 998  # octets (RFC 5322 2.1.1)
WITH_PHRASE = frozenset({"List-Id"})  # headers in which only what stands before the brackets is text for people
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def assemble(sender: Sender, message: Message, keys: Sequence[SigningKey] = ()) -> bytes:
    """The message as bytes: text and HTML alternatives, quoted-printable, with a signature by each of `keys`."""
    boundary = f"=_{hashlib.sha256(message.message_id.encode()).hexdigest()[:32]}"
    fields = [
        ("From", _mailbox("From", sender.address)),
        ("To", _mailbox("To", message.recipient)),
        ("Subject", _unstructured("Subject", message.subject)),
        ("Date", format_datetime(message.date).encode()),
        ("Message-ID", message.message_id.encode()),
        *((name, _unstructured(name, value)) for name, value in message.headers.items()),
        ("MIME-Version", b"1.0"),
        ("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"'.encode()),
    ]
    body = _body(message, boundary.encode())
    body_hash = hash_body(body) if keys else ""
    signatures = [("DKIM-Signature", sign(key, fields, body_hash, message.date)) for key in keys]
    head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in [*signatures, *fields])
    return head + b"\r\n" + body


def _body(message: Message, boundary: bytes) -> bytes:
    parts = ((b"plain", message.text), (b"html", message.html))
    pieces = [
        b"--" + boundary + b"\r\n"
        b"Content-Type: text/" + kind + b'; charset="utf-8"\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quote(text)
        for kind, text in parts
    ]
    return b"\r\n".join([*pieces, b"--" + boundary + b"--\r\n"])


def quote(text: str) -> bytes:
    """`text` in quoted-printable lines (RFC 2045 6.7)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return b2a_qp(lines, quotetabs=False, istext=True).replace(b"\n", b"\r\n")


def _unstructured(name: str, text: str) -> bytes:
    """A header's value: as it is where it is ASCII and fits on a line, else in encoded words."""
    text = CONTROL.sub(" ", text).strip()
    if text.isascii() and "=?" not in text and len(name) + 2 + len(text) <= LONGEST_LINE:
        return text.encode()
    phrase, angle, rest = text.rpartition(" <") if name in WITH_PHRASE else ("", "", "")
    return _encoded(name, phrase) + f"\r\n <{rest}".encode() if angle else _encoded(name, text)


@lru_cache(maxsize=256)
def _encoded(name: str, text: str) -> bytes:
    made = Header(text.encode("utf-8", "replace"), "utf-8", LINE_LENGTH, name).encode(linesep="\r\n")
    return made.encode()


def _mailbox(name: str, address: Address) -> bytes:
    """“Name <user@domain>”; a name that is not ASCII goes into encoded words."""
    shown = CONTROL.sub(" ", address.display_name).strip()
    if shown.isascii() and "=?" not in shown and len(shown) < LINE_LENGTH * 4:
        return str(Address(shown, address.username, address.domain)).encode()
    return _encoded(name, shown) + f"\r\n <{address.addr_spec}>".encode()
