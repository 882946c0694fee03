"""The office that writes letters in tests, and a look at what it wrote."""

import re
import zlib
from email import message_from_bytes
from email.policy import default

from sqlmodel import Session, select

from digest.composing.messages import Sender
from digest.subscribers.correspondence import Office
from digest.tables import MailKind, OutboxMessage

OFFICE = Office(Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, ""))


def letters(session: Session) -> list[tuple[MailKind, str]]:
    """What was written to whom, in order."""
    rows = session.exec(select(OutboxMessage).order_by(OutboxMessage.id)).all()
    return [(row.kind, row.recipient) for row in rows if row.kind is not MailKind.EDITION]


def newest_token(session: Session, recipient: str = "") -> str:
    """The token in the latest letter, or in the latest to a recipient."""
    query = select(OutboxMessage).order_by(OutboxMessage.id.desc())
    row = session.exec(query.where(OutboxMessage.recipient == recipient) if recipient else query).first()
    mail = message_from_bytes(zlib.decompress(row.content), policy=default)
    return re.search(r"https://papers\.example/[a-z-]+/(\S+)", mail.get_body(("plain",)).get_content())[1]
