"""When somebody's next edition comes, in their own zone, or what keeps it from coming; and a delivery in words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from digest.clock import EVERY_DAY, next_slot, parse_zone
from digest.ranking import briefs
from digest.ranking.editions import TIME_TO_SAY
from digest.subscribers import profiles
from digest.subscribers.schedule import Delivery, schedule_of
from digest.tables import Subscriber, SubscriberStatus

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORKDAYS = (0, 1, 2, 3, 4)


class Hindrance(StrEnum):
    """Why no edition comes. NO_INTEREST: all there were have been removed; ALL_OFF: all there are are switched off."""

    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    NO_INTEREST = "no-interest"
    ALL_OFF = "all-off"


HINDERED = {
    SubscriberStatus.PENDING: Hindrance.PENDING,
    SubscriberStatus.UNSUBSCRIBED: Hindrance.UNSUBSCRIBED,
    SubscriberStatus.SUPPRESSED: Hindrance.SUPPRESSED,
    SubscriberStatus.PAUSED: Hindrance.PAUSED,
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """`moment` is the next edition's in the person's zone, also after a pause that ends; None when none is to come.

    `is_due` says that it comes with the next run, whatever the moment. `back` is when a pause ends, in their zone.
    `is_popular` says of somebody who never had an interest that their editions hold what trends.
    """

    moment: datetime | None
    is_due: bool
    hindrances: tuple[Hindrance, ...]
    back: datetime | None = None
    is_popular: bool = False


def look_ahead(session: Session, subscriber: Subscriber, now: datetime) -> Outlook:
    """What is to come for a person, as `ranking.editions.plan` will find it."""
    is_new = briefs.is_newcomer(session, subscriber)
    hindrances = tuple(_hindrances(session, subscriber, is_new=is_new))
    zone = parse_zone(subscriber.zone)
    paused = subscriber.paused_until if subscriber.status is SubscriberStatus.PAUSED else None
    back = paused.astimezone(zone) if paused else None
    if hindrances == (Hindrance.PAUSED,) and back:
        first = next_slot(back.date() - timedelta(days=1), schedule_of(subscriber))
        return Outlook(first.astimezone(zone), is_due=False, hindrances=hindrances, back=back, is_popular=is_new)
    due = _due(subscriber, is_new=is_new)
    if hindrances or due is None:
        return Outlook(None, is_due=False, hindrances=hindrances, back=back, is_popular=is_new)
    return Outlook(due.astimezone(zone), is_due=due <= now, hindrances=(), is_popular=is_new)


def _due(subscriber: Subscriber, *, is_new: bool) -> datetime | None:
    """When the next edition is made at the earliest; who has not said what to read has a while to do so."""
    due = subscriber.next_edition_at
    if not is_new or due is None:
        return due
    return max(due, subscriber.confirmed_at + TIME_TO_SAY) if subscriber.confirmed_at else None


def _hindrances(session: Session, subscriber: Subscriber, *, is_new: bool) -> list[Hindrance]:
    found = [HINDERED[subscriber.status]] if subscriber.status in HINDERED else []
    if is_new:
        return found
    interests = profiles.listing(session, subscriber)
    if not interests:
        return [*found, Hindrance.NO_INTEREST]
    return found if any(interest.active for interest in interests) else [*found, Hindrance.ALL_OFF]


def say_days(weekdays: Collection[int]) -> str:
    """“Every day”, “Every weekday”, “Every Monday”, “On Mondays, Tuesdays and Fridays”."""
    days = tuple(sorted(set(weekdays)))
    if days == EVERY_DAY:
        return "Every day"
    if days == WORKDAYS:
        return "Every weekday"
    if len(days) == 1:
        return f"Every {DAYS[days[0]]}"
    names = [f"{DAYS[day]}s" for day in days]
    return f"On {', '.join(names[:-1])} and {names[-1]}"


def say_delivery(delivery: Delivery) -> str:
    """“Every weekday at 07:00, Europe/Paris, up to 10 papers”."""
    papers = f"{delivery.papers} paper{'s' if delivery.papers > 1 else ''}"
    return f"{say_days(delivery.weekdays)} at {delivery.hour:02}:00, {delivery.zone}, up to {papers}"
