"""What a notice of failure or of a complaint changes, once it is clear which mail it is about.

A notice is believed when it comes to the sender address that only that mail had (`digest.verp`); a complaint also by
the mail's Message-ID, which nobody can guess; and by the recipient alone when a trusted provider has said it. Anything
else is ignored. The table of statuses is that of `digest.mail.replies`.
"""

import re
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from digest import verp
from digest.db import take_turns
from digest.log import get_logger
from digest.mail import suppression
from digest.mail.replies import HARD as HARD  # noqa: PLC0414 - public here: the statuses that end an address
from digest.mail.reports import Report
from digest.tables import BounceScore, OutboxMessage, Subscriber, SubscriberStatus

Outcome = Literal["suppressed", "scored", "policy", "complaint", "unsubscribed", "repeated", "ignored"]

HALF_LIFE = timedelta(days=30)
LIMIT = 2.5  # three bounces within a month, as they decay
SHORTEST_SPAN = timedelta(days=7)  # a mailbox that is full for a week-end is not lost
FORGOTTEN = 0.25  # a score below this is of a trouble that is over, and the next bounce begins a new one
POLICY = re.compile(
    r"\b(?:spam\w*|blocked|black-?list\w*|block-?list\w*|denylist\w*|dnsbl|rbl|policy|policies|reputation|unsolicited|junk"
    r"|dmarc|dkim|spf|virus|rate.?limit\w*)\b",
    re.IGNORECASE,
)


def apply(session: Session, report: Report, now: datetime, secret: str) -> Outcome:
    """Change what the report asks for, if it is true; `secret` is the key of our sender addresses.

    The same report again changes nothing: a message counts once.
    """
    if report.kind in ("delayed", "other") or (report.kind == "failed" and report.status.startswith(("2.", "4."))):
        return "ignored"
    if report.kind == "unsubscribe":
        subscriber = _find_leaver(session, report, secret)
        outcome = _unsubscribe(subscriber, now) if subscriber else "ignored"
        _log(outcome, subscriber=subscriber.id if subscriber else None)
        return outcome
    message = _find_message(session, report, secret)
    if message is None:
        _log("ignored")
        return "ignored"
    outcome = _complain(session, message, now) if report.kind == "complaint" else _bounce(session, message, report, now)
    _log(outcome, message=message.id, subscriber=message.subscriber_id)
    return outcome


def score_soft(session: Session, address: str, status: str, now: datetime) -> bool:
    """Count a failure that may pass; True when it was one too many and the address is suppressed now.

    The score decays with HALF_LIFE; three failures over at least SHORTEST_SPAN suppress.
    """
    take_turns(session, "suppression")
    digest = suppression.digest_of(address)
    row = session.get(BounceScore, digest)
    if row is None:
        row = BounceScore(address_digest=digest, score=0.0, first_at=now, updated_at=now)
        session.add(row)
    left = row.score * 0.5 ** (max(now - row.updated_at, timedelta()) / HALF_LIFE)
    if left < FORGOTTEN:
        row.first_at = now
    row.score, row.updated_at, row.status = left + 1, max(now, row.updated_at), status[:200]
    lost = row.score >= LIMIT and now - row.first_at >= SHORTEST_SPAN
    if lost:
        suppression.suppress(session, address, f"bounced: {status or 'refused'} again and again", now)
    session.flush()
    return lost


def _bounce(session: Session, message: OutboxMessage, report: Report, now: datetime) -> Outcome:
    if message.bounced_at is not None:
        return "repeated"
    message.bounced_at, message.reply = now, " ".join(filter(None, (report.status, report.words)))[:500]
    if report.status in HARD:
        suppression.suppress(session, message.recipient, f"bounced: {report.status} {report.words}".strip(), now)
        return "suppressed"
    if _is_policy(report):
        return "policy"
    return "suppressed" if score_soft(session, message.recipient, report.status, now) else "scored"


def _is_policy(report: Report) -> bool:
    """Whether they mind us or our mail, not the address. Words count only where the status is not about the mailbox."""
    of_mailbox = report.status.startswith(("5.1.", "5.2.")) and not report.status.endswith(".0")
    return report.status.startswith("5.7.") or (not of_mailbox and bool(POLICY.search(report.words)))


def _complain(session: Session, message: OutboxMessage, now: datetime) -> Outcome:
    """The person minds our mail: neither the address nor the person, should they have another by now, gets more."""
    subscriber = session.get_one(Subscriber, message.subscriber_id)
    left = subscriber.status is SubscriberStatus.UNSUBSCRIBED
    if left and suppression.suppressed(session, [message.recipient]):
        return "repeated"
    suppression.suppress(session, message.recipient, f"{suppression.COMPLAINT}: marked as spam", now)
    suppression.leave(subscriber, now)
    return "complaint"


def _unsubscribe(subscriber: Subscriber, now: datetime) -> Outcome:
    if subscriber.status is SubscriberStatus.UNSUBSCRIBED:
        return "repeated"
    suppression.leave(subscriber, now)
    return "unsubscribed"


def _find_leaver(session: Session, report: Report, secret: str) -> Subscriber | None:
    token = verp.read(report.addresses, secret)
    if token and token.purpose == "u":
        return session.get(Subscriber, token.number)
    if not (report.vouched or report.message_id):
        return None
    message = _find_message(session, report, secret)
    return session.get(Subscriber, message.subscriber_id) if message else None


def _find_message(session: Session, report: Report, secret: str) -> OutboxMessage | None:
    """The mail that a report is about, locked; None when the report does not prove that it knows one of ours."""
    token = verp.read(report.addresses, secret)
    query = select(OutboxMessage).with_for_update()
    found = None
    if token:
        if token.purpose == "m":
            found = session.exec(query.where(OutboxMessage.id == token.number)).first()
    elif report.message_id and (report.kind != "failed" or report.vouched):
        found = session.exec(query.where(OutboxMessage.message_id == report.message_id)).first()
    if found is None and report.vouched and report.recipients:
        return _latest_to(session, report.recipients)
    if found is None or (report.recipients and found.recipient.lower() not in report.recipients):
        return None
    return found


def _latest_to(session: Session, recipients: tuple[str, ...]) -> OutboxMessage | None:
    query = (
        select(OutboxMessage)
        .join(Subscriber, col(Subscriber.id) == col(OutboxMessage.subscriber_id))
        .where(col(Subscriber.email).in_(recipients), col(OutboxMessage.recipient).in_(recipients))
        .where(col(OutboxMessage.sent_at).is_not(None))
        .order_by(col(OutboxMessage.sent_at).desc(), col(OutboxMessage.id).desc())
    )
    return session.exec(query.limit(1).with_for_update(of=OutboxMessage)).first()


def _log(outcome: Outcome, **ids: int | None) -> None:
    get_logger().info("notice_taken", outcome=outcome, **ids)
