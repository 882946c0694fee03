"""A new address: proved by the new mailbox, told to the old one, which may stop it even when it is made."""

from datetime import datetime

import pytest
from factories import make_profile, make_subscriber
from mailroom import OFFICE, letters, newest_token
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.mail.suppression import suppress
from digest.subscribers import sessions
from digest.subscribers.address import cancel_address, change_address, confirm_address
from digest.subscribers.links import LinkState, issue, look
from digest.subscribers.optin import ask_to_sign_in
from digest.tables import MailKind, Profile, Subscriber, SubscriberStatus

OLD, NEW, THIRD = "ada@example.org", "ada@new.example", "ada@third.example"


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now, email=OLD, confirmed_at=now, feed_key="f" * 16)


def test_both_addresses_are_written_to_and_nothing_changes_yet(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        session.add(ada)
        change_address(session, OFFICE, ada, " ADA@new.example ", now)
        assert letters(session) == [(MailKind.ADDRESS_NOTICE, OLD), (MailKind.ADDRESS_CHANGE, NEW)]
        assert ada.email == OLD


def test_the_new_address_is_in_force_once_it_confirms(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        session.add(ada)
        mailed = issue(session, ada, "sign-in", now, OLD)
        change_address(session, OFFICE, ada, NEW, now)
        token = newest_token(session)
        assert confirm_address(session, token, now).id == ada.id
        assert ada.email == NEW
        assert look(session, "sign-in", mailed, now).state is LinkState.EXPIRED
        with pytest.raises(InvalidRequest, match="used already"):
            confirm_address(session, token, now)


@pytest.mark.parametrize("made", [False, True])
def test_the_old_address_stops_the_change_and_everybody_is_out(
    database: Database, ada: Subscriber, now: datetime, made: bool
) -> None:
    with database.session() as session:
        session.add(ada)
        keys = (ada.link_key, ada.feed_key)
        sessions.start(session, ada, now)
        change_address(session, OFFICE, ada, NEW, now)
        change, stop = newest_token(session, NEW), newest_token(session, OLD)
        if made:
            confirm_address(session, change, now)
        ask_to_sign_in(session, OFFICE, ada.email, now)
        door = newest_token(session)
        assert cancel_address(session, stop, now).id == ada.id
        assert ada.email == OLD
        assert sessions.listing(session, ada) == []
        assert not {ada.link_key, ada.feed_key} & {*keys}
        assert look(session, "sign-in", door, now).state is LinkState.EXPIRED
        with pytest.raises(InvalidRequest):
            confirm_address(session, change, now)


def test_who_took_an_account_cannot_shake_the_owner_off(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        session.add(ada)
        change_address(session, OFFICE, ada, NEW, now)
        stop = newest_token(session, OLD)
        confirm_address(session, newest_token(session, NEW), now)
        change_address(session, OFFICE, ada, THIRD, now)
        theirs = newest_token(session, NEW)
        confirm_address(session, newest_token(session, THIRD), now)
        cancel_address(session, stop, now)
        assert ada.email == OLD
        with pytest.raises(InvalidRequest):
            cancel_address(session, theirs, now)
        assert ada.email == OLD


def test_no_change_is_asked_for_that_the_old_address_is_not_told_of(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        session.add(ada)
        for _ in range(3):
            ask_to_sign_in(session, OFFICE, OLD, now)
        with pytest.raises(InvalidRequest, match="too many letters"):
            change_address(session, OFFICE, ada, NEW, now)
        assert (MailKind.ADDRESS_CHANGE, NEW) not in letters(session)


def test_who_cannot_be_reached_any_more_may_give_another_address(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        session.add(ada)
        suppress(session, OLD, "bounced: 5.1.1", now)
        change_address(session, OFFICE, ada, NEW, now)
        assert letters(session) == [(MailKind.ADDRESS_CHANGE, NEW)]
        assert confirm_address(session, newest_token(session), now).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (SubscriberStatus.ACTIVE, MailKind.ALREADY_SUBSCRIBED),
        (SubscriberStatus.PAUSED, MailKind.ALREADY_SUBSCRIBED),
        (SubscriberStatus.PENDING, MailKind.ADDRESS_CHANGE),
        (SubscriberStatus.UNSUBSCRIBED, MailKind.ADDRESS_CHANGE),
    ],
)
def test_whether_somebody_has_the_address_only_its_mailbox_learns(
    database: Database, ada: Subscriber, now: datetime, status: SubscriberStatus, kind: MailKind
) -> None:
    with database.session() as session:
        session.add(ada)
        other = make_subscriber(session, now, email=NEW, status=status)
        change_address(session, OFFICE, ada, NEW, now)
        assert letters(session) == [(MailKind.ADDRESS_NOTICE, OLD), (kind, NEW)]
        assert (other.email, ada.email) == (NEW, OLD)


def test_who_never_confirmed_gives_way_to_who_has_the_mailbox(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        session.add(ada)
        make_profile(session, make_subscriber(session, now, email=NEW, status=SubscriberStatus.PENDING))
        change_address(session, OFFICE, ada, NEW, now)
        confirm_address(session, newest_token(session), now)
        assert session.exec(select(Subscriber.id)).all() == [ada.id]
        assert session.exec(select(Profile)).all() == []


@pytest.mark.parametrize("how", ["active", "on the list"])
def test_what_happened_since_is_asked_again_when_the_link_is_pressed(
    database: Database, ada: Subscriber, now: datetime, how: str
) -> None:
    with database.session() as session:
        session.add(ada)
        change_address(session, OFFICE, ada, NEW, now)
        token = newest_token(session)
        if how == "active":
            make_subscriber(session, now, email=NEW)
        else:
            suppress(session, NEW, "asked never to be mailed", now)
    told = "subscribed already" if how == "active" else "not to be mailed"
    with pytest.raises(InvalidRequest, match=told), database.session() as session:
        confirm_address(session, token, now)
    with database.session() as session:
        assert session.get_one(Subscriber, ada.id).email == OLD


@pytest.mark.parametrize(("email", "told"), [("ADA@example.org", "already"), ("nobody", "not a mail address")])
def test_what_is_no_new_address_is_refused(
    database: Database, ada: Subscriber, now: datetime, email: str, told: str
) -> None:
    with database.session() as session:
        session.add(ada)
        with pytest.raises(InvalidRequest, match=told):
            change_address(session, OFFICE, ada, email, now)
        assert letters(session) == []
