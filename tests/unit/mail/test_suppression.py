"""The suppression list knows an address in any spelling and keeps none."""

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.mail.bounces import score_soft
from digest.mail.suppression import (
    count_new,
    digest_of,
    listing,
    read_list,
    remove,
    suppress,
    suppress_all,
    suppressed,
)
from digest.tables import BounceScore, Subscriber, SubscriberStatus, Suppression


@pytest.mark.parametrize("spelling", ["ada@example.org", "ADA@Example.ORG", "  ada@example.org\n"])
def test_an_address_is_found_in_any_spelling(database: Database, now: datetime, spelling: str) -> None:
    with database.session() as session:
        suppress(session, "Ada@example.org", "550 5.1.1", now)
        assert suppressed(session, [spelling, "emmy@example.org"]) == {spelling}


def test_nobody_asked_for_and_nobody_listed_is_nobody(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert suppressed(session, ["ada@example.org"]) == set()
        suppress(session, "ada@example.org", "550 5.1.1", now)
        assert suppressed(session, []) == set()


def test_the_first_reason_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        suppress(session, "ada@example.org", "first", now)
        suppress(session, "ADA@example.org", "second", now)
    with database.session() as session:
        assert [row.reason for row in session.exec(select(Suppression))] == ["first"]


def test_the_list_holds_no_address(database: Database, now: datetime) -> None:
    with database.session() as session:
        suppress(session, "ada@example.org", "550 5.1.1 " + "long " * 100, now)
    with database.session() as session:
        row = session.exec(select(Suppression)).one()
    assert "ada" not in row.address_digest
    assert len(row.reason) <= 200


@pytest.mark.parametrize(
    ("status", "reason", "then"),
    [
        (SubscriberStatus.PENDING, "bounced: 5.1.1", SubscriberStatus.SUPPRESSED),
        (SubscriberStatus.ACTIVE, "bounced: 5.1.1", SubscriberStatus.SUPPRESSED),
        (SubscriberStatus.PAUSED, "by hand", SubscriberStatus.SUPPRESSED),
        (SubscriberStatus.UNSUBSCRIBED, "bounced: 5.1.1", SubscriberStatus.UNSUBSCRIBED),
        (SubscriberStatus.ACTIVE, "complaint: spam", SubscriberStatus.UNSUBSCRIBED),
        (SubscriberStatus.SUPPRESSED, "complaint: spam", SubscriberStatus.UNSUBSCRIBED),
    ],
)
def test_a_subscriber_who_has_the_address_gets_no_more_mail(
    database: Database, now: datetime, status: SubscriberStatus, reason: str, then: SubscriberStatus
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, status=status)
        bystander = make_subscriber(session, now)
        suppress(session, who.email.upper(), reason, now)
    with database.session(write=False) as session:
        after = session.get_one(Subscriber, who.id)
        assert after.status is then
        assert (after.left_at == now) is reason.startswith("complaint")
        assert session.get_one(Subscriber, bystander.id).status is SubscriberStatus.ACTIVE


def test_the_list_shows_an_address_while_a_subscriber_has_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, email="ada@example.org")
        suppress(session, "ada@example.org", "550 5.1.1 <ada@example.org> unknown", now)
        suppress(session, "bo@example.org", "by hand", now)
        shown = [(row.address, row.reason, row.since) for row in listing(session)]
        assert shown == [("ada@example.org", "550 5.1.1 … unknown", now), ("", "by hand", now)]
        session.delete(who)
        session.flush()
        assert [row.address for row in listing(session)] == ["", ""]


@pytest.mark.parametrize(
    ("fields", "then"),
    [
        ({}, SubscriberStatus.ACTIVE),
        ({"next_edition_at": None}, SubscriberStatus.PENDING),
        ({"next_edition_at": None, "confirmed_at": datetime(2026, 5, 1, tzinfo=UTC)}, SubscriberStatus.ACTIVE),
    ],
)
def test_an_address_may_be_taken_off_the_list(
    database: Database, now: datetime, fields: dict[str, Any], then: SubscriberStatus
) -> None:
    with database.session() as session:
        who = make_subscriber(session, now, **fields)
        score_soft(session, who.email, "5.2.2", now)
        suppress(session, who.email, "550 5.1.1", now)
        remove(session, who.email.upper())
    with database.session(write=False) as session:
        assert session.get_one(Subscriber, who.id).status is then
        assert suppressed(session, [who.email]) == set()
        assert session.exec(select(BounceScore)).all() == []


def test_who_complained_is_not_subscribed_again_by_taking_the_address_off(database: Database, now: datetime) -> None:
    with database.session() as session:
        who = make_subscriber(session, now)
        suppress(session, who.email, "complaint: spam", now)
        remove(session, who.email)
    with database.session(write=False) as session:
        assert session.get_one(Subscriber, who.id).status is SubscriberStatus.UNSUBSCRIBED


def test_only_what_is_on_the_list_can_be_taken_off(database: Database, now: datetime) -> None:
    with database.session() as session:
        make_subscriber(session, now, email="ada@example.org")
        with pytest.raises(InvalidRequest, match="not on the suppression list"):
            remove(session, "ada@example.org")


def test_many_are_added_at_once_and_counted_once(database: Database, now: datetime) -> None:
    entries = [(f"reader{n}@example.org", f"reason {n}") for n in range(1_200)]
    with database.session() as session:
        make_subscriber(session, now, email="reader700@example.org")
        suppress(session, "reader5@example.org", "first", now)
        again = [*entries, ("READER6@example.org", "again")]
        assert count_new(session, again) == 1_199
        assert suppress_all(session, again, now) == 1_199
        assert suppress_all(session, entries, now) == 0
    with database.session(write=False) as session:
        reasons = {row.address_digest: row.reason for row in session.exec(select(Suppression))}
        assert session.exec(select(Subscriber.status)).all() == [SubscriberStatus.SUPPRESSED]
    assert len(reasons) == 1_200
    assert reasons[digest_of("reader5@example.org")] == "first"
    assert reasons[digest_of("reader6@example.org")] == "reason 6"


def test_a_list_is_read_line_by_line() -> None:
    lines = [
        "\ufeffemail,reason",
        "# who asked by letter",
        "Ada@Example.org",
        "bo@example.org, complained by letter",
        '"emmy@example.org","said: ""never again"""',
        "  kurt@example.org  # by telephone",
        "",
        "not an address",
        "two@example.org three@example.org",
        "@example.org",
    ]
    wanted = read_list("\n".join(lines))
    assert wanted.entries == [
        ("ada@example.org", "imported"),
        ("bo@example.org", "complained by letter"),
        ("emmy@example.org", 'said: "never again"'),
        ("kurt@example.org", "imported"),
    ]
    assert wanted.bad == [
        (8, "not an address"),
        (9, "two@example.org three@example.org"),
        (10, "@example.org"),
    ]


@given(st.text(max_size=200))
def test_any_list_can_be_read(text: str) -> None:
    wanted = read_list(text)
    assert all(address.count("@") == 1 and reason for address, reason in wanted.entries)
