"""Letters are limited by what the outbox holds, whoever asks and however many at once."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from factories import make_edition, make_subscriber
from mailroom import OFFICE, letters, newest_token

from digest.composing.letters import Letter
from digest.composing.messages import Sender
from digest.composing.signing import SigningKey
from digest.db import Database
from digest.mail import outbox, suppression
from digest.subscribers import links
from digest.subscribers.correspondence import has_room, write
from digest.subscribers.links import LinkState, look
from digest.subscribers.optin import ask_to_sign_in, subscribe
from digest.tables import MailKind, SubscriberStatus

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ADA = "ada@example.org"


def test_a_letter_is_promised_with_its_link(database: Database, now: datetime) -> None:
    with database.session() as session:
        ada = make_subscriber(session, now, email=ADA)
        row = write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now))
        token = newest_token(session)
        assert (row.recipient, row.kind, row.subscriber_id) == (ADA, MailKind.SIGN_IN, ada.id)
        assert row.envelope_from == "digest@papers.example"
        assert look(session, "sign-in", token, now).state is LinkState.FRESH
        assert outbox.plan(session, now) == [row.id]
        assert token not in row.message_id


def test_letters_are_signed(database: Database, now: datetime) -> None:
    key = SigningKey("s1", "papers.example", "ed25519-sha256", Ed25519PrivateKey.generate())
    with database.session() as session:
        ada = make_subscriber(session, now)
        row = write(session, replace(OFFICE, keys=[key]), Letter(MailKind.SIGN_IN, ada, now))
        assert zlib.decompress(row.content).startswith(b"DKIM-Signature:")


def test_an_address_gets_three_letters_an_hour_and_six_a_day(database: Database, now: datetime) -> None:
    with database.session() as session:
        ada = make_subscriber(session, now, email=ADA)
        sent = []
        for minute in range(0, 26 * 60, 15):
            row = write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now + minute * MINUTE))
            sent += [minute] if row else []
        assert sent == [0, 15, 30, 60, 75, 90, 1440, 1455, 1470, 1500, 1515, 1530]


def test_editions_and_letters_to_others_do_not_count(database: Database, now: datetime) -> None:
    with database.session() as session:
        ada, bob = make_subscriber(session, now, email=ADA), make_subscriber(session, now)
        make_edition(session, ada, now)
        outbox.promise(session, OFFICE.sender, [ada.id], now)
        for _ in range(3):
            assert has_room(session, OFFICE, ADA, now)
            assert write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now))
        assert not has_room(session, OFFICE, ADA, now)
        assert write(session, OFFICE, Letter(MailKind.SIGN_IN, bob, now))


def test_what_counts_is_the_mailbox_whoever_s_letter_it_is(database: Database, now: datetime) -> None:
    with database.session() as session:
        readers = [make_subscriber(session, now) for _ in range(4)]
        asked = [write(session, OFFICE, Letter(MailKind.ADDRESS_CHANGE, who, now, ADA)) for who in readers]
        assert [row is not None for row in asked] == [True, True, True, False]


def test_all_letters_together_have_a_limit(database: Database, now: datetime) -> None:
    office = replace(OFFICE, in_all=5)
    with database.session() as session:
        for number in range(8):
            subscribe(session, office, f"reader{number}@example.org", "", now)
        assert len(letters(session)) == 5
        subscribe(session, office, "late@example.org", "", now + HOUR)
        assert len(letters(session)) == 6


def test_a_letter_that_is_held_back_voids_no_link(database: Database, now: datetime) -> None:
    with database.session() as session:
        ada = make_subscriber(session, now, email=ADA)
        for _ in range(3):
            write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now))
        token = newest_token(session)
        assert write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now)) is None
        assert look(session, "sign-in", token, now).state is LinkState.FRESH


@pytest.mark.parametrize("status", SubscriberStatus)
def test_whatever_somebody_is_they_get_letters_unless_the_address_is_on_the_list(
    database: Database, now: datetime, status: SubscriberStatus
) -> None:
    with database.session() as session:
        ada = make_subscriber(session, now, email=ADA, status=status)
        assert write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now))
        suppression.suppress(session, ADA, "complaint", now)
        assert write(session, OFFICE, Letter(MailKind.SIGN_IN, ada, now)) is None
        assert write(session, OFFICE, Letter(MailKind.ADDRESS_CHANGE, ada, now, "new@example.org"))


@pytest.mark.parametrize("ask", ["subscribe", "sign in", "both"])
def test_twenty_who_ask_at_once_give_three_letters_and_one_subscriber(
    database: Database, now: datetime, ask: str
) -> None:
    def once(number: int) -> None:
        with database.session() as session:
            if ask == "subscribe" or (ask == "both" and number % 2):
                subscribe(session, OFFICE, ADA, f"interest {number}", now)
            else:
                ask_to_sign_in(session, OFFICE, ADA, now)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(once, range(20)))
    with database.session() as session:
        assert [recipient for _, recipient in letters(session)] == [ADA] * 3
        token = newest_token(session)
        assert look(session, "confirm", token, now).state is LinkState.FRESH
        assert links.use(session, "confirm", token, now)


def test_an_office_far_away_writes_with_its_own_links(database: Database, now: datetime) -> None:
    sender = Sender("Elsewhere <a@else.example>", "https://else.example", "f" * 32, "")
    with database.session() as session:
        ada = make_subscriber(session, now)
        row = write(session, replace(OFFICE, sender=sender), Letter(MailKind.SIGN_IN, ada, now))
        assert b"https://else.example/sign-in/" in zlib.decompress(row.content).replace(b"=\r\n", b"")
