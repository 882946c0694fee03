"""Promising, planning, claiming and giving back, with a real database."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from post import OTHER, RULES, SENDER, US, Post, count_queries, later
from smtp_sink import SmtpSink
from sqlmodel import select

from digest.mail import outbox
from digest.tables import OutboxMessage, OutboxState, Subscriber
from digest.workshop import Workshop


@pytest.fixture
def post(shop: Workshop, now: datetime) -> Iterator[Post]:
    with SmtpSink() as sink:
        yield Post(shop, sink, now)


def test_an_edition_is_promised_once_however_often_it_is_planned(post: Post) -> None:
    post.promise()
    with post.database.session() as session:
        who = session.exec(select(Subscriber.id)).one()
        outbox.promise(session, SENDER, [who], post.now)
        outbox.promise(session, SENDER, [who], post.now)
    assert len(post.rows()) == 1


def test_a_plan_can_be_limited_to_one_subscriber(post: Post) -> None:
    first, second = post.promise(2)
    with post.database.session(write=False) as session:
        assert outbox.plan(session, post.now, RULES, session.get_one(OutboxMessage, second).subscriber_id) == [second]
    assert post.plan(post.now) == [first, second]


# the lease


def test_what_another_owner_is_sending_is_left_alone(post: Post) -> None:
    ids = post.promise(2)
    post.change(ids[0], state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=5))
    assert post.plan(post.now) == ids[1:]
    assert post.deliver(ids) == {"sent": 1}
    assert (post.rows()[0].state, post.rows()[0].owner) == (OutboxState.SENDING, OTHER)


def test_what_an_owner_abandoned_is_planned_and_sent_again(post: Post) -> None:
    ids = post.promise()
    post.change(ids[0], state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=-1))
    assert post.plan(post.now) == ids
    assert post.deliver(ids) == {"sent": 1}


def test_our_own_rows_are_taken_up_again_before_the_lease_ends(post: Post) -> None:
    ids = post.promise()
    with post.database.session() as session:
        assert [row.id for row in outbox.claim(session, post.now, ids, US, RULES)] == ids
    assert post.deliver(ids) == {"sent": 1}


def test_two_owners_never_claim_one_row(post: Post) -> None:
    ids = post.promise(3)
    with post.database.session() as session:
        mine = [row.id for row in outbox.claim(session, post.now, ids[:2], US, RULES)]
    with post.database.session() as session:
        theirs = [row.id for row in outbox.claim(session, post.now, ids, OTHER, RULES)]
    assert (mine, theirs) == (ids[:2], ids[2:])


def test_releasing_a_dead_owner_frees_its_rows_and_no_others(post: Post) -> None:
    ids = post.promise(2)
    for message, owner in zip(ids, (US, OTHER), strict=True):
        post.change(message, state=OutboxState.SENDING, owner=owner, lease_until=later(minutes=5))
    with post.database.session() as session:
        outbox.release(session, US)
    assert post.plan(post.now) == ids[:1]
    assert post.rows()[0].owner is None


def test_who_took_over_after_our_lease_decides(post: Post) -> None:
    (message,) = post.promise()

    def take_over(stage: str, _recipient: str) -> None:
        if stage == "DATA":
            post.change(message, owner=OTHER)

    post.sink.reply = take_over
    post.deliver([message])
    (row,) = post.rows()
    assert (row.state, row.owner, row.attempt) == (OutboxState.SENDING, OTHER, 1)


def test_planning_and_claiming_ask_few_queries_however_many_messages(post: Post) -> None:
    ids = post.promise(30)

    def plan_and_claim() -> None:
        with post.database.session() as session:
            assert outbox.plan(session, post.now, RULES) == ids
            assert len(outbox.claim(session, post.now, ids, US, RULES)) == len(ids)

    assert count_queries(post.database, plan_and_claim) <= 6  # with the BEGIN
