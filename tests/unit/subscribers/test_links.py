"""Mailed links: each works once, the newest alone, and a look changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from factories import make_subscriber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.links import LIFE, LinkState, issue, look, use, void_all
from digest.tables import MailedLink, Subscriber

SECOND = timedelta(seconds=1)
PURPOSES = pytest.mark.parametrize("purpose", LIFE)


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


def test_links_live_as_long_as_their_letters_say() -> None:
    hours = {purpose: span / timedelta(hours=1) for purpose, span in LIFE.items()}
    assert hours == {"confirm": 48, "sign-in": 0.5, "address-change": 24, "address-cancel": 168}


@PURPOSES
def test_a_link_works_once_until_it_ends(database: Database, ada: Subscriber, now: datetime, purpose: str) -> None:
    with database.session() as session:
        token = issue(session, ada, purpose, now, "new@example.org")
        last = now + LIFE[purpose] - SECOND
        for _ in range(3):
            assert look(session, purpose, token, last).state is LinkState.FRESH
        link = use(session, purpose, token, last)
        assert (link.subscriber_id, link.address, link.used_at) == (ada.id, "new@example.org", last)
        assert look(session, purpose, token, now).state is LinkState.USED
        with pytest.raises(InvalidRequest, match="used already"):
            use(session, purpose, token, last)


@PURPOSES
def test_a_link_that_ended_says_so(database: Database, ada: Subscriber, now: datetime, purpose: str) -> None:
    with database.session() as session:
        token = issue(session, ada, purpose, now)
        assert look(session, purpose, token, now + LIFE[purpose]).state is LinkState.EXPIRED
        with pytest.raises(InvalidRequest, match="ask for a new one"):
            use(session, purpose, token, now + LIFE[purpose])


@PURPOSES
def test_the_newest_link_alone_works(database: Database, ada: Subscriber, now: datetime, purpose: str) -> None:
    with database.session() as session:
        bystander = issue(session, make_subscriber(session, now), purpose, now)
        old, new = issue(session, ada, purpose, now), issue(session, ada, purpose, now)
        states = [look(session, purpose, token, now).state for token in (bystander, old, new)]
        assert states == [LinkState.FRESH, LinkState.EXPIRED, LinkState.FRESH]
        with pytest.raises(InvalidRequest, match="no longer valid"):
            use(session, purpose, old, now)


def test_the_right_to_stop_a_change_is_not_voided_from_another_address(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        first = issue(session, ada, "address-cancel", now, "ada@example.org")
        issue(session, ada, "address-cancel", now, "thief@example.org")
        assert look(session, "address-cancel", first, now).state is LinkState.FRESH
        issue(session, ada, "address-cancel", now, "ada@example.org")
        assert look(session, "address-cancel", first, now).state is LinkState.EXPIRED


@PURPOSES
def test_a_token_is_good_for_its_purpose_alone(
    database: Database, ada: Subscriber, now: datetime, purpose: str
) -> None:
    with database.session() as session:
        token = issue(session, ada, purpose, now)
        for other in set(LIFE) - {purpose}:
            assert look(session, other, token, now) is None
            with pytest.raises(InvalidRequest, match="not valid"):
                use(session, other, token, now)
        assert use(session, purpose, token, now)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\0", "' OR 1=1", "a" * 5000])
def test_what_was_never_mailed_is_unknown(database: Database, ada: Subscriber, now: datetime, token: str) -> None:
    with database.session() as session:
        issue(session, ada, "confirm", now)
        assert look(session, "confirm", token, now) is None
        with pytest.raises(InvalidRequest, match="not valid"):
            use(session, "confirm", token, now)


def test_the_token_itself_is_not_stored(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        token = issue(session, ada, "sign-in", now)
        assert len(token) >= 22  # 128 bits
        assert token not in repr(session.exec(select(MailedLink)).one())


def test_all_links_of_a_person_can_be_ended(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        made = {purpose: issue(session, ada, purpose, now) for purpose in LIFE}
        void_all(session, ada, now)
        assert {look(session, *pair, now).state for pair in made.items()} == {LinkState.EXPIRED}


def test_of_many_who_press_at_once_one_gets_through(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        token = issue(session, ada, "sign-in", now)

    def press(_number: int) -> bool:
        try:
            with database.session() as session:
                return bool(use(session, "sign-in", token, now))
        except InvalidRequest:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(press, range(20))) == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["issue", "look", "use"]), st.integers(0, 5), st.integers(0, 20)), max_size=25
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=STEPS)
def test_whatever_the_order_a_link_works_once_and_the_newest_only(
    database: Database, now: datetime, steps: list[tuple[str, int, int]]
) -> None:
    moment, made, used = now, [], set()
    with database.session() as session:
        who = make_subscriber(session, now)
        for step, which, minutes in steps:
            moment += timedelta(minutes=minutes)
            if step == "issue":
                made.append((issue(session, who, "sign-in", moment), moment))
            if step == "issue" or not made:
                continue
            place = which % len(made)
            token, born = made[place]
            works = place == len(made) - 1 and place not in used and moment < born + LIFE["sign-in"]
            if step == "look":
                assert (look(session, "sign-in", token, moment).state is LinkState.FRESH) is works
            elif works:
                assert use(session, "sign-in", token, moment)
                used.add(place)
            else:
                with pytest.raises(InvalidRequest):
                    use(session, "sign-in", token, moment)
