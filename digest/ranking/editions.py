"""Editions: who is due, and one transaction that stores what they get, or why they get none."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from digest.clock import Schedule, edition_day, local_day, next_slot
from digest.ranking.drafts import Draft, Pick
from digest.tables import Edition, EditionItem, Paper, Profile, Run, SkipReason, Subscriber, SubscriberStatus

SOURCE_MEMORY = timedelta(days=2)  # a failure older than that is no news
RETRIED = (SkipReason.NO_NEW_PAPERS, SkipReason.NO_MATCH, SkipReason.SOURCE_FAILED)


def plan(session: Session, now: datetime, only: int | None = None) -> list[int]:
    """Subscribers whose edition is due, and those whose edition was skipped today but for whom papers came since."""
    waiting = select(Subscriber.id).where(Subscriber.status == SubscriberStatus.ACTIVE, _has_profile())
    waiting = waiting if only is None else waiting.where(Subscriber.id == only)
    due = waiting.where(Subscriber.next_edition_at <= now)  # type: ignore[operator]  # nullable, and NULL is not due
    newest = session.exec(select(func.max(Paper.first_seen_at)).where(Paper.first_seen_at <= now)).one()
    if newest is None:
        return sorted(session.exec(due))
    again = waiting.join(Edition, col(Edition.subscriber_id) == col(Subscriber.id)).where(
        col(Edition.skip_reason).in_(RETRIED),
        Edition.created_at < newest,
        Edition.created_at == Subscriber.last_edition_at,
        Edition.created_at > now - timedelta(days=1),
    )
    return sorted({*session.exec(due), *session.exec(again)})


def _has_profile() -> ColumnElement[bool]:
    return select(Profile.id).where(Profile.subscriber_id == Subscriber.id, col(Profile.active)).exists()


def store(session: Session, made: dict[int, Draft], now: datetime, encoder: str) -> Counter[str]:
    """Store drafts, by subscriber id, as editions and set everybody's next date, in the session's one transaction.

    Returns counts: editions, items, and one per skip reason.
    """
    query = select(Subscriber).where(col(Subscriber.id).in_(made), Subscriber.status == SubscriberStatus.ACTIVE)
    failed = failed_sources(session, now)
    counts: Counter[str] = Counter()
    for subscriber in session.exec(query.order_by(col(Subscriber.id))):
        counts += _store_one(session, subscriber, made[subscriber.id], Edition(**_common(now, encoder, failed)))
    return counts


def _common(now: datetime, encoder: str, failed: list[str]) -> dict[str, Any]:
    return {"created_at": now, "encoder": encoder, "failed_sources": failed}


def _store_one(session: Session, subscriber: Subscriber, made: Draft, edition: Edition) -> Counter[str]:
    """Store one edition unless its date has one already; one that was skipped is replaced."""
    now = edition.created_at
    schedule = Schedule(subscriber.zone, subscriber.hour, subscriber.weekdays)
    due = subscriber.next_edition_at or now
    day = edition_day(due, schedule, now) if due <= now else _last_day(session, subscriber)
    subscriber.next_edition_at, subscriber.last_edition_at = next_slot(day, schedule), now
    known = session.exec(
        select(Edition).where(Edition.subscriber_id == subscriber.id, Edition.edition_date == day)
    ).first()
    if known is not None and known.skip_reason not in RETRIED:
        return Counter()
    if known is not None:
        session.delete(known)
        session.flush()
    edition.subscriber_id, edition.edition_date = subscriber.id, day
    edition.skip_reason, edition.considered = _skip_reason(made, edition.failed_sources), made.considered
    session.add(edition)
    session.flush()
    session.add_all(make_item(edition.id, rank, pick) for rank, pick in enumerate(made.picks, 1))
    return Counter({edition.skip_reason.value: 1} if edition.skip_reason else {"editions": 1, "items": len(made.picks)})


def _skip_reason(made: Draft, failed: list[str]) -> SkipReason | None:
    """“Nothing new” is only true when every source could be asked."""
    nothing_new = made.skip_reason is SkipReason.NO_NEW_PAPERS
    return SkipReason.SOURCE_FAILED if nothing_new and failed else made.skip_reason


def transient(subscriber: Subscriber, made: Draft, now: datetime, encoder: str) -> Edition:
    """A draft as an edition that is only looked at, never stored."""
    day = local_day(now, subscriber.zone)
    return Edition(
        id=0, subscriber_id=subscriber.id, edition_date=day, considered=made.considered, **_common(now, encoder, [])
    )


def _last_day(session: Session, subscriber: Subscriber) -> date:
    return session.exec(select(func.max(Edition.edition_date)).where(Edition.subscriber_id == subscriber.id)).one()


def make_item(edition_id: int, rank: int, pick: Pick) -> EditionItem:
    """A pick as a row; `rank` counts from one."""
    return EditionItem(
        edition_id=edition_id,
        paper_id=pick.paper.id,
        profile_id=pick.profile_id,
        rank=rank,
        score=pick.score,
        relevance=pick.relevance,
        trend=pick.paper.trend,
        reason=pick.reason,
        highlight=pick.highlight,
    )


def failed_sources(session: Session, now: datetime) -> list[str]:
    """The sources whose latest poll of the last two days failed."""
    query = (
        select(Run.source, Run.ok)
        .where(Run.stage == "ingest", Run.moment > now - SOURCE_MEMORY, Run.moment <= now)
        .order_by(col(Run.moment), col(Run.id))
    )
    latest = dict(session.exec(query).all())
    return sorted(source for source, ok in latest.items() if not ok)
