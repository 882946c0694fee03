"""Mail that came back, in the shapes of RFC 3464 and RFC 5965, and the rows of the mail that had gone out."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from factories import make_subscriber
from sqlmodel import Session, select

from digest import verp
from digest.tables import BounceScore, OutboxMessage, OutboxState, Subscriber, Suppression
from digest.workshop import Workshop

SECRET = "0123456789abcdef0123456789abcdef"  # as in the fixture `settings`
MAILBOX = "bounces@papers.example"
UNKNOWN_USER = "550 5.1.1 <{}>: no such user here"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:returns"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"


def envelope(number: int, purpose: verp.Purpose = "m") -> str:
    return verp.address(MAILBOX, SECRET, verp.Token(purpose, number))


def make_sent(session: Session, now: datetime, **fields: Any) -> OutboxMessage:
    """A mail that went out an hour ago to a new subscriber, or to `subscriber`."""
    who = fields.pop("subscriber", None) or make_subscriber(session, now)
    count = len(session.exec(select(OutboxMessage.id)).all())
    given = {
        "subscriber_id": who.id,
        "recipient": who.email,
        "message_id": f"<2026-05-06.{count:020x}@papers.example>",
        "content": b"",
        "state": OutboxState.SENT,
        "next_at": now,
        "created_at": now - timedelta(hours=1),
        "sent_at": now - timedelta(hours=1),
    }
    message = OutboxMessage(**(given | fields))
    session.add(message)
    session.flush()
    return message


def send_one(shop: Workshop, now: datetime, **fields: Any) -> OutboxMessage:
    with shop.database.session() as session:
        return make_sent(session, now, **fields)


def facts(shop: Workshop) -> dict[str, Any]:
    """Everything that a notice might change."""
    with shop.database.session(write=False) as session:
        return {
            "subscribers": [(row.id, row.status.value) for row in session.exec(select(Subscriber).order_by("id"))],
            "left": [row.left_at for row in session.exec(select(Subscriber).order_by("id"))],
            "messages": [
                (row.id, row.bounced_at, row.reply) for row in session.exec(select(OutboxMessage).order_by("id"))
            ],
            "suppressions": [row.reason for row in session.exec(select(Suppression))],
            "scores": [row.score for row in session.exec(select(BounceScore))],
        }


def make_dsn(to: str, recipient: str, **fields: str) -> bytes:
    """A delivery report to our address `to` about a mail to `recipient`."""
    given = {
        "action": "failed",
        "status": "5.1.1",
        "diagnostic": f"smtp; {UNKNOWN_USER.format(recipient)}",
        "message_id": "<anything@papers.example>",
        "return_path": to,
    } | fields
    return f"""Return-Path: <>
Delivered-To: bounces@papers.example
From: Mail Delivery System <mailer-daemon@mx.example.org>
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

Your mail could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Wed, 6 May 2026 08:00:00 +0000

Final-Recipient: rfc822; {recipient}
Action: {given["action"]}
Status: {given["status"]}
Diagnostic-Code: {given["diagnostic"]}

--b1
Content-Type: message/rfc822

Return-Path: <{given["return_path"]}>
From: Paper Digest <digest@papers.example>
To: {recipient}
Subject: Ten new papers
Message-ID: {given["message_id"]}

The papers.
--b1--
""".replace("\n", "\r\n").encode()


def make_complaint(to: str, message_id: str, recipient: str = "", kind: str = "abuse") -> bytes:
    """A complaint in the Abuse Reporting Format."""
    named = f"Original-Rcpt-To: <{recipient}>\n" if recipient else ""
    return f"""From: <feedback@isp.example>
To: <{to}>
Subject: FW: Ten new papers
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

--b2
Content-Type: text/plain

This is an email abuse report.

--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{named}Arrival-Date: Wed, 6 May 2026 08:00:00 +0000

--b2
Content-Type: text/rfc822-headers

From: Paper Digest <digest@papers.example>
Subject: Ten new papers
Message-ID: {message_id}

--b2--
""".replace("\n", "\r\n").encode()


def make_letter(to: str, subject: str = "unsubscribe") -> bytes:
    return f"From: reader@example.org\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nPlease.\r\n".encode()


def make_certificate(key: RSAPrivateKey, now: datetime) -> bytes:
    """A certificate of a month around `now`, which signs itself, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    builder = builder.not_valid_before(now - timedelta(days=15)).not_valid_after(now + timedelta(days=15))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """Amazon SNS with a key of its own: signs messages, and answers what is fetched."""

    def __init__(self, now: datetime) -> None:
        self.key = generate_private_key(65537, 2048)
        self.certificate = make_certificate(self.key, now)
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"

    def sign(self, message: dict[str, Any], version: str = "2") -> dict[str, Any]:
        confirms = message["Type"] != "Notification"
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        unsigned = {"Subject"} if confirms else {"SubscribeURL", "Token"}
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message and name not in unsigned)
        signature = self.key.sign(text.encode(), PKCS1v15(), SHA256() if version == "2" else SHA1())  # noqa: S303 - version 1
        sealed = {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
        return message | sealed | {"SigningCertURL": CERTIFICATE_URL}

    def notify(self, event: object, **fields: str) -> dict[str, Any]:
        """A signed notification."""
        text = event if isinstance(event, str) else json.dumps(event)
        message = {
            "Type": "Notification",
            "MessageId": "22b80b92-0000-0000-0000-000000000000",
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": "2026-05-06T09:00:00.000Z",
        }
        return self.sign(message | fields)


def ses_bounce(source: str, recipient: str, **fields: Any) -> dict[str, Any]:
    """Amazon SES's notification of a bounce."""
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": recipient,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": f"smtp; {UNKNOWN_USER.format(recipient)}",
            }
        ],
        "feedbackId": "01000",
    }
    return {"notificationType": "Bounce", "bounce": bounce | fields, "mail": {"source": source, "messageId": "0102"}}


def sign_mailgun(event: dict[str, Any], key: str, moment: datetime) -> dict[str, Any]:
    """Mailgun's webhook around an event."""
    stamp, token = str(int(moment.timestamp())), "t" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": event}
