"""Editions: who is due, and one transaction that stores what they get, or why they get none."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, tuple_
from sqlmodel import Session, col, select

from digest.clock import Schedule, edition_day, local_day, next_slot
from digest.ranking.briefs import never_had_an_interest
from digest.ranking.drafts import Draft, Pick
from digest.tables import Edition, EditionItem, Paper, Profile, Run, SkipReason, Subscriber, SubscriberStatus

SOURCE_MEMORY = timedelta(days=2)  # a failure older than that is no news
TIME_TO_SAY = timedelta(hours=1)  # what to read, after confirming
RETRIED = (SkipReason.NO_NEW_PAPERS, SkipReason.NO_MATCH, SkipReason.SOURCE_FAILED)


def plan(session: Session, now: datetime, only: int | None = None) -> list[int]:
    """Subscribers whose edition is due, and those whose edition was skipped today but for whom papers came since."""
    waiting = select(Subscriber.id).where(are_expecting(now))
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


def are_expecting(now: datetime) -> ColumnElement[bool]:
    """Which subscribers are to get editions, each at their own time: active ones who have an interest that is on.

    Who never had one gets what trends, but not before they have had an hour to say what they want: their first edition
    should be theirs.
    """
    theirs = select(Profile.id).where(Profile.subscriber_id == Subscriber.id, col(Profile.active))
    has_interest = theirs.where(col(Profile.removed_at).is_(None)).exists()
    has_had_time = col(Subscriber.confirmed_at) <= now - TIME_TO_SAY
    is_active = col(Subscriber.status) == SubscriberStatus.ACTIVE
    return and_(is_active, or_(has_interest, and_(has_had_time, never_had_an_interest())))


def store(session: Session, made: dict[int, Draft], now: datetime, encoder: str) -> Counter[str]:
    """Store drafts, by subscriber id, as editions and set everybody's next date, in the session's one transaction.

    Returns counts: editions, items, and one per skip reason.
    """
    query = select(Subscriber).where(col(Subscriber.id).in_(made), Subscriber.status == SubscriberStatus.ACTIVE)
    subscribers = session.exec(query.order_by(col(Subscriber.id)).with_for_update(of=Subscriber)).all()
    days = {subscriber.id: _schedule_next(session, subscriber, now) for subscriber in subscribers}
    settled = _clear_skipped(session, days)
    failed = failed_sources(session, now)
    common = _common(now, encoder, failed)
    rows = [
        {**common, "subscriber_id": who, "edition_date": days[who], "considered": made[who].considered}
        | {"skip_reason": _skip_reason(made[who], failed), "hidden": name_hidden(made[who])}
        for who in days
        if who not in settled
    ]
    _insert(session, rows, made)
    reasons = Counter(row["skip_reason"].value for row in rows if row["skip_reason"])
    picked = [len(made[row["subscriber_id"]].picks) for row in rows if not row["skip_reason"]]
    return +Counter({"editions": len(picked), "items": sum(picked), **reasons})


def _schedule_next(session: Session, subscriber: Subscriber, now: datetime) -> date:
    """Set when the next edition is due; returns the date of the one that is stored now."""
    schedule = Schedule(subscriber.zone, subscriber.hour, subscriber.weekdays)
    due = subscriber.next_edition_at or now
    day = edition_day(due, schedule, now) if due <= now else _last_day(session, subscriber)
    subscriber.next_edition_at, subscriber.last_edition_at = next_slot(day, schedule), now
    return day


def _clear_skipped(session: Session, days: dict[int, date]) -> set[int]:
    """Delete the editions of these days that were skipped and may be made anew; returns whose edition stands."""
    wanted = tuple_(col(Edition.subscriber_id), col(Edition.edition_date)).in_(list(days.items()))
    known = session.exec(select(Edition.id, Edition.subscriber_id, Edition.skip_reason).where(wanted)).all()
    session.exec(delete(Edition).where(col(Edition.id).in_([key for key, _, why in known if why in RETRIED])))
    return {who for _, who, why in known if why not in RETRIED}


def _insert(session: Session, rows: list[dict[str, Any]], made: dict[int, Draft]) -> None:
    """Editions and their items, each table in one statement: a row object each would cost ten times as much."""
    if not rows:
        return
    ids = session.scalars(insert(Edition).returning(col(Edition.id), sort_by_parameter_order=True), rows).all()
    items = [
        make_item(edition_id, rank, pick).model_dump(exclude={"id"})
        for edition_id, row in zip(ids, rows, strict=True)
        for rank, pick in enumerate(made[row["subscriber_id"]].picks, 1)
    ]
    if items:
        session.execute(insert(EditionItem), items)


def _common(now: datetime, encoder: str, failed: list[str]) -> dict[str, Any]:
    return {"created_at": now, "encoder": encoder, "failed_sources": failed}


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


def name_hidden(made: Draft) -> list[dict[str, Any]]:
    """What muted words kept out, as an edition keeps it."""
    return [{"paper": hidden.paper.id, "profile": hidden.profile_id, "phrase": hidden.phrase} for hidden in made.hidden]


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
        version=pick.paper.version,
        ranker=pick.ranker,
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
