"""Promising, planning, claiming and giving back, with a real database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from factories import make_subscriber
from post import OTHER, RULES, SENDER, US, Post, count_queries, later, mail_for
from smtp_sink import SmtpSink
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from digest import verp
from digest.composing.letters import Letter, compose_letter, make_row
from digest.composing.mime import assemble
from digest.mail import outbox
from digest.mail.pacing import Rules
from digest.tables import MailKind, OutboxMessage, OutboxState, Subscriber, SubscriberStatus
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


# letters, and the envelope


def test_a_letter_is_promised_once_and_goes_out_as_it_was_written(post: Post) -> None:
    with post.database.session() as session:
        who = make_subscriber(session, post.now, status=SubscriberStatus.PENDING)
        letter = Letter(MailKind.CONFIRM, who, post.now)
        mail = compose_letter(SENDER, letter, "a_token")
        outbox.enqueue(session, SENDER, make_row(letter, mail), assemble(SENDER, mail))
    with pytest.raises(IntegrityError), post.database.session() as session:
        outbox.enqueue(session, SENDER, make_row(letter, mail), assemble(SENDER, mail))
    assert post.deliver(post.plan(post.now)) == {"sent": 1}
    assert post.sink.contents == [assemble(SENDER, mail)]


def test_what_comes_back_names_its_message(post: Post) -> None:
    sender = replace(SENDER, bounce_address="bounces@papers.example")
    (number,) = post.promise()
    with post.database.session() as session:
        outbox.fill(sender, session.get_one(OutboxMessage, number), mail_for("x"))
    post.deliver([number])
    assert verp.read(post.sink.messages[0].sender, sender.signing_key) == verp.Token("m", number)


def test_an_edition_that_is_too_late_gives_its_papers_back_before_the_next_is_made(post: Post) -> None:
    late, _, sent = post.promise(3)
    post.change(late, created_at=post.now - timedelta(hours=21))
    post.change(sent, created_at=post.now - timedelta(hours=21), state=OutboxState.SENT)
    with post.database.session() as session:
        everybody = list(session.exec(select(Subscriber.id)))
        outbox.expire(session, post.now, everybody)
    assert post.states() == [OutboxState.EXPIRED, OutboxState.PLANNED, OutboxState.SENT]


def test_what_a_dead_owner_had_handed_over_may_be_held(post: Post) -> None:
    ids = post.promise(2)
    for number, doubts in zip(ids, (0, 1), strict=True):
        post.change(number, state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=5), doubts=doubts)
    with post.database.session() as session:
        outbox.release(session, OTHER, hold_doubtful=True)
    assert post.states() == [OutboxState.PLANNED, OutboxState.HELD]


def test_what_an_owner_left_in_doubt_is_held_by_the_next_where_that_is_wished(post: Post) -> None:
    ids = post.promise(2)
    for number, doubts in zip(ids, (0, 1), strict=True):
        post.change(number, state=OutboxState.SENDING, owner=OTHER, lease_until=later(minutes=-1), doubts=doubts)
    with post.database.session() as session:
        claimed = outbox.claim(session, post.now, ids, US, Rules(hold_doubtful=True))
    assert [row.id for row in claimed] == ids[:1]
    assert post.states() == [OutboxState.SENDING, OutboxState.HELD]


def test_only_the_claim_itself_may_settle(post: Post) -> None:
    """An owner that lost a row and claimed it again is another claim: the fence counts them."""
    ids = post.promise()
    with post.database.session() as session:
        (first,) = outbox.claim(session, post.now, ids, US)
    with post.database.session() as session:
        (second,) = outbox.claim(session, post.now, ids, US)
    assert second.attempt == first.attempt + 1
    with post.database.session() as session:
        outbox.hand_back(session, [first])
    assert post.states() == [OutboxState.SENDING]
    with post.database.session() as session:
        outbox.hand_back(session, [second])
    assert post.states() == [OutboxState.PLANNED]
