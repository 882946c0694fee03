"""Letters: whom they reach, where their button leads, and for how long."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from digest import tokens
from digest.composing.letters import PURPOSES, VALID, Letter, compose_letter, make_row, say_duration
from digest.composing.messages import Message, Sender
from digest.errors import InvalidRequest
from digest.tables import MailKind, Subscriber

SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "1 Main St")
HOUR = timedelta(hours=1)
LETTERS = [kind for kind in MailKind if kind is not MailKind.EDITION]
KINDS = pytest.mark.parametrize("kind", LETTERS)


def write(kind: MailKind, now: datetime, **fields: Any) -> Message:
    given = {"id": 7, "email": "ada@example.org", "name": "Ada", "link_key": "k" * 16, "created_at": now}
    address = "new@example.org" if kind is MailKind.ADDRESS_CHANGE else ""
    return compose_letter(SENDER, Letter(kind, Subscriber(**(given | fields)), now, address))


def token_of(mail: Message, kind: MailKind) -> str:
    found = re.search(rf"https://papers.example/{PURPOSES[kind]}/(\S+)", mail.text)
    assert found is not None
    assert f'href="{found[0]}"' in mail.html
    return found[1]


@KINDS
def test_a_button_leads_to_a_page_for_one_person_and_one_purpose_for_a_while(kind: MailKind, now: datetime) -> None:
    token = token_of(write(kind, now), kind)
    payload = tokens.read(SENDER.signing_key, PURPOSES[kind], token, now + VALID[kind])
    assert (payload["s"], payload["k"]) == (7, "k" * 16)
    for moment in (None, now + VALID[kind] + timedelta(seconds=1)):
        with pytest.raises(InvalidRequest, match="no longer valid"):
            tokens.read(SENDER.signing_key, PURPOSES[kind], token, moment)
    with pytest.raises(InvalidRequest):
        tokens.read(SENDER.signing_key, "manage", token, now)


@KINDS
def test_a_letter_is_no_bulk_mail_and_cannot_be_unsubscribed_from(kind: MailKind, now: datetime) -> None:
    assert write(kind, now).headers == {"Auto-Submitted": "auto-generated"}


def test_a_change_of_address_goes_to_the_new_one_and_names_it(now: datetime) -> None:
    mail = write(MailKind.ADDRESS_CHANGE, now)
    assert mail.recipient.addr_spec == "new@example.org"
    payload = tokens.read(SENDER.signing_key, "address-change", token_of(mail, MailKind.ADDRESS_CHANGE), now)
    assert payload["to"] == "new@example.org"


def test_who_is_not_confirmed_writes_nothing_into_a_strangers_mail(now: datetime) -> None:
    mail = write(MailKind.CONFIRM, now, name="Buy at evil.example")
    assert "evil" not in mail.text
    assert "evil" not in mail.html


@KINDS
def test_a_letter_asked_for_again_later_is_another_one(kind: MailKind, now: datetime) -> None:
    assert write(kind, now).message_id == write(kind, now).message_id
    assert write(kind, now).message_id != write(kind, now + timedelta(seconds=1)).message_id


@KINDS
def test_a_name_is_text_and_never_markup(kind: MailKind, now: datetime) -> None:
    mail = write(kind, now, name="<script>{{ 7*7 }}</script>")
    assert "<script" not in mail.html
    assert "49" not in mail.text.partition("papers.example")[0]


@KINDS
def test_a_letters_row_says_whose_and_what(kind: MailKind, now: datetime) -> None:
    who = Subscriber(id=7, email="ada@example.org", link_key="k", created_at=now)
    letter = Letter(kind, who, now)
    row = make_row(letter, compose_letter(SENDER, letter))
    assert (row.subscriber_id, row.kind, row.edition_date, row.next_at) == (7, kind, None, now)
    assert row.recipient == "ada@example.org"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(hours=1), "an hour"),
        (timedelta(hours=5), "5 hours"),
        (timedelta(days=1), "a day"),
        (timedelta(days=7), "7 days"),
    ],
)
def test_a_span_is_said_as_people_say_it(span: timedelta, words: str) -> None:
    assert say_duration(span) == words
