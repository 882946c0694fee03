"""Whose a signed link is: its purpose, its time, its key and its person must all be right."""

from datetime import datetime, timedelta

import pytest
from editions import sign_of_edition
from factories import make_edition, make_subscriber

from digest import tokens
from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.holders import LIFE, find_holder, sign_feed
from digest.tables import Edition, Subscriber

SECRET = "0123456789abcdef" * 2


@pytest.fixture
def who(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now, feed_key="feed")


@pytest.fixture
def edition(database: Database, who: Subscriber, now: datetime) -> Edition:
    with database.session() as session:
        return make_edition(session, who, now)


@pytest.mark.parametrize("purpose", ["manage", "vote", "edition", "unsubscribe"])
def test_a_link_of_an_edition_names_its_reader_until_it_is_too_old(
    database: Database, who: Subscriber, edition: Edition, now: datetime, purpose: tokens.Purpose
) -> None:
    token, life = sign_of_edition(SECRET, purpose, who, edition), LIFE[purpose]
    with database.session(write=False) as session:
        holder = find_holder(session, SECRET, purpose, token, now + (life or timedelta(days=3650)))
        assert (holder.subscriber.id, holder.edition and holder.edition.id) == (who.id, edition.id)
        if life is not None:
            with pytest.raises(InvalidRequest, match="too old"):
                find_holder(session, SECRET, purpose, token, now + life + timedelta(days=1))


def test_a_link_does_what_it_is_for_and_nothing_else(
    database: Database, who: Subscriber, edition: Edition, now: datetime
) -> None:
    with database.session(write=False) as session:
        for made in LIFE:
            token = sign_feed(SECRET, who) if made == "feed" else sign_of_edition(SECRET, made, who, edition)
            for purpose in LIFE:
                if purpose != made:
                    with pytest.raises(InvalidRequest):
                        find_holder(session, SECRET, purpose, token, now)


def test_new_keys_void_the_links_that_hold_the_old_ones(
    database: Database, who: Subscriber, edition: Edition, now: datetime
) -> None:
    vote, feed = sign_of_edition(SECRET, "vote", who, edition), sign_feed(SECRET, who, 7)
    with database.session() as session:
        assert find_holder(session, SECRET, "feed", feed, now).profile_id == 7
        session.get_one(Subscriber, who.id).feed_key = "another"
        find_holder(session, SECRET, "vote", vote, now)
        with pytest.raises(InvalidRequest):
            find_holder(session, SECRET, "feed", feed, now)
        session.get_one(Subscriber, who.id).link_key = "another"
        with pytest.raises(InvalidRequest):
            find_holder(session, SECRET, "vote", vote, now)


def test_links_end_with_the_person_and_open_no_edition_of_another(
    database: Database, who: Subscriber, edition: Edition, now: datetime
) -> None:
    token = sign_of_edition(SECRET, "vote", who, edition)
    with database.session() as session:
        session.get_one(Edition, edition.id).subscriber_id = make_subscriber(session, now).id
        session.flush()
        with pytest.raises(InvalidRequest):
            find_holder(session, SECRET, "vote", token, now)
        session.delete(session.get_one(Subscriber, who.id))
        session.flush()
        with pytest.raises(InvalidRequest):
            find_holder(session, SECRET, "vote", token, now)


@pytest.mark.parametrize("token", ["", ".", "W10.x", "bnVsbA.x", "eyJzIjoxfQ.x", "\x00", "😀", "a" * 100_000, "\udcff"])
def test_what_we_did_not_sign_is_nobodys(database: Database, now: datetime, token: str) -> None:
    with database.session(write=False) as session, pytest.raises(InvalidRequest):
        find_holder(session, SECRET, "vote", token, now)


def test_a_link_holds_no_address(who: Subscriber, edition: Edition) -> None:
    from itsdangerous import URLSafeSerializer

    _, payload = URLSafeSerializer("").loads_unsafe(sign_of_edition(SECRET, "vote", who, edition))
    assert who.email not in str(payload)
