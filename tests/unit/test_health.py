"""The facts are those of the database, at a fixed price."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from conditions import add, add_mail, counted, polled, ran, waiting, well
from factories import make_edition, make_profile, make_subscriber
from scenes import HOUR, add_reader, bring

from digest import pipeline
from digest.advice import OK, advise, verdict
from digest.health import measure
from digest.mail import outbox
from digest.tables import OutboxState, SubscriberStatus, Suppression
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


def test_after_a_run_the_facts_are_what_it_did_and_today_is_all_right(shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    add_reader(shop, now, "mamba")
    add_reader(shop, now, "robot")
    pipeline.run(shop, now)
    health = measure(shop, now + MINUTE)
    assert (health.sources["lists"].received, health.sources["lists"].new) == (30, 30)
    assert (health.editions, health.mails["sent"]) == (2, 2)
    assert {name: backlog.count for name, backlog in health.backlogs.items()} == dict.fromkeys(health.backlogs, 0)
    assert health.ticked_at == now
    assert health.papers_per_second > 0
    assert health.stages["deliver"].ran_at == now
    (one,) = advise(health)
    assert one.state == OK
    assert one.detail.startswith(
        "Today is all right: 2 editions and 2 mails in 24 hours; the next is due on 2026-05-07"
    )
    assert one.detail.endswith("for 2 readers.")
    assert verdict([one]) == "Today is all right."


def test_measuring_asks_as_many_questions_whatever_there_is(shop: Workshop, now: datetime) -> None:
    add(shop, well(now))
    with counted(shop) as before:
        measure(shop, now)
    with shop.database.session() as session:
        for _ in range(30):
            make_profile(session, make_subscriber(session, now))
    add(shop, *(ran("deliver", now - number * MINUTE, sent=1) for number in range(30)))
    with counted(shop) as after:
        measure(shop, now)
    assert len(after) == len(before) < 40


def test_measuring_writes_nothing_and_needs_no_write_lock(shop: Workshop, now: datetime) -> None:
    with counted(shop) as said:
        measure(shop, now)
    assert not [one for one in said if one.split()[0] not in {"SELECT", "BEGIN"}]


def test_due_are_active_readers_with_a_profile_whose_moment_has_come(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        make_profile(session, make_subscriber(session, now, next_edition_at=now - 2 * HOUR))
        make_profile(session, make_subscriber(session, now, next_edition_at=now))
        make_profile(session, make_subscriber(session, now, next_edition_at=now + 3 * HOUR))
        make_profile(session, make_subscriber(session, now, next_edition_at=now + 3 * HOUR))
        make_profile(session, make_subscriber(session, now, status=SubscriberStatus.PAUSED))
        make_profile(session, make_subscriber(session, now), active=False)
        make_subscriber(session, now)
    health = measure(shop, now)
    assert (health.backlogs["due"].count, health.backlogs["due"].oldest) == (2, now - 2 * HOUR)
    assert (health.next_edition.count, health.next_edition.oldest) == (2, now + 3 * HOUR)


def test_sums_are_of_the_last_day_only(shop: Workshop, now: datetime) -> None:
    add(
        shop,
        ran("deliver", now - HOUR, sent=3, bounced=1),
        ran("deliver", now - 2 * HOUR, sent=4),
        ran("deliver", now - 25 * HOUR, sent=100),
        ran("rank", now - HOUR, editions=7),
        ran("embed_papers", now - HOUR, papers=300, seconds=2.0),
        polled(now - HOUR, received=10, new=4),
        polled(now - 25 * HOUR, received=10, new=4),
        Suppression(address_digest="1", reason="complaint by a feedback loop", created_at=now - HOUR),
        Suppression(address_digest="2", reason="550 5.1.1", created_at=now - HOUR),
        Suppression(address_digest="3", reason="complaint", created_at=now - 30 * HOUR),
    )
    health = measure(shop, now)
    assert (health.mails["sent"], health.mails["bounced"], health.bounce_ratio) == (7, 1, 0.125)
    assert (health.editions, health.complaints, health.papers_per_second) == (7, 1, 150.0)
    assert (health.sources["lists"].received, health.sources["lists"].new) == (10, 4)


def test_what_waits_to_be_composed_and_delivered_is_counted_with_its_oldest(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        for age in (2, 1):
            who = make_subscriber(session, now, next_edition_at=None)
            make_edition(session, who, now - age * HOUR)
            outbox.promise(session, shop.sender, [who.id], now - age * HOUR)
    states = (OutboxState.DEFERRED, OutboxState.PLANNED, OutboxState.SENDING, OutboxState.SENT)
    for age, state in enumerate(states, -5):
        add_mail(shop, state, now + age * HOUR)
    health = measure(shop, now)
    assert health.backlogs["compose"] == replace(health.backlogs["compose"], count=2, oldest=now - 2 * HOUR)
    assert health.backlogs["deliver"] == replace(health.backlogs["deliver"], count=3, oldest=now - 5 * HOUR)
    assert health.unsent["planned"].oldest == now - 4 * HOUR


def test_queues_count_their_batches_and_a_dead_workers_batch_waits(scaled: Workshop, now: datetime) -> None:
    alive, dead = now + MINUTE, now - MINUTE
    add(
        scaled,
        waiting("rank", now - HOUR, owner="a", lease_until=alive),
        waiting("rank", now - MINUTE, 5, owner="b", lease_until=dead),
        waiting("rank", now - 2 * MINUTE),
        waiting("rank", now - HOUR, finished_at=now),
        waiting("compose", now),
        waiting("deliver", now),
    )
    health = measure(scaled, now)
    rank, mail = health.queues["rank"], health.queues["mail"]
    assert (rank.waiting, rank.running, rank.waiting_since) == (2, 1, now - 2 * MINUTE)
    assert (mail.waiting, mail.running, mail.waiting_since) == (2, 0, now)
    assert (health.backlogs["rank"].count, health.backlogs["rank"].oldest) == (11, now - HOUR)
