"""Adding and finding subscribers: one spelling of an address, and nothing stored that was not checked."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import make_subscriber
from hypothesis import assume, given
from hypothesis import strategies as st
from mailroom import OFFICE, letters, newest_token
from sqlmodel import Session

from digest.db import Database
from digest.errors import InvalidRequest, Taken, TransientError
from digest.mail.suppression import suppress
from digest.ranking import editions
from digest.subscribers import profiles, schedule
from digest.subscribers.optin import (
    Newcomer,
    activate,
    add,
    ask_to_sign_in,
    confirm,
    find,
    listing,
    page,
    parse_address,
    refuse,
    register,
    resubscribe,
    sign_in,
    subscribe,
    unsubscribe,
)
from digest.subscribers.schedule import MOST_PAPERS
from digest.tables import MailKind, Subscriber, SubscriberStatus

ADA = "ada@example.org"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada.Lovelace@Example.ORG\n", "ada.lovelace@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org"),
        ("o'neil@example.co.uk", "o'neil@example.co.uk"),
    ],
)
def test_an_address_has_one_spelling(text: str, expected: str) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(("one", "other"), [("ada@straße.de", "ada@strasse.de"), ("ada@βόλος.gr", "ada@βόλοσ.gr")])
def test_two_domains_stay_two_domains(one: str, other: str) -> None:
    assert parse_address(one) != parse_address(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@localhost",
        "ada lovelace@example.org",
        "ada@example.org, bob@example.org",
        "Ada <ada@example.org>",
        "ada@example.org\nBcc: all@example.org",
        '"ada"@example.org',
        "ada@[127.0.0.1]",
        "adä@example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not a mail address"):
        parse_address(text)


@given(text=st.emails() | st.text() | st.from_regex(r"[\w.+-]+@\w+\.[a-z]+", fullmatch=True))
def test_an_address_is_taken_in_a_form_that_is_taken_again(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidRequest:
        assume(False)
    assert parse_address(address) == address
    assert "\n" not in address
    assert len(address) <= 254


def newcomer(**fields: Any) -> Newcomer:
    return Newcomer(**({"email": "ada@example.org"} | fields))


def test_what_somebody_said_is_stored(database: Database, now: datetime) -> None:
    said = newcomer(name=" Ada ", zone="Europe/London", hour=18, weekdays=(4, 0), papers=5)
    with database.session() as session:
        add(session, said, now)
    with database.session(write=False) as session:
        stored = find(session, "ADA@example.org")
    assert (stored.email, stored.name, stored.zone, stored.hour) == ("ada@example.org", "Ada", "Europe/London", 18)
    assert (stored.weekdays, stored.papers_per_edition, stored.created_at) == ([0, 4], 5, now)


@pytest.mark.parametrize(
    ("active", "status", "due"), [(True, SubscriberStatus.ACTIVE, True), (False, SubscriberStatus.PENDING, False)]
)
def test_only_an_active_subscriber_is_due_and_that_at_once(
    database: Database, now: datetime, active: bool, status: SubscriberStatus, due: bool
) -> None:
    with database.session() as session:
        stored = add(session, newcomer(active=active), now)
    assert stored.status is status
    assert stored.confirmed_at == (now if due else None)
    assert stored.next_edition_at == (now if due else None)


def test_each_subscriber_has_a_key_of_their_own(database: Database, now: datetime) -> None:
    with database.session() as session:
        added = [add(session, newcomer(email=f"reader{n}@example.org"), now) for n in range(5)]
    assert len({key for one in added for key in (one.link_key, one.feed_key)}) == 10


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada"},
        {"zone": "Mars/Olympus"},
        {"zone": ""},
        {"hour": -1},
        {"hour": 24},
        {"weekdays": ()},
        {"weekdays": (0, 7)},
        {"weekdays": (-1,)},
        {"papers": 0},
        {"papers": MOST_PAPERS + 1},
        {"name": "Ada\nBcc: all@example.org"},
        {"name": "Ada\x00"},
        {"name": "A" * 201},
    ],
)
def test_a_field_that_cannot_be_taken_stores_nothing(database: Database, now: datetime, fields: dict[str, Any]) -> None:
    with database.session() as session:
        with pytest.raises(InvalidRequest):
            add(session, newcomer(**fields), now)
        assert listing(session) == []


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@EXAMPLE.ORG"])
@pytest.mark.parametrize("status", SubscriberStatus)
def test_an_address_subscribes_once(database: Database, now: datetime, email: str, status: SubscriberStatus) -> None:
    with database.session() as session:
        add(session, newcomer(), now).status = status
        with pytest.raises(InvalidRequest, match="already"):
            add(session, newcomer(email=email), now)
        assert len(listing(session)) == 1


def test_a_suppressed_address_is_not_taken(database: Database, now: datetime) -> None:
    with database.session() as session:
        suppress(session, "ADA@example.org", "bounced", now)
        with pytest.raises(InvalidRequest, match="suppression"):
            add(session, newcomer(active=True), now)
        assert listing(session) == []


def test_somebody_unknown_is_not_found(database: Database, now: datetime) -> None:
    with database.session() as session:
        add(session, newcomer(), now)
        with pytest.raises(InvalidRequest, match=r"no subscriber bob@example\.org"):
            find(session, "bob@example.org")


def test_subscribers_are_listed_by_address(database: Database, now: datetime) -> None:
    emails = ["cy@example.org", "ada@example.org", "bob@example.org"]
    with database.session() as session:
        added: list[Subscriber] = [add(session, newcomer(email=email), now) for email in emails]
        assert listing(session) == [added[1], added[2], added[0]]


def test_somebody_pending_gets_a_first_edition_once_they_are_active(database: Database, now: datetime) -> None:
    with database.session() as session:
        newcomer = add(session, Newcomer("ada@example.org"), now)
        assert (newcomer.status, newcomer.next_edition_at) == (SubscriberStatus.PENDING, None)
        activate(newcomer, now)
        assert (newcomer.status, newcomer.next_edition_at) == (SubscriberStatus.ACTIVE, now)
        assert newcomer.confirmed_at == now


# At the forms


def known(session: Session, now: datetime, status: SubscriberStatus, **fields: Any) -> Subscriber:
    confirmed = None if status is SubscriberStatus.PENDING else now
    return make_subscriber(session, now, email=ADA, status=status, confirmed_at=confirmed, **fields)


WRITTEN_TO = {  # what the owner of an address is told: at the form to subscribe, and at the form to sign in
    None: (MailKind.CONFIRM, MailKind.NO_SUBSCRIPTION),
    SubscriberStatus.PENDING: (MailKind.CONFIRM, MailKind.CONFIRM),
    SubscriberStatus.ACTIVE: (MailKind.ALREADY_SUBSCRIBED, MailKind.SIGN_IN),
    SubscriberStatus.PAUSED: (MailKind.ALREADY_SUBSCRIBED, MailKind.SIGN_IN),
    SubscriberStatus.UNSUBSCRIBED: (MailKind.CONFIRM, MailKind.SIGN_IN),
}


@pytest.mark.parametrize("status", WRITTEN_TO)
@pytest.mark.parametrize("form", [0, 1], ids=["subscribe", "sign in"])
def test_the_answer_is_the_same_for_all_and_the_letter_tells_the_truth(
    database: Database, now: datetime, status: SubscriberStatus | None, form: int
) -> None:
    with database.session() as session:
        before = known(session, now, status).model_dump() if status else None
        answer = ask_to_sign_in(session, OFFICE, "ADA@example.org ", now) if form else wish(session, now)
        assert answer is None
        assert letters(session) == [(WRITTEN_TO[status][form], ADA)]
        stored = find(session, ADA)
        assert stored.model_dump() == (before or stored.model_dump())
        assert stored.status is (status or SubscriberStatus.PENDING)


def wish(session: Session, now: datetime, text: str = "") -> None:
    return subscribe(session, OFFICE, "ADA@example.org ", text, now)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_address_on_the_list_gets_no_letter_and_is_not_stored(
    database: Database, now: datetime, is_known: bool
) -> None:
    with database.session() as session:
        if is_known:
            known(session, now, SubscriberStatus.ACTIVE)
        suppress(session, ADA, "asked never to be mailed", now)
        wish(session, now, "robots")
        ask_to_sign_in(session, OFFICE, ADA, now)
        assert letters(session) == []
        assert len(listing(session)) == is_known


def test_what_somebody_wants_to_read_is_their_first_interest(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now, "Robots that grasp\nwhat they have never seen\0 before")
        (profile,) = profiles.listing(session, find(session, ADA))
        assert profile.text == "Robots that grasp\nwhat they have never seen  before"
        assert profile.name == "Robots that grasp what they have never…"


def test_until_the_press_the_last_words_count_and_afterwards_a_stranger_s_do_not(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        for text in ("auctions", "robots", " \n"):
            wish(session, now, text)
        assert [profile.text for profile in profiles.listing(session, find(session, ADA))] == ["robots"]
        confirm(session, newest_token(session), now)
        for moment in (now + HOUR * 2, now + HOUR * 4):
            wish(session, moment, "spam")
            assert [profile.text for profile in profiles.listing(session, find(session, ADA))] == ["robots"]
            unsubscribe(session, find(session, ADA), moment)


@pytest.mark.parametrize(("email", "text"), [("ada@", ""), (ADA, "x" * 4001)])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_form_that_cannot_be_taken_is_refused_whether_or_not_the_address_is_known(
    database: Database, now: datetime, email: str, text: str, is_known: bool
) -> None:
    with database.session() as session:
        if is_known:
            known(session, now, SubscriberStatus.ACTIVE)
        with pytest.raises(InvalidRequest, match=r"not a mail address|4000 characters or fewer"):
            subscribe(session, OFFICE, email, text, now)
        assert letters(session) == []


def test_editions_are_as_long_as_the_operator_says(database: Database, now: datetime) -> None:
    with database.session() as session:
        subscribe(session, replace(OFFICE, papers=17), ADA, "", now)
        assert find(session, ADA).papers_per_edition == 17


# By the links


def test_the_press_makes_a_reader_whose_first_edition_is_due(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now, "robots")
        token = newest_token(session)
        who = confirm(session, token, now + HOUR)
        assert (who.email, who.status, who.confirmed_at) == (ADA, SubscriberStatus.ACTIVE, now + HOUR)
        assert editions.plan(session, now + HOUR) == [who.id]
        with pytest.raises(InvalidRequest, match="used already"):
            confirm(session, token, now + HOUR)


def test_the_button_for_who_only_wanted_to_sign_in_subscribes_too(database: Database, now: datetime) -> None:
    with database.session() as session:
        ask_to_sign_in(session, OFFICE, ADA, now)
        assert confirm(session, newest_token(session), now).status is SubscriberStatus.ACTIVE


def test_who_left_comes_back_by_confirming_anew(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = known(session, now - HOUR, SubscriberStatus.UNSUBSCRIBED, left_at=now - HOUR)
        wish(session, now)
        confirm(session, newest_token(session), now)
        assert (who.status, who.left_at, who.confirmed_at) == (SubscriberStatus.ACTIVE, None, now)


def test_confirming_ends_no_pause(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now)
        who = find(session, ADA)
        activate(who, now)
        schedule.pause(session, who, None, now)
        assert confirm(session, newest_token(session), now).status is SubscriberStatus.PAUSED


def test_an_address_that_is_not_to_be_mailed_any_more_cannot_be_confirmed(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now)
        suppress(session, ADA, "complaint", now)
        with pytest.raises(InvalidRequest, match="not to be mailed"):
            confirm(session, newest_token(session), now)
        assert find(session, ADA).status is SubscriberStatus.UNSUBSCRIBED


def test_who_never_asked_is_forgotten_and_never_mailed_again(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now, "robots")
        token = newest_token(session)
        refuse(session, token, now)
        assert listing(session) == []
        assert letters(session) == []
        wish(session, now)
        assert letters(session) == []
        with pytest.raises(InvalidRequest, match="not valid"):
            confirm(session, token, now)


def test_a_confirmed_reader_cannot_be_refused_by_the_letter(database: Database, now: datetime) -> None:
    with database.session() as session:
        wish(session, now)
        confirm(session, newest_token(session), now)
        with pytest.raises(InvalidRequest, match="used already"):
            refuse(session, newest_token(session), now)
        assert find(session, ADA).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("status", [status for status in WRITTEN_TO if status not in (None, SubscriberStatus.PENDING)])
def test_a_link_signs_in_and_changes_nothing(database: Database, now: datetime, status: SubscriberStatus) -> None:
    with database.session() as session:
        before = known(session, now, status).model_dump()
        ask_to_sign_in(session, OFFICE, ADA, now)
        assert sign_in(session, newest_token(session), now).model_dump() == before


# Leaving


@pytest.mark.parametrize("status", SubscriberStatus)
def test_leaving_stops_all_editions_and_writes_nothing(
    database: Database, now: datetime, status: SubscriberStatus
) -> None:
    with database.session() as session:
        who = known(session, now, status, left_at=now if status is SubscriberStatus.UNSUBSCRIBED else None)
        for moment in (now, now + HOUR):
            unsubscribe(session, who, moment)
            assert (who.status, who.left_at, who.paused_until) == (SubscriberStatus.UNSUBSCRIBED, now, None)
        assert letters(session) == []


def test_leaving_can_be_taken_back_and_the_editions_go_on(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = known(session, now, SubscriberStatus.ACTIVE, next_edition_at=now + HOUR)
        unsubscribe(session, who, now)
        for _ in range(2):
            resubscribe(session, who, now)
            assert (who.status, who.left_at) == (SubscriberStatus.ACTIVE, None)
            assert who.next_edition_at == now + HOUR


@pytest.mark.parametrize("status", [status for status in SubscriberStatus if status != SubscriberStatus.UNSUBSCRIBED])
def test_who_did_not_leave_cannot_come_back(database: Database, now: datetime, status: SubscriberStatus) -> None:
    with database.session() as session:
        who = known(session, now, status)
        resubscribe(session, who, now)
        assert who.status is status


def test_coming_back_goes_round_neither_the_press_nor_the_list(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = known(session, now, SubscriberStatus.PENDING, next_edition_at=None)
        unsubscribe(session, who, now)
        resubscribe(session, who, now)
        assert (who.status, who.left_at) == (SubscriberStatus.PENDING, None)
        suppress(session, ADA, "complaint", now)
        with pytest.raises(InvalidRequest, match="not to be mailed"):
            resubscribe(session, who, now)
        assert who.status is SubscriberStatus.UNSUBSCRIBED


def test_a_program_adds_somebody_once_and_a_letter_asks_them(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = register(session, OFFICE, Newcomer(ADA, hour=5), "mamba", now)
        assert (who.status, who.hour, letters(session)) == (SubscriberStatus.PENDING, 5, [(MailKind.CONFIRM, ADA)])
        assert [profile.text for profile in profiles.listing(session, who)] == ["mamba"]
        with pytest.raises(Taken) as taken:
            register(session, OFFICE, Newcomer("Ada@example.org", active=True), "", now)
        assert taken.value.existing == who.id
        assert confirm(session, newest_token(session), now).id == who.id


def test_a_program_that_vouches_for_somebody_spares_them_the_letter(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert register(session, OFFICE, Newcomer(ADA, active=True), " ", now).status is SubscriberStatus.ACTIVE
        assert letters(session) == []


def test_nobody_is_added_whose_letter_has_to_wait(database: Database, now: datetime) -> None:
    with pytest.raises(TransientError), database.session() as session:
        register(session, replace(OFFICE, in_all=0), Newcomer(ADA), "", now)
    with database.session(write=False) as session:
        assert listing(session) == []


def test_pages_follow_each_other(database: Database, now: datetime) -> None:
    with database.session() as session:
        made = [make_subscriber(session, now).id for _ in range(3)]
        assert [one.id for one in page(session, 0, 2)] == made[:2]
        assert [one.id for one in page(session, made[1], 2)] == made[2:]
        assert page(session, made[2], 2) == []
