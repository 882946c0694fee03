"""Batches: handed out once, held under a lease, taken over from the dead, and followed by the next stage."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from scenes import bring, rows
from sqlmodel import col, select, update

from digest import dispatch, pipeline
from digest.clock import utc_now
from digest.dispatch import WakeUp
from digest.embeddings import succession
from digest.embeddings.encoder import EncoderSpec
from digest.errors import ConfigurationError, Unreachable
from digest.mail import outbox
from digest.settings import Settings
from digest.tables import Batch, Edition, OutboxMessage, OutboxState, Run
from digest.workshop import Workshop

MINUTE = timedelta(minutes=1)
READERS = 7


@pytest.fixture
def scaled(settings: Settings) -> Iterator[Workshop]:
    """A worker's workshop, with seven readers who are due and papers for them."""
    made = Workshop(settings.model_copy(update={"lease_seconds": 60}), scaled=True)
    yield made
    made.database.dispose()


@pytest.fixture
def readers(scaled: Workshop, now: datetime) -> Workshop:
    topics = list(TOPICS)
    with scaled.database.session() as session:
        for number in range(20):
            make_paper(session, now, topics[number % 5])
        for number in range(READERS):
            make_profile(session, make_subscriber(session, now), topics[number % 5])
    return scaled


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = pipeline.stages

    def smaller(shop: Workshop, only: int | None = None) -> list[pipeline.Stage]:
        return [
            pipeline.Stage(stage.name, stage.plan, stage.work, min(stage.batch_size, 3), stage.release)
            for stage in listed(shop, only)
        ]

    monkeypatch.setattr(dispatch, "stages", smaller)


def colleague(shop: Workshop) -> Workshop:
    return Workshop(shop.settings, scaled=True)


def finish(shop: Workshop, wake_ups: list[WakeUp]) -> list[str]:
    """Work on everything that is woken for; returns the stages in the order in which they were worked on."""
    seen: list[str] = []
    while wake_ups:
        one = wake_ups.pop(0)
        seen.append(one.stage)
        wake_ups += dispatch.work(shop, one.batch)
    return seen


def upto(shop: Workshop, stage: str, wake_ups: list[WakeUp]) -> list[WakeUp]:
    """Work until only batches of `stage` are left."""
    while wake_ups and wake_ups[0].stage != stage:
        wake_ups += dispatch.work(shop, wake_ups.pop(0).batch)
    return wake_ups


def expire(shop: Workshop) -> None:
    """As if the lease of every batch had run out, and its wake-up were long ago."""
    past = utc_now() - timedelta(hours=1)
    with shop.database.session() as session:
        session.exec(update(Batch).where(col(Batch.owner).is_not(None)).values(lease_until=past))
        session.exec(update(Batch).values(woken_at=past))


def states(shop: Workshop) -> list[OutboxState]:
    with shop.database.session(write=False) as session:
        return list(session.exec(select(OutboxMessage.state)))


@pytest.mark.usefixtures("small_batches")
def test_a_day_is_handed_out_in_order_and_done_once(readers: Workshop, now: datetime) -> None:
    order = finish(readers, dispatch.tick(readers, now))
    names = [stage.name for stage in pipeline.stages(readers)]
    assert order == sorted(order, key=names.index)
    assert order.count("rank") == order.count("compose") == order.count("deliver") == 3
    assert states(readers) == [OutboxState.SENT] * READERS
    assert rows(readers, Batch) == []
    assert dispatch.tick(readers, now + MINUTE) == []


@pytest.mark.usefixtures("small_batches")
def test_the_records_say_what_all_batches_of_a_stage_did(readers: Workshop, now: datetime) -> None:
    finish(readers, dispatch.tick(readers, now))
    reports = {run["stage"]: run["report"] for run in rows(readers, Run)}
    assert (reports["rank"]["planned"], reports["rank"]["editions"]) == (READERS, READERS)
    assert (reports["deliver"]["planned"], reports["deliver"]["sent"]) == (READERS, READERS)


def test_ingest_keeps_its_record_per_source_only(scaled: Workshop, now: datetime) -> None:
    bring(scaled, now)
    finish(scaled, dispatch.tick(scaled, now))
    assert [run["source"] for run in rows(scaled, Run) if run["stage"] == "ingest"] == ["lists"]


def test_a_moment_is_planned_by_one_beat(readers: Workshop, now: datetime) -> None:
    assert dispatch.tick(readers, now)
    assert dispatch.tick(readers, now) == []


@pytest.mark.usefixtures("small_batches")
def test_two_that_plan_at_once_hand_out_every_id_once(readers: Workshop, now: datetime) -> None:
    wake_ups = upto(readers, "rank", dispatch.tick(readers, now))
    with readers.database.session() as session:
        session.exec(update(Batch).values(moment=now - MINUTE))  # in hand already, at an earlier moment
        session.exec(update(Batch).where(col(Batch.id) == wake_ups[0].batch).values(ids=[]))
    barrier, shops = Barrier(2), [colleague(readers), colleague(readers)]

    def plan(shop: Workshop) -> list[WakeUp]:
        barrier.wait()
        return dispatch.advance(shop, now, "rank")

    with ThreadPoolExecutor() as pool:
        handed = [one for found in pool.map(plan, shops) for one in found]
    assert len(handed) == 1
    ids = [number for batch in rows(readers, Batch) for number in batch["ids"]]  # type: ignore[attr-defined]
    assert sorted(ids) == list(range(1, READERS + 1))
    for shop in shops:
        shop.database.dispose()


@pytest.mark.usefixtures("small_batches")
def test_the_next_stage_begins_with_the_end_of_the_last_batch(readers: Workshop, now: datetime) -> None:
    first, second, third = upto(readers, "rank", dispatch.tick(readers, now))
    assert dispatch.work(readers, first.batch) == []
    assert dispatch.work(readers, second.batch) == []
    assert {one.stage for one in dispatch.work(readers, third.batch)} == {"compose"}


@pytest.mark.usefixtures("small_batches")
def test_who_comes_due_later_is_handed_out_while_the_others_are_in_hand(readers: Workshop, now: datetime) -> None:
    upto(readers, "rank", dispatch.tick(readers, now))
    with readers.database.session() as session:
        late = make_subscriber(session, now, next_edition_at=now + MINUTE)
        make_profile(session, late)
    later = upto(readers, "rank", dispatch.tick(readers, now + MINUTE))
    with readers.database.session(write=False) as session:
        assert [session.get_one(Batch, one.batch).ids for one in later] == [[late.id]]


def test_a_batch_that_somebody_has_is_left_to_them(readers: Workshop, now: datetime) -> None:
    (one,) = upto(readers, "rank", dispatch.tick(readers, now))
    other = colleague(readers)
    assert dispatch._take(other, one.batch)[0] is not None
    assert dispatch.work(readers, one.batch) == []
    assert rows(readers, Edition) == []
    other.database.dispose()


@pytest.mark.parametrize("died_at", ["_take", "work_through", "_finish"])
@pytest.mark.parametrize("stage", ["rank", "compose", "deliver"])
def test_what_a_worker_left_when_it_died_is_done_by_another(
    readers: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, stage: str, died_at: str
) -> None:
    (one,) = upto(readers, stage, dispatch.tick(readers, now))
    whole = getattr(dispatch, died_at)

    def die(*arguments: object) -> None:
        whole(*arguments) if died_at != "_finish" else None
        raise KeyboardInterrupt

    dying = colleague(readers)
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, died_at, die)
        with pytest.raises(KeyboardInterrupt):
            dispatch.work(dying, one.batch)
    dying.database.dispose()
    expire(readers)
    finish(readers, dispatch.tick(readers, now + MINUTE))
    sent = [row["attempt"] for row in rows(readers, OutboxMessage) if row["state"] == OutboxState.SENT]
    assert sent == [1] * READERS
    assert rows(readers, Batch) == []


def test_a_successor_frees_the_mail_that_the_dead_had_claimed(readers: Workshop, now: datetime) -> None:
    (one,) = upto(readers, "deliver", dispatch.tick(readers, now))
    dying = colleague(readers)
    batch, _ = dispatch._take(dying, one.batch)
    assert batch is not None
    with readers.database.session() as session:
        assert len(outbox.claim(session, now, batch.ids, dying.owner)) == READERS
    expire(readers)
    finish(readers, [one])
    assert states(readers) == [OutboxState.SENT] * READERS
    dying.database.dispose()


def test_a_lease_is_moved_on_while_its_owner_works(readers: Workshop, now: datetime) -> None:
    quick = Workshop(readers.settings.model_copy(update={"lease_seconds": 2}), scaled=True)
    (one,) = upto(quick, "rank", dispatch.tick(quick, now))
    batch, _ = dispatch._take(quick, one.batch)
    assert batch is not None
    assert batch.lease_until is not None
    with dispatch._held(quick, batch):
        while True:
            with quick.database.session(write=False) as session:
                row = session.get_one(Batch, one.batch)
            assert row.lease_until is not None
            if row.lease_until > batch.lease_until:
                break
    quick.database.dispose()


@pytest.mark.usefixtures("small_batches")
def test_lost_wake_ups_are_sent_again_when_nothing_moves(readers: Workshop, now: datetime) -> None:
    first, *others = upto(readers, "rank", dispatch.tick(readers, now))
    assert dispatch.tick(readers, now + MINUTE) == []
    expire(readers)
    assert dispatch._take(readers, first.batch)[0] is not None
    assert dispatch.tick(readers, now + 2 * MINUTE) == []  # somebody is at work in this stage
    expire(readers)
    again = dispatch.tick(readers, now + 3 * MINUTE)
    assert {one.batch for one in again} == {one.batch for one in (first, *others)}
    assert dispatch.tick(readers, now + 4 * MINUTE) == []  # just woken for


@pytest.mark.parametrize("error", [ConfigurationError("no sender"), Unreachable("gone")])
def test_a_stage_that_cannot_go_on_is_recorded_and_the_next_begins(
    readers: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "_rank", stop)
    finish(readers, dispatch.tick(readers, now))
    (run,) = [run for run in rows(readers, Run) if run["stage"] == "rank"]
    assert run["ok"] is False
    assert run["report"]["stopped"] == str(error)  # type: ignore[index]
    assert rows(readers, Batch) == []


def test_a_batch_that_keeps_killing_is_given_up(readers: Workshop, now: datetime) -> None:
    (one,) = upto(readers, "rank", dispatch.tick(readers, now))
    with readers.database.session() as session:
        session.exec(update(Batch).values(attempt=dispatch.MOST_ATTEMPTS))
    finish(readers, [one])
    (run,) = [run for run in rows(readers, Run) if run["stage"] == "rank"]
    assert (run["ok"], run["report"]["failed"]) == (False, READERS)  # type: ignore[index]
    assert rows(readers, Edition) == []


@pytest.mark.usefixtures("small_batches")
def test_workers_prepare_another_encoder_after_the_mail_and_switch(readers: Workshop, now: datetime) -> None:
    with readers.database.session() as session:
        succession.adopt(session, EncoderSpec("hashing"), now)
        succession.ask(session, EncoderSpec("hashing", 64), now)
    order = finish(readers, dispatch.tick(readers, now))
    assert order.index("prepare_papers") > max(place for place, name in enumerate(order) if name == "deliver")
    assert order[-1] == "switch_encoder"
    assert {edition["encoder"] for edition in rows(readers, Edition)} == {"hashing"}
    assert states(readers) == [OutboxState.SENT] * READERS
    assert readers.encoder_name == "hashing:64"
    assert dispatch.tick(readers, now + MINUTE) == []


def test_every_stage_has_a_queue(scaled: Workshop) -> None:
    assert [stage.name for stage in pipeline.stages(scaled)] == list(dispatch.QUEUES)
