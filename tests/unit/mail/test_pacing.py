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


def test_before_the_first_day_nobody_gets_mail() -> None:
    assert warm_up_cap(START, START - timedelta(days=365)) == 0
    assert warm_up_plan(START, START, FIRST_DAY) == [(START, FIRST_DAY)]


# the pause and the breaker


def test_a_pause_holds_until_it_is_ended(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.check_open(session, now)
        pacing.pause(session, "a fire drill")
        with pytest.raises(Unreachable, match="Mail is paused: `digest outbox resume`"):
            pacing.check_open(session, now + timedelta(days=4000))
        pacing.resume(session)
        pacing.check_open(session, now)


def test_a_pause_tells_its_reason_and_comes_before_a_relay_that_is_left_alone(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        pacing.close_relay(session, "it refuses us.", now + timedelta(minutes=30))
        pacing.pause(session, "a fire drill " * 100)
        found = pacing.closed(session, now)
        assert found is not None
        assert (found.name, found.reason[:12], len(found.reason)) == (pacing.EVERYTHING, "a fire drill", 500)


def test_a_relay_that_minds_us_is_left_alone_until_then(database: Database, now: datetime) -> None:
    until = now + timedelta(minutes=30)
    with database.session() as session:
        pacing.close_relay(session, "it refuses us.", until)
        with pytest.raises(Unreachable, match=r"^The mail server is left alone until 09:30:00 UTC: it refuses us\.$"):
            pacing.check_open(session, until - timedelta(seconds=1))
        pacing.check_open(session, until)


def test_to_resume_is_to_forget_what_the_relay_did(database: Database, now: datetime) -> None:
    with database.session() as session:
        for _ in range(MOST_FAILURES):
            pacing.note_failure(session, "421 busy", now)
        pacing.resume(session)
        pacing.note_failure(session, "421 busy", now)
        assert pacing.closed(session, now) is None


def test_a_mail_that_was_under_way_does_not_open_a_relay_that_minds_us(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.note_failure(session, "421 busy", now)
        pacing.close_relay(session, "it refuses us", now + timedelta(minutes=30))
        pacing.note_success(session)
        assert closed_for(session, now) == timedelta(minutes=30)


def test_a_failure_does_not_shorten_the_time_that_a_relay_is_left_alone(database: Database, now: datetime) -> None:
    with database.session() as session:
        for _ in range(MOST_FAILURES - 1):
            pacing.note_failure(session, "421 busy", now)
        pacing.close_relay(session, "it refuses us", now + timedelta(minutes=30))
        pacing.note_failure(session, "421 busy", now)
        assert closed_for(session, now) == timedelta(minutes=30)


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


def test_processes_do_not_all_come_back_to_a_relay_at_once(database: Database, now: datetime) -> None:
    pauses = set()
    for _ in range(4):
        with database.session() as session:
            pacing.resume(session)
            for _ in range(MOST_FAILURES):
                pacing.note_failure(session, "421 busy", now)
            pauses.add(closed_for(session, now))
    assert len(pauses) > 1


def test_one_accepted_mail_forgives_a_relay_everything(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.note_success(session)
        assert session.exec(select(Pace)).all() == []
        for _ in range(MOST_FAILURES):
            pacing.note_failure(session, "421 busy", now)
        pacing.note_success(session)
        later = now + LONGEST_PAUSE * 2
        pacing.note_failure(session, "421 busy", later)
        assert pacing.closed(session, later) is None


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


def test_a_limit_is_what_slowing_down_starts_from(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.slow_down(session, "domain example.org", 20, now)
        pace = session.get_one(Pace, "domain example.org")
        assert (pace.per_minute, pacing.rate_now(pace, 20, now + 9 * MINUTE)) == (10, 19)
        assert [pacing.rate_now(pace, 20, now + minutes * MINUTE) for minutes in (10, 11, 99)] == [20, 20, 20]
        assert pacing.slowed(session, now + 600 * MINUTE) == []


def test_a_limit_of_next_to_nothing_is_not_halved(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.slow_down(session, "domain example.org", 1.5, now)
        assert session.get_one(Pace, "domain example.org").per_minute == 1


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
        waits = pacing.admit(session, messages(*["x@y.org"] * 3), Rules(per_minute=2), late)
        assert seconds(waits) == {3: 60}


@pytest.mark.parametrize("rate", [1, 7, 60, 11])
def test_as_many_go_in_a_minute_as_the_limit_says(database: Database, now: datetime, rate: int) -> None:
    with database.session() as session:
        waits = pacing.admit(session, messages(*["a@b.org"] * (3 * rate)), Rules(per_minute=rate), now)
    places = [waits.get(number, timedelta(0)) for number in range(1, 3 * rate + 1)]
    assert places.count(timedelta(0)) == rate
    assert places == sorted(places)
    assert places[-1] < 3 * MINUTE


def test_who_has_waited_is_not_sent_to_the_end_of_the_queue(database: Database, now: datetime) -> None:
    with database.session() as session:
        pacing.admit(session, messages(*["a@b.org"] * 5), Rules(per_minute=1), now)
        assert pacing.admit(session, messages(*["a@b.org"] * 9, paced=True), Rules(per_minute=1), now) == {}
        after = pacing.admit(session, messages("a@b.org"), Rules(per_minute=1), now)  # they took no places either
    assert seconds(after) == {1: 300}


def test_domains_have_queues_of_their_own_in_any_spelling(database: Database, now: datetime) -> None:
    some = messages("a@one.org", "b@ONE.org", "c@two.org", "d@one.ORG")
    with database.session() as session:
        assert seconds(pacing.admit(session, some, Rules(per_domain=1), now)) == {2: 60, 4: 120}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ada@Example.ORG", "domain example.org"),
        ('"a@b"@example.org', "domain example.org"),
        ("a@" + "x" * 300, "domain " + "x" * 248),
    ],
)
def test_a_domain_has_one_name_that_fits_its_column(address: str, name: str) -> None:
    assert pacing.domain_of(address) == name


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
