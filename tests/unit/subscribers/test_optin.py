"""Adding and finding subscribers: one spelling of an address, and nothing stored that was not checked."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digest.db import Database
from digest.errors import InvalidRequest
from digest.mail.suppression import suppress
from digest.subscribers.optin import MOST_PAPERS, Newcomer, activate, add, find, listing, parse_address
from digest.tables import Subscriber, SubscriberStatus


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
    assert stored.next_edition_at == (now if due else None)


def test_each_subscriber_has_a_key_of_their_own(database: Database, now: datetime) -> None:
    with database.session() as session:
        keys = {add(session, newcomer(email=f"reader{n}@example.org"), now).link_key for n in range(5)}
    assert len(keys) == 5


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
