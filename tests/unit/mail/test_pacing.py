"""Rates, the breaker, the pause and the plan for a new sender."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session, select

from digest.db import Database
from digest.errors import Unreachable
from digest.mail import pacing
from digest.mail.pacing import FIRST_DAY, LONGEST_PAUSE, MOST_FAILURES, Rules, warm_up_cap, warm_up_plan
from digest.tables import OutboxMessage, Pace

START = date(2026, 12, 1)
MINUTE = timedelta(minutes=1)


def messages(*recipients: str, **fields: object) -> list[OutboxMessage]:
    return [OutboxMessage(id=number, recipient=who, **fields) for number, who in enumerate(recipients, 1)]


def seconds(waits: dict[int, timedelta]) -> dict[int, int]:
    return {number: round(wait.total_seconds()) for number, wait in waits.items()}


# warming up


@pytest.mark.parametrize(("day", "cap"), [(-1, 0), (0, FIRST_DAY), (1, 2 * FIRST_DAY), (10, 1024 * FIRST_DAY)])
def test_a_new_sender_may_mail_twice_as_many_every_day(day: int, cap: int) -> None:
    assert warm_up_cap(START, START + timedelta(days=day)) == cap


def test_a_cap_of_long_ago_stays_a_number() -> None:
    assert warm_up_cap(START, START + timedelta(days=4000)) == FIRST_DAY * 2**30


def test_the_plan_ends_with_the_first_day_that_suffices() -> None:
    plan = warm_up_plan(START, START - timedelta(days=5), 180)
    assert plan == [(START, 50), (START + timedelta(days=1), 100), (START + timedelta(days=2), 200)]
    assert warm_up_plan(START, START + timedelta(days=9), 10) == [(START + timedelta(days=9), 25_600)]


# the pause and the breaker


def test_a_pause_holds_until_it_is_ended(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.check_open(session, now)
        pacing.pause(session, "a fire drill")
        with pytest.raises(Unreachable, match="Mail is paused: `digest outbox resume`"):
            pacing.check_open(session, now + timedelta(days=4000))
        pacing.resume(session)
        pacing.check_open(session, now)


def closed_for(session: Session, moment: datetime) -> timedelta:
    found = pacing.closed(session, moment)
    return found.closed_until - moment if found is not None and found.closed_until is not None else timedelta(0)


def test_a_relay_that_fails_is_left_alone_longer_every_time(database: Database, now: datetime) -> None:
    with database.session() as session:
        for _ in range(MOST_FAILURES - 1):
            pacing.note_failure(session, "421 busy", now)
        assert closed_for(session, now) == timedelta(0)
        for pause in (30, 60, 120, 240, 480, 900, 900):
            pacing.note_failure(session, "421 busy", now)
            assert 0.8 <= closed_for(session, now).total_seconds() / pause <= 1.2
        assert closed_for(session, now) <= LONGEST_PAUSE * 1.2
        with pytest.raises(Unreachable, match=r"left alone until \d\d:\d\d:\d\d UTC: 421 busy\.$"):
            pacing.check_open(session, now)
        assert pacing.closed(session, now + timedelta(hours=1)) is None


def test_one_accepted_mail_forgives_a_relay_everything(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.note_success(session)
        assert session.exec(select(Pace)).all() == []
        for _ in range(MOST_FAILURES):
            pacing.note_failure(session, "421 busy", now)
        pacing.note_success(session)
        assert pacing.closed(session, now) is None
        pacing.note_failure(session, "421 busy", now)
        assert pacing.closed(session, now) is None


# rates


def test_a_place_that_was_slowed_down_recovers_by_one_a_minute(now: datetime) -> None:
    pace = Pace(name="domain example.org", per_minute=10, slowed_at=now)
    after = {minutes: pacing.rate_now(pace, 0, now + minutes * MINUTE) for minutes in (0, 5, 589, 590)}
    assert after == {0: 10, 5: 15, 589: 599, 590: float("inf")}
    assert pacing.rate_now(pace, 20, now + 10 * MINUTE) == 20
    assert pacing.rate_now(pace, 20, now - 10 * MINUTE) == 10
    assert pacing.rate_now(None, 20, now) == 20


def test_slowing_down_halves_once_a_minute_and_never_below_one(database: Database, now: datetime) -> None:
    with database.session() as session:
        rates = []
        for number in range(12):
            for _ in range(3):  # four connections hear it at once
                pacing.slow_down(session, "domain example.org", 0, now + number * MINUTE)
            rates.append(session.get_one(Pace, "domain example.org").per_minute)
    assert rates[:3] == [60, 30.5, 15.75]
    assert 1.0 <= min(rate for rate in rates if rate is not None) < 1.1
    assert rates == sorted(rates, reverse=True)


def test_without_limits_nobody_waits_and_nothing_is_written(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert pacing.admit(session, messages("a@b.org", "c@d.org"), Rules(), now) == {}
        assert session.exec(select(Pace)).all() == []


def test_a_minutes_worth_goes_at_once_and_the_rest_in_order(database: Database, now: datetime) -> None:
    with database.session() as session:
        waits = pacing.admit(session, messages(*["a@b.org"] * 5), Rules(per_minute=2), now)
    assert seconds(waits) == {3: 60, 4: 90, 5: 120}
    with database.session() as session:  # the next batch queues up behind
        assert seconds(pacing.admit(session, messages("x@y.org"), Rules(per_minute=2), now)) == {1: 150}
    with database.session() as session:  # and a place that nobody took is not kept
        late = now + timedelta(hours=1)
        assert pacing.admit(session, messages("x@y.org", "x@y.org"), Rules(per_minute=2), late) == {}


def test_who_has_waited_is_not_sent_to_the_end_of_the_queue(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.admit(session, messages(*["a@b.org"] * 5), Rules(per_minute=1), now)
        assert pacing.admit(session, messages("a@b.org", paced=True), Rules(per_minute=1), now) == {}


def test_domains_have_queues_of_their_own_in_any_spelling(database: Database, now: datetime) -> None:
    some = messages("a@one.org", "b@ONE.org", "c@two.org", "d@one.ORG")
    with database.session() as session:
        assert seconds(pacing.admit(session, some, Rules(per_domain=1), now)) == {2: 60, 4: 120}


def test_a_slowed_domain_holds_up_itself_alone(database: Database, now: datetime) -> None:
    with database.session() as session:
        for number in range(8):
            pacing.slow_down(session, pacing.domain_of("a@one.org"), 0, now - (8 - number) * MINUTE)
        waits = pacing.admit(session, messages(*["a@one.org"] * 9, "b@two.org"), Rules(), now)
        assert [name for name, _ in pacing.slowed(session, now)] == ["one.org"]
    assert set(waits) < set(range(1, 10))
    assert 9 in waits


def test_relay_and_domain_both_hold(database: Database, now: datetime) -> None:
    with database.session() as session:
        waits = pacing.admit(session, messages("a@b.org", "a@b.org", "c@d.org"), Rules(per_minute=2, per_domain=1), now)
    assert seconds(waits) == {2: 60, 3: 60}
