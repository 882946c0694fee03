"""Every trouble is named with what to do about it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from conditions import add, add_mail, polled, ran, troubles, waiting, well
from factories import make_edition, make_profile, make_subscriber
from scenes import HOUR, add_reader, bring

from digest import dispatch
from digest.advice import FAIL, OK, WARN, advise, say_age, verdict, working_time
from digest.clock import utc_now
from digest.health import MOST_COUNTED, Health, measure
from digest.mail import outbox, pacing
from digest.tables import Lease, OutboxState
from digest.workshop import Workshop

MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(shop: Workshop) -> Workshop:
    """It has one source, `lists`."""
    shop.settings = shop.settings.model_copy(update={"sources": ["lists"]})
    return shop


@pytest.fixture
def scaled(shop: Workshop) -> Workshop:
    shop.settings = shop.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    return shop


def test_no_tick_for_ten_minutes_tells_to_start_beat(scaled: Workshop, now: datetime) -> None:
    add(scaled, well(now), Lease(name="tick", moment=now - 9 * MINUTE))
    assert troubles(scaled, now) == []
    (found,) = troubles(scaled, now + 2 * MINUTE)
    assert (found.state, found.what, found.detail) == (FAIL, "tick", "the last tick was 11 minutes ago")
    assert "`digest beat`" in found.mend


def test_where_nothing_has_run_the_way_to_start_is_told_once(shop: Workshop, now: datetime) -> None:
    (found,) = troubles(shop, now)
    assert (found.state, found.mend) == (WARN, "start `digest up`")


def test_a_scaled_installation_without_any_tick_fails(scaled: Workshop, now: datetime) -> None:
    (found,) = troubles(scaled, now)
    assert (found.state, "`digest beat`" in found.mend) == (FAIL, True)


def test_an_embedded_installation_has_no_tick_to_be_late(shop: Workshop, now: datetime) -> None:
    add(shop, well(now), Lease(name="tick", moment=now - 9 * HOUR))
    assert troubles(shop, now) == []
    assert measure(shop, now).ticked_at == now - HOUR


def test_a_queue_that_nobody_works_on_is_named_with_the_worker_to_start(scaled: Workshop, now: datetime) -> None:
    add(scaled, well(now), Lease(name="tick", moment=now), waiting("embed_papers", now - 6 * MINUTE))
    (found,) = troubles(scaled, now)
    assert (found.state, found.what, found.mend) == (FAIL, "queue embed", "start `digest worker --queues embed`")
    add(scaled, waiting("embed_profiles", now, owner="a", lease_until=now + MINUTE))
    assert troubles(scaled, now) == []


def test_batches_that_were_handed_out_late_have_not_waited_since_their_moment(scaled: Workshop, now: datetime) -> None:
    done = ran("embed_papers", now - HOUR)
    done.finished_at = now - MINUTE
    add(scaled, well(now), done, Lease(name="tick", moment=now), waiting("rank", now - HOUR))
    assert measure(scaled, now).queues["rank"].waiting_since == now - MINUTE
    assert troubles(scaled, now) == []


def test_what_dispatch_hands_out_is_seen_as_waiting_at_once(scaled: Workshop, now: datetime) -> None:
    bring(scaled, now)
    dispatch.tick(scaled, now)
    health = measure(scaled, now + MINUTE)
    assert health.ticked_at == now
    assert (health.queues["ingest"].waiting, health.queues["ingest"].waiting_since) == (1, now)


def test_a_source_that_fails_is_a_warning_while_it_was_read_lately(shop: Workshop, now: datetime) -> None:
    add(shop, well(now), polled(now, error="503 from the server."))
    (found,) = troubles(shop, now)
    assert (found.state, found.what) == (WARN, "source lists")
    assert found.detail == "the last try failed: 503 from the server; last read 60 minutes ago"
    add(shop, polled(now + MINUTE, new=1))
    assert troubles(shop, now + MINUTE) == []


def test_a_source_that_has_failed_for_days_is_a_failure(shop: Workshop, now: datetime) -> None:
    add(shop, polled(now - 31 * HOUR, new=1), polled(now, error="gone"))
    assert [one.state for one in troubles(shop, now)] == [FAIL]


def test_a_source_that_nobody_asks_any_more_is_a_failure(shop: Workshop, now: datetime) -> None:
    add(shop, polled(now - 29 * HOUR, new=1))
    assert troubles(shop, now) == []
    (found,) = troubles(shop, now + 2 * HOUR)
    assert (found.state, found.detail) == (FAIL, "it was last read 31 hours ago")


def test_a_source_without_anything_new_for_thirty_hours_is_a_warning(shop: Workshop, now: datetime) -> None:
    add(shop, polled(now - 31 * HOUR, new=1), polled(now))
    (found,) = troubles(shop, now)
    assert (found.state, "nothing new for 31 hours" in found.detail) == (WARN, True)
    add(shop, polled(now - HOUR, signals=3))
    assert troubles(shop, now) == []


def test_silence_over_a_weekend_is_no_silence(shop: Workshop, now: datetime) -> None:
    friday, monday = now + timedelta(days=2), now + timedelta(days=5)
    add(shop, polled(friday, new=5), polled(monday))
    assert troubles(shop, monday) == []
    assert [one.state for one in troubles(shop, monday + 10 * HOUR)] == [WARN]


def test_a_source_that_was_never_asked_is_told_when_others_were(shop: Workshop, now: datetime) -> None:
    shop.settings = shop.settings.model_copy(update={"sources": ["lists", "arxiv"]})
    add(shop, well(now))
    (found,) = troubles(shop, now)
    assert (found.state, found.what, found.detail) == (WARN, "source arxiv", "it was never asked")


def test_a_source_that_is_not_in_the_settings_is_not_judged(shop: Workshop, now: datetime) -> None:
    shop.settings = shop.settings.model_copy(update={"sources": []})
    add(shop, polled(now, error="gone"), ran("rank", now))
    assert troubles(shop, now) == []


def test_a_stage_that_was_stopped_tells_its_reason_until_it_runs_well(shop: Workshop, now: datetime) -> None:
    add(shop, well(now), ran("deliver", now - HOUR, stopped="The relay cannot be reached."))
    (found,) = troubles(shop, now)
    assert (found.state, found.what, found.detail) == (FAIL, "stage deliver", "stopped: The relay cannot be reached.")
    add(shop, ran("deliver", now, stopped=""))
    assert troubles(shop, now) == []


def test_items_that_failed_are_counted_for_a_day(shop: Workshop, now: datetime) -> None:
    add(shop, well(now), ran("rank", now - HOUR, failed=2), ran("rank", now, failed=0))
    (found,) = troubles(shop, now)
    assert (found.state, found.what, found.detail) == (WARN, "stage rank", "2 items failed in 24 hours")


def test_an_edition_that_is_due_for_half_an_hour_is_a_failure(shop: Workshop, now: datetime) -> None:
    add(shop, well(now))
    with shop.database.session() as session:
        make_profile(session, make_subscriber(session, now, next_edition_at=now - 29 * MINUTE))
    assert troubles(shop, now) == []
    (found,) = troubles(shop, now + 2 * MINUTE)
    assert (found.state, found.detail) == (FAIL, "1 editions due and not made, the oldest for 31 minutes")
    assert "`digest up`" in found.mend


def test_an_edition_that_is_not_written_as_mail_is_a_failure(shop: Workshop, now: datetime) -> None:
    add(shop, well(now))
    with shop.database.session() as session:
        who = make_subscriber(session, now, next_edition_at=None)
        make_edition(session, who, now - 61 * MINUTE)
        outbox.promise(session, shop.sender, [who.id], now - 61 * MINUTE)
    assert [(one.state, one.what) for one in troubles(shop, now)] == [(FAIL, "compose")]


@pytest.mark.parametrize(("state", "verdict_of"), [(OutboxState.PLANNED, FAIL), (OutboxState.DEFERRED, WARN)])
def test_a_mail_that_waits_for_more_than_an_hour_is_told(
    shop: Workshop, now: datetime, state: OutboxState, verdict_of: str
) -> None:
    add(shop, well(now))
    add_mail(shop, state, now - 59 * MINUTE)
    assert troubles(shop, now) == []
    (found,) = troubles(shop, now + 2 * MINUTE)
    assert (found.state, found.what) == (verdict_of, state.value)
    assert found.mend


@pytest.mark.parametrize(("sent", "bounced", "told"), [(18, 2, True), (17, 2, False), (96, 4, False), (94, 6, True)])
def test_many_bounces_are_told_when_there_are_enough_mails(
    shop: Workshop, now: datetime, sent: int, bounced: int, told: bool
) -> None:
    add(shop, well(now), ran("deliver", now, sent=sent, bounced=bounced))
    assert [one.what for one in troubles(shop, now)] == ["bounces"] * told


def test_the_gravest_comes_first_and_the_good_news_last(shop: Workshop, now: datetime) -> None:
    add(shop, polled(now, error="gone"), ran("rank", now, failed=1), ran("deliver", now, stopped="no relay", sent=1))
    found = advise(measure(shop, now))
    assert [one.state for one in found] == [FAIL, FAIL, WARN, OK]
    assert all(one.mend for one in found[:-1])
    assert "0 editions and 1 mail in 24 hours; nobody expects an edition" in found[-1].detail
    assert verdict(found).startswith("Today is not all right")
    assert verdict(found[2:]) == "Today is all right, but something deserves a look."


def test_no_advice_tells_of_anybody(shop: Workshop, now: datetime) -> None:
    reader = add_reader(shop, now, "mamba")
    assert all(reader.email not in str(one) and reader.name not in str(one) for one in advise(measure(shop, now)))


def test_a_crowd_is_counted_no_further_than_to_its_limit(shop: Workshop, now: datetime) -> None:
    health: Health = measure(shop, now)
    crowd = replace(health, next_edition=replace(health.next_edition, count=MOST_COUNTED, oldest=now))
    assert advise(crowd)[-1].detail.endswith("for 100,000 readers or more.")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (2e5, "2 days"),
    ],
)
def test_an_age_is_said_as_exactly_as_one_needs_it(seconds: float, words: str) -> None:
    assert say_age(timedelta(seconds=seconds)) == words


def test_a_working_age_leaves_out_saturday_and_sunday(now: datetime) -> None:
    friday_noon = now.replace(day=8, hour=12)
    assert working_time(friday_noon, friday_noon + timedelta(days=3)) == 24 * HOUR
    assert working_time(now, now + 5 * HOUR) == 5 * HOUR
    assert working_time(now - timedelta(days=900), now) <= timedelta(days=23)


def test_mail_that_is_kept_back_is_told_with_what_ends_it(shop: Workshop, now: datetime) -> None:
    add(shop, well(now))
    add_mail(shop, OutboxState.HELD, now)
    with shop.database.session() as session:
        pacing.pause(session, "a fire drill")
    found = [(one.state, one.what, one.detail, one.mend) for one in troubles(shop, now)]
    assert found == [
        (WARN, "mail", "all mail is paused: a fire drill", "digest outbox resume"),
        (WARN, "held", "1 mail held back until you decide", found[1][3]),
    ]


def test_a_relay_that_is_left_alone_is_a_failure(shop: Workshop, now: datetime) -> None:
    add(shop, well(now))
    with shop.database.session() as session:
        pacing.close_relay(session, "it refuses our mail", utc_now() + timedelta(minutes=9))
    assert [(one.state, one.what) for one in troubles(shop, now)] == [(FAIL, "mail")]
