"""When editions come: a change loses none and doubles none, and a pause ends on its day."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from factories import make_edition, make_profile, make_subscriber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from digest.db import Database
from digest.errors import InvalidRequest
from digest.mail import suppression
from digest.ranking import editions
from digest.subscribers.optin import resubscribe, unsubscribe
from digest.subscribers.schedule import (
    MOST_PAPERS,
    Delivery,
    is_anyone_due,
    pause,
    plan_resume,
    resume,
    set_delivery,
    work_resume,
)
from digest.tables import Subscriber, SubscriberStatus

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = date(2026, 5, 6)  # a Wednesday; `now` is 9:00 UTC
ACTIVE, PAUSED = SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def back(database: Database, moment: datetime) -> int:
    """Run the stage."""
    with database.session() as session:
        return work_resume(session, moment, plan_resume(session, moment))


# when editions come


@pytest.mark.parametrize(
    ("due", "delivery", "then"),
    [
        pytest.param(at(7, 7), Delivery(hour=18), at(7, 18), id="today's has come"),
        pytest.param(at(6, 12), Delivery(hour=18), at(6, 18), id="today's comes later"),
        pytest.param(at(6, 12), Delivery(hour=8), at(6, 8), id="today's comes at once, not never"),
        pytest.param(at(6, 8), Delivery(hour=18), at(6, 8), id="what is due comes"),
        pytest.param(at(7, 7), Delivery(hour=7, weekdays=[0]), at(11, 7), id="Mondays"),
        pytest.param(at(11, 7), Delivery(hour=7, weekdays=[2, 4]), at(6, 7), id="on Wednesdays too"),
        pytest.param(at(7, 7), Delivery("Europe/Paris", 7), at(7, 5), id="in Paris"),
        pytest.param(at(7, 7), Delivery("Pacific/Kiritimati", 7), at(6, 17), id="where it is tomorrow sooner"),
    ],
)
def test_the_next_edition_follows_the_new_times(
    database: Database, now: datetime, due: datetime, delivery: Delivery, then: datetime
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, next_edition_at=due)
        if due == at(7, 7):
            make_edition(session, who, now, edition_date=TODAY)
        set_delivery(session, who, delivery, now)
    with database.session() as session:
        stored = session.get_one(Subscriber, who.id)
        assert stored.next_edition_at == then
        kept = Delivery(stored.zone, stored.hour, stored.weekdays, stored.papers_per_edition)
        assert kept == Delivery(delivery.zone, delivery.hour, sorted(delivery.weekdays), delivery.papers)


def test_who_is_not_due_at_all_stays_so(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, next_edition_at=None, status=SubscriberStatus.PENDING)
        set_delivery(session, who, Delivery(papers=5), now)
        assert (who.next_edition_at, who.papers_per_edition) == (None, 5)


def test_a_change_during_a_pause_keeps_the_day_of_its_end(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        pause(session, who, date(2026, 5, 20), now)
        set_delivery(session, who, Delivery("Asia/Tokyo", 6), now)
        assert (who.status, who.paused_until) == (PAUSED, at(19, 21))  # the 20th at six in Tokyo


@pytest.mark.parametrize(
    "fields",
    [{"zone": "Mars"}, {"hour": 24}, {"weekdays": []}, {"weekdays": [7]}, {"papers": 0}, {"papers": MOST_PAPERS + 1}],
)
def test_times_that_cannot_be_taken_change_nothing(database: Database, now: datetime, fields: dict[str, Any]) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        before = who.model_dump()
        with pytest.raises(InvalidRequest):
            set_delivery(session, who, Delivery(**fields), now)
        assert who.model_dump() == before


# pauses


def test_a_pause_ends_on_its_day_with_that_day_s_edition(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, zone="Europe/Paris", hour=18)
        make_profile(session, who)
        pause(session, who, date(2026, 5, 20), now)
        assert (who.status, who.paused_until) == (PAUSED, at(20, 16))
        assert editions.plan(session, now + 5 * DAY) == []
    assert back(database, at(20, 15)) == 0
    assert back(database, at(20, 16)) == 1
    with database.session() as session:
        who = session.get_one(Subscriber, who.id)
        assert (who.status, who.paused_until, who.next_edition_at) == (ACTIVE, None, at(20, 16))
        assert editions.plan(session, at(20, 16)) == [who.id]
    assert back(database, at(20, 17)) == 0


def test_after_a_pause_editions_come_on_the_chosen_days(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, weekdays=[0])
        pause(session, who, date(2026, 5, 20), now)  # a Wednesday
    assert back(database, at(23, 0)) == 1
    with database.session() as session:
        assert session.get_one(Subscriber, who.id).next_edition_at == at(25, 7)


def test_a_pause_without_a_day_lasts_until_the_person_resumes(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        pause(session, who, date(2026, 5, 20), now)
        pause(session, who, None, now)
        assert (who.status, who.paused_until) == (PAUSED, None)
        assert plan_resume(session, now + 1000 * DAY) == []
        resume(session, who, now + 1000 * DAY)
        assert who.status is ACTIVE


@pytest.mark.parametrize("due", [at(6, 8), at(7, 7), None])
def test_who_resumes_gets_what_fell_into_the_pause_at_once(
    database: Database, now: datetime, due: datetime | None
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, next_edition_at=due)
        pause(session, who, date(2026, 5, 20), now)
        for _ in range(2):
            resume(session, who, now + HOUR)
            assert (who.status, who.paused_until, who.next_edition_at) == (ACTIVE, None, due or now + HOUR)


@pytest.mark.parametrize("status", [status for status in SubscriberStatus if status not in (ACTIVE, PAUSED)])
def test_who_gets_nothing_can_neither_pause_nor_resume(
    database: Database, now: datetime, status: SubscriberStatus
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, status=status, paused_until=now - HOUR)
        with pytest.raises(InvalidRequest, match="no editions"):
            pause(session, who, None, now)
        with pytest.raises(InvalidRequest, match="has not paused"):
            resume(session, who, now)
        assert plan_resume(session, now) == []
        assert work_resume(session, now, [who.id]) == 0
        assert who.status is status


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (TODAY, "is over"),
        (TODAY - DAY, "is over"),
        (date.min, "is over"),
        (TODAY + 367 * DAY, "a year at most"),
        (date.max, "a year at most"),
    ],
)
def test_a_pause_ends_within_a_year_and_not_in_the_past(
    database: Database, now: datetime, until: date, told: str
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        with pytest.raises(InvalidRequest, match=told):
            pause(session, who, until, now)
        assert who.status is ACTIVE


def test_who_left_while_the_stage_was_planned_stays_away(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        pause(session, who, TODAY + DAY, now)
        planned = plan_resume(session, now + DAY)
        unsubscribe(session, who, now)
    with database.session() as session:
        assert planned == [who.id]
        assert work_resume(session, now + DAY, planned) == 0
        assert session.get_one(Subscriber, who.id).status is SubscriberStatus.UNSUBSCRIBED


def test_a_row_that_was_read_before_somebody_left_does_not_bring_them_back(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, status=PAUSED)
    with database.session(write=False) as earlier:
        stale = earlier.get_one(Subscriber, who.id)
    with database.session() as session:
        unsubscribe(session, session.get_one(Subscriber, who.id), now)
    with database.session() as session:
        session.add(stale)
        with pytest.raises(InvalidRequest):
            resume(session, stale, now)
        assert stale.status is SubscriberStatus.UNSUBSCRIBED


# any order


WISHES = st.lists(
    st.tuples(
        st.sampled_from(["pause", "pause until", "resume", "unsubscribe", "resubscribe", "complain", "tick"]),
        st.integers(0, 40),
    ),
    max_size=20,
)


class Wish:
    """What a person wants by what they did last, as they would tell it."""

    def __init__(self) -> None:
        self.left = self.paused = self.complained = False
        self.until: date | None = None

    def note(self, step: str, until: date) -> None:
        if step == "complain":
            self.left = self.complained = True
        elif step == "unsubscribe":
            self.left, self.paused = True, False
        elif step == "resubscribe" and self.left and not self.complained:
            self.left = self.paused = False
        elif step.startswith("pause") and not self.left:
            self.paused, self.until = True, until if step == "pause until" else None
        elif step == "resume" and not self.left:
            self.paused = False

    def wants_mail(self, now: datetime) -> bool:
        over = self.until is not None and now >= datetime(*self.until.timetuple()[:3], 7, tzinfo=UTC)
        return not self.left and not (self.paused and not over)


def take(session: Session, who: Subscriber, step: str, until: date, now: datetime) -> None:
    """Do what the person presses; a refusal changes nothing."""
    doing = {
        "pause": lambda: pause(session, who, None, now),
        "pause until": lambda: pause(session, who, until, now),
        "resume": lambda: resume(session, who, now),
        "unsubscribe": lambda: unsubscribe(session, who, now),
        "resubscribe": lambda: resubscribe(session, who, now),
        "complain": lambda: suppression.suppress(session, who.email, "complaint", now),
        "tick": lambda: None,
    }
    with suppress(InvalidRequest):
        doing[step]()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=WISHES)
def test_whatever_somebody_presses_they_are_due_only_when_they_want_mail(
    database: Database, now: datetime, steps: list[tuple[str, int]]
) -> None:
    moment, wish = now, Wish()
    with database.session() as session:
        who = make_subscriber(session, now, confirmed_at=now)
        make_profile(session, who)
        for step, days in steps:
            moment += days % 3 * DAY
            until = moment.date() + (1 + days) * DAY
            wish.paused = wish.paused and not wish.wants_mail(moment)  # a pause that is over is over
            take(session, who, step, until, moment)
            wish.note(step, until)
            work_resume(session, moment, plan_resume(session, moment))
            due = editions.plan(session, moment + 50 * DAY, who.id)
            assert (due == [who.id]) is wish.wants_mail(moment)
        session.delete(who)


@pytest.mark.parametrize(
    ("status", "minutes", "due"), [(ACTIVE, 60, True), (ACTIVE, -600, True), (ACTIVE, 61, False), (PAUSED, 0, False)]
)
def test_somebody_is_due_when_an_edition_is(
    database: Database, now: datetime, status: SubscriberStatus, minutes: int, due: bool
) -> None:
    with database.session() as session:
        assert not is_anyone_due(session, now + HOUR)
        make_subscriber(session, now, status=status, next_edition_at=now + timedelta(minutes=minutes))
        make_subscriber(session, now, next_edition_at=None)
        assert is_anyone_due(session, now + HOUR) is due
