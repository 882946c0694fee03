"""When and how much: the hour and days of somebody's editions, and pauses, which end by themselves on a day."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from digest.clock import EVERY_DAY, Schedule, local_day, next_slot, parse_zone
from digest.errors import InvalidRequest
from digest.tables import Edition, Subscriber, SubscriberStatus

MOST_PAPERS = 30  # more would make a mail that Gmail clips, see tests/unit/composing/test_editions.py
LONGEST_PAUSE = timedelta(days=366)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An hour (0-23) on weekdays (Monday is 0) in an IANA zone, and the papers in an edition."""

    zone: str = "UTC"
    hour: int = 7
    weekdays: Collection[int] = field(default=EVERY_DAY)
    papers: int = 10

    def check(self) -> None:
        """Raises InvalidRequest that names the first field that cannot be taken."""
        parse_zone(self.zone)
        if not 0 <= self.hour <= 23:  # noqa: PLR2004 - hours of a day
            raise InvalidRequest(f"{self.hour} is not an hour: use 0 to 23.")
        if not self.weekdays or not set(self.weekdays) <= set(EVERY_DAY):
            raise InvalidRequest("Choose at least one weekday, 0 (Monday) to 6 (Sunday).")
        if not 1 <= self.papers <= MOST_PAPERS:
            raise InvalidRequest(f"{self.papers} papers are not possible: use 1 to {MOST_PAPERS}.")


def delivery_of(subscriber: Subscriber) -> Delivery:
    return Delivery(subscriber.zone, subscriber.hour, subscriber.weekdays, subscriber.papers_per_edition)


def schedule_of(subscriber: Subscriber) -> Schedule:
    return Schedule(subscriber.zone, subscriber.hour, subscriber.weekdays)


def set_delivery(session: Session, subscriber: Subscriber, delivery: Delivery, now: datetime) -> None:
    """Change when editions come. One that is due comes; the edition of today comes once, at whichever hour.

    A pause still ends on its day.
    """
    delivery.check()
    lock(session, subscriber)
    back = local_day(subscriber.paused_until, subscriber.zone) if subscriber.paused_until else None
    subscriber.zone, subscriber.hour = delivery.zone, delivery.hour
    subscriber.weekdays, subscriber.papers_per_edition = sorted(set(delivery.weekdays)), delivery.papers
    if back:
        subscriber.paused_until = schedule_of(subscriber).slot(back)
    if subscriber.next_edition_at and subscriber.next_edition_at > now:
        subscriber.next_edition_at = _first_slot(session, subscriber, now)
    session.flush()


def _first_slot(session: Session, subscriber: Subscriber, now: datetime) -> datetime:
    """The slot of the first day, from today on, that had no edition yet; today's may have passed, and is then due."""
    query = select(func.max(Edition.edition_date)).where(Edition.subscriber_id == subscriber.id)
    yesterday = local_day(now, subscriber.zone) - ONE_DAY
    return next_slot(max(session.exec(query).one() or yesterday, yesterday), schedule_of(subscriber))


def pause(session: Session, subscriber: Subscriber, until: date | None, now: datetime) -> None:
    """Send no editions until a day, whose edition comes again; without a day, until the person resumes."""
    lock(session, subscriber)
    if subscriber.status not in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
        raise InvalidRequest(f"{subscriber.email} gets no editions that could be paused.")
    subscriber.paused_until = _end_of_pause(subscriber, until, now) if until else None
    subscriber.status = SubscriberStatus.PAUSED
    session.flush()


def _end_of_pause(subscriber: Subscriber, until: date, now: datetime) -> datetime:
    if until > local_day(now, subscriber.zone) + LONGEST_PAUSE:
        raise InvalidRequest("A pause lasts a year at most: choose an earlier day, or none to pause until you resume.")
    moment = schedule_of(subscriber).slot(until)
    if moment <= now:
        raise InvalidRequest(f"The edition of {until} is over: choose a later day.")
    return moment


def resume(session: Session, subscriber: Subscriber, now: datetime) -> None:
    """End a pause before its time; an edition that fell into it is due at once. Again changes nothing."""
    lock(session, subscriber)
    if subscriber.status is SubscriberStatus.ACTIVE:
        return
    if subscriber.status is not SubscriberStatus.PAUSED:
        raise InvalidRequest(f"{subscriber.email} has not paused.")
    subscriber.status, subscriber.paused_until = SubscriberStatus.ACTIVE, None
    subscriber.next_edition_at = subscriber.next_edition_at or now
    session.flush()


def plan_resume(session: Session, now: datetime) -> list[int]:
    """Those whose pause is over."""
    return list(session.exec(select(Subscriber.id).where(*_over(now)).order_by(col(Subscriber.id))))


def work_resume(session: Session, now: datetime, ids: Sequence[int]) -> int:
    """Make them active again, with the edition of the day until which they paused; returns how many."""
    query = select(Subscriber).where(col(Subscriber.id).in_(ids), *_over(now)).order_by(col(Subscriber.id))
    back = session.exec(query.with_for_update().execution_options(populate_existing=True)).all()
    for subscriber in back:
        day = local_day(subscriber.paused_until or now, subscriber.zone)
        subscriber.next_edition_at = next_slot(day - ONE_DAY, schedule_of(subscriber))
        subscriber.status, subscriber.paused_until = SubscriberStatus.ACTIVE, None
    return len(back)


def _over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return col(Subscriber.status) == SubscriberStatus.PAUSED, col(Subscriber.paused_until) <= now


def lock(session: Session, subscriber: Subscriber) -> None:
    """Read the row anew and keep others from changing it: a person may press two buttons, and leave in between."""
    session.flush()
    session.refresh(subscriber, with_for_update={"key_share": True})


def is_anyone_due(session: Session, until: datetime) -> bool:
    """Whether an edition is due at `until` or before."""
    active = select(Subscriber.id).where(Subscriber.status == SubscriberStatus.ACTIVE)
    due = active.where(Subscriber.next_edition_at <= until)  # type: ignore[operator]  # nullable, and NULL is not due
    return session.exec(due.limit(1)).first() is not None
