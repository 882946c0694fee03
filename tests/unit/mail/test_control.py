"""What an operator may do to mail by hand, and what nobody may."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from post import RULES, Post
from smtp_sink import SmtpSink

from digest.errors import InvalidRequest
from digest.mail import control, pacing
from digest.mail.pacing import Rules
from digest.tables import OutboxState
from digest.workshop import Workshop

PLANNED, SENDING, DEFERRED, HELD, SENT, BOUNCED, SUPPRESSED, EXPIRED = OutboxState


@pytest.fixture
def post(shop: Workshop, now: datetime) -> Iterator[Post]:
    """One message in each state, in the order of the states."""
    with SmtpSink() as sink:
        made = Post(shop, sink, now)
        for number, state in zip(made.promise(len(OutboxState)), OutboxState, strict=True):
            made.change(number, state=state, attempt=3, doubts=1, next_at=now + timedelta(hours=1))
        yield made


def change(post: Post, what: str, recipient: str | None = None) -> list[OutboxState]:
    """The states after the change; says as many as were counted before."""
    with post.database.session() as session:
        counted = control.count(session, what, recipient)
        assert control.change(session, what, recipient, post.now) == counted
    return post.states()


def test_retry_takes_up_what_was_put_off(post: Post) -> None:
    assert change(post, "retry") == [PLANNED, SENDING, PLANNED, HELD, SENT, BOUNCED, SUPPRESSED, EXPIRED]
    row = post.rows()[2]
    assert (row.next_at, row.attempt, row.doubts) == (post.now, 0, 0)


def test_hold_keeps_back_what_waits_and_release_lets_it_go(post: Post) -> None:
    assert change(post, "hold") == [HELD, SENDING, HELD, HELD, SENT, BOUNCED, SUPPRESSED, EXPIRED]
    assert change(post, "release") == [PLANNED, SENDING, PLANNED, PLANNED, SENT, BOUNCED, SUPPRESSED, EXPIRED]


@pytest.mark.parametrize("place", [PLANNED, BOUNCED, SENT, EXPIRED, SUPPRESSED, SENDING])
def test_a_named_recipients_refused_mail_is_tried_again_and_no_other(post: Post, place: OutboxState) -> None:
    before, number = post.states(), list(OutboxState).index(place)
    after = change(post, "retry", post.rows()[number].recipient)
    assert after[number] is (PLANNED if place is BOUNCED else place)
    assert [s for n, s in enumerate(after) if n != number] == [s for n, s in enumerate(before) if n != number]


@pytest.mark.parametrize("what", control.CHANGES)
@pytest.mark.parametrize("place", [SENT, EXPIRED, SUPPRESSED, SENDING])
def test_what_is_at_its_end_or_under_way_is_never_touched(post: Post, what: str, place: OutboxState) -> None:
    row = post.rows()[list(OutboxState).index(place)]
    assert change(post, what, row.recipient) == list(OutboxState)
    change(post, what)
    assert row in post.rows()


@pytest.mark.parametrize(("what", "place"), [("hold", DEFERRED), ("release", HELD), ("retry", DEFERRED)])
def test_for_a_named_recipient_nobody_elses_mail_changes(post: Post, what: str, place: OutboxState) -> None:
    number = list(OutboxState).index(place)
    after = change(post, what, post.rows()[number].recipient)
    expected = list(OutboxState)
    expected[number] = control.CHANGES[what][1]
    assert after == expected


def test_what_is_let_go_queues_anew(post: Post) -> None:
    post.change_all(paced=True)
    change(post, "retry")
    assert not post.rows()[2].paced


@pytest.mark.parametrize("what", control.CHANGES)
def test_nobody_is_nobody(post: Post, what: str) -> None:
    assert change(post, what, "nobody@example.org") == list(OutboxState)


def test_nothing_else_can_be_counted(post: Post) -> None:
    with post.database.session() as session, pytest.raises(InvalidRequest, match="use retry, hold, release"):
        control.count(session, "send twice", None)


def test_nothing_else_can_be_done(post: Post) -> None:
    with post.database.session() as session, pytest.raises(InvalidRequest, match="use retry, hold, release"):
        control.change(session, "send twice", None, post.now)


def test_the_status_counts_by_state_and_names_who_is_in_trouble(post: Post) -> None:
    with post.database.session() as session:
        pacing.slow_down(session, "domain example.org", 0, datetime.now(post.now.tzinfo))
        found = control.status(session, Rules(warm_up_start=post.now.date()), post.now)
    assert found.counts == {state.value: 1 for state in OutboxState}
    assert {one.state for one in found.troubled} == {"deferred", "bounced", "held"}
    assert (found.closed, found.cap, [name for name, _ in found.slowed]) == (None, 50, ["example.org"])


def test_the_status_names_the_newest_that_are_in_trouble_and_not_all(post: Post) -> None:
    ids = post.promise(control.MOST_SHOWN + 5)
    post.change_all(state=HELD)
    with post.database.session(write=False) as session:
        assert [one.id for one in control.status(session, RULES, post.now).troubled] == ids[:4:-1]


def test_the_status_tells_what_keeps_mail_back_and_forgets_old_mail(post: Post) -> None:
    with post.database.session() as session:
        pacing.pause(session, "a fire drill")
        found = control.status(session, RULES, post.now + timedelta(days=3))
    assert set(found.counts.values()) == {0}
    assert found.closed is not None
    assert found.closed.reason == "a fire drill"
