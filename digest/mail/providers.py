"""Webhooks of mail providers: who may tell us something, and what it means.

Pure functions. Each raises PermanentError for who may not, InvalidRequest for what cannot be read, and gives no report
for events that are nothing to us. The shapes are those of the providers' documentation; unknown fields are passed over.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.errors import InvalidRequest, PermanentError
from digest.mail.reports import Kind, Report, bracket, choose_status, read_report, shorten_words
from digest.mail.sns import Fetch, open_message

OLDEST = timedelta(minutes=15)  # a request signed earlier is somebody's copy
UNKNOWN_USER, BAD_ADDRESS, FULL, POLICY = "5.1.1", "5.1.3", "5.2.2", "5.7.1"
SES_GONE = {"NoEmail", "Suppressed", "OnAccountSuppressionList"}
POSTMARK_FAILURES = {  # each with the status to assume when the server's own words have none
    "HardBounce": UNKNOWN_USER,
    "BadEmailAddress": BAD_ADDRESS,
    "SoftBounce": FULL,
    "Blocked": POLICY,
    "SpamNotification": POLICY,
    "VirusNotification": POLICY,
    "DMARCPolicy": POLICY,
}
POSTMARK_REASONS: dict[str, tuple[Kind, str]] = {
    "HardBounce": ("failed", UNKNOWN_USER),
    "SpamComplaint": ("complaint", ""),
    "ManualSuppression": ("unsubscribe", ""),
}
MAILGUN_REASONS: dict[str, tuple[Kind, str]] = {  # why Mailgun itself did not send
    "suppress-bounce": ("failed", UNKNOWN_USER),
    "suppress-complaint": ("complaint", ""),
    "suppress-unsubscribe": ("unsubscribe", ""),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook's request; the names of the headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes


def read_ses(request: Request, topic: str, now: datetime, fetch: Fetch) -> list[Report]:
    """Amazon SES through an SNS topic; `fetch` gets a certificate or confirms a subscription."""
    message = _load(request.body)
    text = open_message(message, topic, now, fetch)
    if not text:
        return []
    try:
        event = _load(text)
    except InvalidRequest:  # SNS says in plain words that the topic was set up
        return []
    kind = _text(event, "notificationType") or _text(event, "eventType")
    mail = _table(event, "mail")
    seen = (_text(mail, "source"), _text(_table(mail, "commonHeaders"), "messageId"))
    if kind == "Bounce":
        return _read_ses_bounce(_table(event, "bounce"), seen)
    if kind == "Complaint":
        return _read_ses_complaint(_table(event, "complaint"), seen)
    return []


def _read_ses_bounce(bounce: Mapping[str, object], seen: tuple[str, str]) -> list[Report]:
    kind, subtype = _text(bounce, "bounceType"), _text(bounce, "bounceSubType")
    assumed = UNKNOWN_USER if subtype in SES_GONE else FULL if subtype == "MailboxFull" else ""
    lasting = kind == "Permanent" or subtype == "MailboxFull"
    reports = []
    for recipient in _tables(bounce, "bouncedRecipients"):
        said = _text(recipient, "diagnosticCode")
        status = choose_status(_text(recipient, "status"), said)
        if subtype == "MailboxFull" and not status.startswith("5."):
            status = FULL  # SES has given up, so it is no delay any more
        failed = lasting or (kind == "Undetermined" and status.startswith("5."))
        address = _text(recipient, "emailAddress")
        reports.append(_vouched("failed" if failed else "delayed", status or assumed, said, address, seen))
    return reports


def _read_ses_complaint(complaint: Mapping[str, object], seen: tuple[str, str]) -> list[Report]:
    feedback = _text(complaint, "complaintFeedbackType")
    kind: Kind = "other" if feedback in ("not-spam", "auth-failure") else "complaint"
    people = _tables(complaint, "complainedRecipients")
    return [_vouched(kind, "", feedback, _text(person, "emailAddress"), seen) for person in people]


def read_postmark(request: Request, secret: str) -> list[Report]:
    """Postmark's bounces, spam complaints and changes of subscription. It signs nothing, so it is given our secret."""
    check_secret(request, secret)
    event = _load(request.body)
    record = _text(event, "RecordType") or _text(event, "Type")
    said = " ".join(filter(None, (_text(event, "Details"), _text(event, "Description"))))
    kind: Kind = "other"
    status = ""
    if "SpamComplaint" in (record, _text(event, "Type")):
        kind = "complaint"
    elif record == "SubscriptionChange":
        kind, status = _read_postmark_change(event)
    elif assumed := POSTMARK_FAILURES.get(_text(event, "Type"), ""):
        found = choose_status(_text(event, "Details"))
        kind, status = "failed", found if found.startswith("5.") and assumed != POLICY else assumed
    return _if_any(_vouched(kind, status, said, _text(event, "Email") or _text(event, "Recipient"), ("", "")))


def _read_postmark_change(event: Mapping[str, object]) -> tuple[Kind, str]:
    reason = _text(event, "SuppressionReason")
    by_us = reason == "ManualSuppression" and _text(event, "Origin") != "Recipient"
    if event.get("SuppressSending") is not True or by_us:
        return "other", ""
    return POSTMARK_REASONS.get(reason, ("other", ""))


def read_mailgun(request: Request, key: str, now: datetime) -> list[Report]:
    """Mailgun's failures, complaints and unsubscriptions, signed with our key a short while ago."""
    document = _load(request.body)
    _check_mailgun(_table(document, "signature"), key, now)
    event = _table(document, "event-data")
    delivery = _table(event, "delivery-status")
    said = " ".join(filter(None, (_text(delivery, "message"), _text(delivery, "description"))))
    kind, status = _judge_mailgun(event, choose_status(_text(delivery, "enhanced-code"), said))
    headers = _table(_table(event, "message"), "headers")
    seen = (_text(_table(event, "envelope"), "sender"), bracket(_text(headers, "message-id")))
    return _if_any(_vouched(kind, status, said, _text(event, "recipient"), seen))


def _judge_mailgun(event: Mapping[str, object], status: str) -> tuple[Kind, str]:
    name, reason = _text(event, "event"), _text(event, "reason")
    if name == "complained":
        return "complaint", ""
    if name == "unsubscribed":
        return "unsubscribe", ""
    if name != "failed":
        return "other", ""
    if _text(event, "severity") != "permanent":
        return "delayed", status
    return MAILGUN_REASONS.get(reason, ("failed", status))


def _check_mailgun(signature: Mapping[str, object], key: str, now: datetime) -> None:
    stamp, token, given = (_text(signature, name) for name in ("timestamp", "token", "signature"))
    made = hmac.new(key.encode(), f"{stamp}{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    if not token or not hmac.compare_digest(made.encode(), given.encode("utf-8", "replace")):
        raise PermanentError("The signature is not true.")
    if not stamp.isdecimal() or abs(now.timestamp() - int(stamp[:12])) > OLDEST.total_seconds():
        raise PermanentError("The signature is too old.")


def read_mail(request: Request, secret: str) -> list[Report]:
    """A mail that our own mail server hands over. Our server is trusted, but anybody may have written the mail."""
    check_secret(request, secret)
    report = read_report(request.body)
    if report is None:
        raise InvalidRequest("This is no delivery report, no complaint and no mail to an unsubscribe address.")
    return [report]


def check_secret(request: Request, secret: str) -> None:
    """Raises PermanentError unless the request has our secret, as a bearer token or a basic log-in's password."""
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    password = given.strip().encode("utf-8", "replace")
    if scheme.lower() == "basic":
        try:
            password = base64.b64decode(password, validate=True).partition(b":")[2]
        except binascii.Error:
            password = b""
    known = scheme.lower() in ("basic", "bearer") and hmac.compare_digest(password, secret.encode())
    if not (secret and known):
        raise PermanentError("The secret is not the one of DIGEST_WEBHOOK_SECRET.")


def _vouched(kind: Kind, status: str, said: str, recipient: str, seen: tuple[str, str]) -> Report:
    """What a provider has said; `seen` are the sender address and the Message-ID of the mail, as far as it tells."""
    people = (recipient.strip().lower(),) if recipient.strip() else ()
    return Report(kind, status, shorten_words(said), people, seen[0], bracket(seen[1]), vouched=True)


def _if_any(report: Report) -> list[Report]:
    return [] if report.kind == "other" else [report]


def _load(body: bytes | str) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return document


def _text(table: Mapping[str, object], name: str) -> str:
    value = table.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _table(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _tables(table: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    value = table.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
