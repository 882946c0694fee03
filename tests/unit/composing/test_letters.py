"""Letters: whom they reach, where their button leads, and for how long."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from digest.composing.letters import (
    LIFE,
    PAGES,
    PURPOSES,
    TO_READERS,
    Letter,
    compose_letter,
    link_to,
    make_row,
    say_duration,
)
from digest.composing.messages import Message, Sender
from digest.tables import MailKind, Subscriber

SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "1 Main St")
LETTERS = [kind for kind in MailKind if kind is not MailKind.EDITION]
ADDRESSED = (MailKind.ADDRESS_CHANGE, MailKind.ADDRESS_NOTICE)
KINDS = pytest.mark.parametrize("kind", LETTERS)
TOKEN = "a-token_of_a_link"


def write(kind: MailKind, now: datetime, token: str = TOKEN, **fields: Any) -> Message:
    given = {"id": 7, "email": "ada@example.org", "name": "Ada", "link_key": "k" * 16, "created_at": now}
    who = Subscriber(**(given | {"confirmed_at": now} | fields))
    return compose_letter(SENDER, Letter(kind, who, now, "new@example.org" if kind in ADDRESSED else ""), token)


@KINDS
def test_a_button_leads_to_the_page_of_its_purpose(kind: MailKind, now: datetime) -> None:
    mail, link = write(kind, now), link_to(SENDER, PURPOSES[kind], TOKEN)
    assert link == f"https://papers.example/{PAGES[PURPOSES[kind]]}/{TOKEN}"
    assert f"\n   {link}\n" in mail.text
    assert mail.html.count(f'href="{link}"') == 2  # the button, and the address for who sees none
    assert f">{link}</a>" in mail.html


@KINDS
def test_a_letter_says_how_long_its_link_works_and_why_it_came(kind: MailKind, now: datetime) -> None:
    text = " ".join(write(kind, now).text.split())
    assert say_duration(LIFE[PURPOSES[kind]]) in text
    assert "You get this because" in text


@KINDS
def test_who_never_asked_can_say_so_with_the_same_token(kind: MailKind, now: datetime) -> None:
    mail, refusal = write(kind, now), f"https://papers.example/not-me/{TOKEN}"
    offered = kind in (MailKind.CONFIRM, MailKind.NO_SUBSCRIPTION)
    assert (refusal in mail.text) == (f'href="{refusal}"' in mail.html) == offered


def test_every_purpose_has_a_page_of_its_own() -> None:
    assert set(PAGES) == set(LIFE) == set(PURPOSES.values())
    assert len({*PAGES.values(), "not-me"}) == len(PAGES) + 1


@KINDS
def test_a_letter_is_no_bulk_mail_and_cannot_be_unsubscribed_from(kind: MailKind, now: datetime) -> None:
    assert write(kind, now).headers == {"Auto-Submitted": "auto-generated"}


def test_a_change_of_address_asks_the_new_one_and_tells_the_old_one(now: datetime) -> None:
    ask, tell = write(MailKind.ADDRESS_CHANGE, now), write(MailKind.ADDRESS_NOTICE, now)
    assert (ask.recipient.addr_spec, tell.recipient.addr_spec) == ("new@example.org", "ada@example.org")
    for mail in (ask, tell):
        assert "new@example.org" in mail.text
        assert "ada@example.org" in mail.text


@KINDS
@pytest.mark.parametrize("confirmed", [True, False])
def test_who_is_not_confirmed_writes_nothing_into_a_strangers_mail(
    kind: MailKind, now: datetime, confirmed: bool
) -> None:
    mail = write(kind, now, name="Buy at evil", confirmed_at=now if confirmed else None)
    named = confirmed and kind in TO_READERS
    assert ("evil" in mail.text) == ("evil" in mail.html) == ("evil" in str(mail.recipient)) == named
    assert "evil" not in mail.subject


@KINDS
def test_a_letter_asked_for_again_is_another_one(kind: MailKind, now: datetime) -> None:
    assert write(kind, now).message_id == write(kind, now).message_id
    assert write(kind, now).message_id != write(kind, now, "another_token").message_id
    assert TOKEN not in write(kind, now).message_id


@KINDS
def test_a_name_is_text_and_never_markup(kind: MailKind, now: datetime) -> None:
    mail = write(kind, now, name="<script>{{ 7*7 }}</script>")
    assert "<script" not in mail.html
    assert "49" not in mail.text.partition("papers.example")[0]


@KINDS
def test_a_letters_row_says_whose_and_what(kind: MailKind, now: datetime) -> None:
    who = Subscriber(id=7, email="ada@example.org", link_key="k", created_at=now)
    letter = Letter(kind, who, now, "new@example.org")
    row = make_row(letter, compose_letter(SENDER, letter, TOKEN))
    assert (row.subscriber_id, row.kind, row.edition_date, row.next_at) == (7, kind, None, now)
    assert row.recipient == ("new@example.org" if kind is MailKind.ADDRESS_CHANGE else "ada@example.org")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=30), "30 minutes"),
        (timedelta(hours=1), "an hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=1), "24 hours"),
        (timedelta(hours=48), "48 hours"),
        (timedelta(days=7), "7 days"),
    ],
)
def test_a_span_is_said_as_people_say_it(span: timedelta, words: str) -> None:
    assert say_duration(span) == words
