"""What is to come: the next edition in the person's zone, and everything that keeps it from coming."""

from datetime import date, datetime, timedelta

import pytest
from factories import make_profile, make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from digest.clock import EVERY_DAY
from digest.db import Database
from digest.ranking import editions
from digest.subscribers import schedule
from digest.subscribers.outlook import DAYS, Hindrance, look_ahead, say_days, say_delivery
from digest.subscribers.schedule import Delivery
from digest.tables import Subscriber, SubscriberStatus

LATER = timedelta(hours=20)


def make(session: Session, now: datetime, **fields: object) -> Subscriber:
    given = {"zone": "Asia/Tokyo", "next_edition_at": now + LATER} | fields
    return make_subscriber(session, now, **given)


def test_an_edition_that_is_to_come_is_told_in_the_zone_of_the_person(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make(session, now)
        make_profile(session, reader)
        seen = look_ahead(session, reader, now)
    assert (seen.is_due, seen.hindrances, seen.back) == (False, (), None)
    assert seen.moment is not None
    assert seen.moment.isoformat() == "2026-05-07T14:00:00+09:00"


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("status", list(SubscriberStatus))
def test_what_is_said_to_be_due_is_what_a_run_finds_due(
    database: Database, now: datetime, status: SubscriberStatus, *, active: bool, late: bool
) -> None:
    with database.session() as session:
        reader = make(session, now, status=status, next_edition_at=now - LATER if late else now + LATER)
        make_profile(session, reader, active=active)
        assert look_ahead(session, reader, now).is_due == (editions.plan(session, now) == [reader.id])


@pytest.mark.parametrize("minutes", [0, 59, 60, 61])
def test_who_has_not_said_what_to_read_gets_what_trends_after_an_hour(
    database: Database, now: datetime, minutes: int
) -> None:
    with database.session() as session:
        confirmed = now - timedelta(minutes=minutes)
        reader = make(session, now, confirmed_at=confirmed, next_edition_at=confirmed)
        seen = look_ahead(session, reader, now)
        assert (seen.moment, seen.hindrances, seen.is_popular) == (confirmed + timedelta(hours=1), (), True)
        assert seen.is_due == (minutes >= 60) == (editions.plan(session, now) == [reader.id])
        make_profile(session, reader)
        assert editions.plan(session, now) == [reader.id]
        assert not look_ahead(session, reader, now).is_popular


@pytest.mark.parametrize("removed", [False, True])
def test_who_wants_nothing_any_more_gets_nothing(database: Database, now: datetime, *, removed: bool) -> None:
    with database.session() as session:
        reader = make(session, now, confirmed_at=now - LATER, next_edition_at=now)
        make_profile(session, reader, active=False, removed_at=now - LATER if removed else None)
        seen = look_ahead(session, reader, now)
        assert (seen.is_due, seen.is_popular, len(seen.hindrances)) == (False, False, 1)
        assert editions.plan(session, now) == []


@pytest.mark.parametrize(
    ("status", "hindrance"),
    [
        (SubscriberStatus.PENDING, Hindrance.PENDING),
        (SubscriberStatus.UNSUBSCRIBED, Hindrance.UNSUBSCRIBED),
        (SubscriberStatus.SUPPRESSED, Hindrance.SUPPRESSED),
        (SubscriberStatus.PAUSED, Hindrance.PAUSED),
    ],
)
def test_what_keeps_editions_from_coming_is_named(
    database: Database, now: datetime, status: SubscriberStatus, hindrance: Hindrance
) -> None:
    with database.session() as session:
        reader = make(session, now, status=status)
        assert look_ahead(session, reader, now).hindrances == (hindrance,)
        profile = make_profile(session, reader, active=False, removed_at=now)
        assert look_ahead(session, reader, now).hindrances == (hindrance, Hindrance.NO_INTEREST)
        profile.removed_at = None
        assert look_ahead(session, reader, now).hindrances == (hindrance, Hindrance.ALL_OFF)
        profile.active = True
        seen = look_ahead(session, reader, now)
        assert (seen.hindrances, seen.moment) == ((hindrance,), None)


def test_after_a_pause_the_first_edition_is_told_as_it_will_be(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make(session, now, weekdays=[0, 3])
        make_profile(session, reader)
        schedule.pause(session, reader, date(2026, 5, 22), now)  # a Friday
        seen = look_ahead(session, reader, now)
        assert seen.back is not None
        assert (seen.back.date(), seen.hindrances, seen.is_due) == (date(2026, 5, 22), (Hindrance.PAUSED,), False)
        assert schedule.work_resume(session, seen.back, [reader.id]) == 1
        assert seen.moment == reader.next_edition_at


def test_who_was_never_due_is_promised_nothing(database: Database, now: datetime) -> None:
    with database.session() as session:
        reader = make(session, now, next_edition_at=None)
        make_profile(session, reader)
        seen = look_ahead(session, reader, now)
    assert (seen.moment, seen.is_due, seen.hindrances) == (None, False, ())


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (EVERY_DAY, "Every day"),
        ([4, 3, 2, 1, 0], "Every weekday"),
        ([0], "Every Monday"),
        ([6, 5], "On Saturdays and Sundays"),
        ([0, 2, 4], "On Mondays, Wednesdays and Fridays"),
    ],
)
def test_days_in_words(days: list[int], words: str) -> None:
    assert say_days(days) == words


@given(st.sets(st.sampled_from(EVERY_DAY), min_size=1))
def test_each_day_is_named_or_meant(days: set[int]) -> None:
    words = say_days(days)
    named = {number for number, name in enumerate(DAYS) if name in words}
    assert named in (days, set())
    assert named or words in ("Every day", "Every weekday")


def test_a_delivery_in_words() -> None:
    assert say_delivery(Delivery("Europe/Paris", 7, [0], 10)) == "Every Monday at 07:00, Europe/Paris, up to 10 papers"
    assert say_delivery(Delivery(papers=1)).endswith("up to 1 paper")
