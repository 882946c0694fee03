"""What a message is made of: subjects of one line, Message-IDs, the headers of mail to many."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest import templating, verp
from digest.composing.messages import (
    Sender,
    compose_test,
    isolate,
    list_headers,
    make_message_id,
    own_headers,
    render,
    unsubscribe_mailbox,
)
from digest.errors import ConfigurationError
from digest.templating import shorten

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
TITLE = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(" \n\t$\\{}<>&,;:\"'"), min_size=1)


@settings(deadline=None)
@given(TITLE, st.integers(1, 50))
@example("word " * 40, 25)
@example("\n\n x", 1)
def test_an_editions_subject_is_one_line_of_at_most_seventy_characters(title: str, count: int) -> None:
    subject = edition_subject(title, count)
    assert len(subject) <= 70
    assert len(subject.splitlines()) <= 1
    assert subject == subject.strip()
    assert count == 1 or subject.endswith(f"{count - 1} more")


def edition_subject(title: str, count: int) -> str:
    context = {"entries": [{"title": title}] * count, "weekly": count % 2 == 0, "period": "today"}
    return shorten(" ".join(templating.render("mail/edition.subject.txt.j2", context).split()), 70)


@settings(deadline=None)
@given(st.text(), st.integers(2, 60))
def test_shortening_keeps_the_beginning_and_says_that_it_cut(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [
        ("state space models", 18, "state space models"),
        ("state space models", 17, "state space…"),
        ("state, space", 9, "state…"),
        ("statespacemodels", 6, "state…"),
        ("", 5, ""),
    ],
)
def test_shortening_cuts_at_a_word(text: str, length: int, short: str) -> None:
    assert shorten(text, length) == short


def test_a_message_id_is_the_same_for_the_same_parts_and_unforeseeable() -> None:
    name = make_message_id(SENDER, "2026-05-06", 7, 3)
    assert name == make_message_id(SENDER, "2026-05-06", 7, 3)
    assert name.startswith("<2026-05-06.")
    assert name.endswith("@papers.example>")
    others = [
        make_message_id(SENDER, "2026-05-06", 7, 4),
        make_message_id(SENDER, "2026-05-06", 8, 3),
        make_message_id(replace(SENDER, signing_key="f" * 32), "2026-05-06", 7, 3),
    ]
    assert len({name, *others}) == 4


@pytest.mark.parametrize("wrong", ["", "nobody", "a@", "@papers.example", "a@b@c", "Paper Digest", "<>"])
def test_a_sender_that_is_no_address_is_named_in_one_line(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DIGEST_MAIL_FROM “.*” is not a sender: .*\.$"):
        _ = replace(SENDER, mail_from=wrong).address


def test_a_sender_of_two_lines_is_named_in_one() -> None:
    with pytest.raises(ConfigurationError, match=r"^DIGEST_MAIL_FROM"):
        _ = replace(SENDER, mail_from='"Paper\nDigest" <digest@papers.example>').address


@pytest.mark.parametrize("given", ["Paper Digest <digest@papers.example>", "digest@papers.example"])
def test_a_sender_may_have_a_name_or_none(given: str) -> None:
    assert replace(SENDER, mail_from=given).address.addr_spec == "digest@papers.example"


def test_a_test_message_says_where_it_comes_from() -> None:
    message = compose_test(SENDER, "ada@example.org", NOW)
    assert message.subject == "A test from Paper Digest"
    assert (message.recipient, message.date) == (Address(addr_spec="ada@example.org"), NOW)
    assert message.headers == own_headers(SENDER)
    assert "https://papers.example" in message.text
    assert "https://papers.example" in message.html


def test_a_test_message_is_another_at_another_moment() -> None:
    moments = (NOW, NOW, NOW + timedelta(seconds=1))
    first, again, other = (compose_test(SENDER, "ada@example.org", moment) for moment in moments)
    assert first == again
    assert first.message_id != other.message_id


def test_a_sender_without_a_name_is_called_by_its_domain() -> None:
    sender = replace(SENDER, mail_from="digest@papers.example")
    assert compose_test(sender, "ada@example.org", NOW).subject == "A test from papers.example"
    assert list_headers(sender, "https://x/u")["List-Id"] == "Paper Digest <digest.papers.example>"


@settings(deadline=None)
@given(TITLE)
@example("a\r\nBcc: eve@example.org")
def test_a_rendered_subject_is_one_line_and_the_texts_end_with_one(name: str) -> None:
    subject, text, html = render("test", {"sender_name": name, "base_url": ""})
    assert len(subject.splitlines()) <= 1
    assert len(subject) <= 70
    assert [content[-1] for content in (text, html)] == ["\n", "\n"]
    assert [content.strip() + "\n" for content in (text, html)] == [text, html]


@pytest.mark.parametrize(
    ("text", "isolated"),
    [
        ("Ada", "Ada"),
        ("مريم", "\N{FIRST STRONG ISOLATE}مريم\N{POP DIRECTIONAL ISOLATE}"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}Ada\N{POP DIRECTIONAL ISOLATE}", "Ada"),
    ],
)
def test_right_to_left_text_turns_nothing_around_it(text: str, isolated: str) -> None:
    assert isolate(text) == isolated


def test_mail_to_many_says_how_to_leave_by_a_page_and_by_mail() -> None:
    sender = replace(SENDER, bounce_address="bounces@papers.example", reply_to="help@papers.example")
    mailbox = unsubscribe_mailbox(sender, 7)
    assert mailbox != unsubscribe_mailbox(sender, 8)
    headers = list_headers(sender, "https://papers.example/unsubscribe/t", mailbox)
    assert headers["List-Unsubscribe"] == f"<https://papers.example/unsubscribe/t>, <mailto:{mailbox}>"
    assert verp.read(mailbox, sender.signing_key) == verp.Token("u", 7)
    assert headers["Reply-To"] == own_headers(sender)["Reply-To"] == "help@papers.example"
    assert {name: text for name, text in headers.items() if name not in ("Reply-To", "List-Unsubscribe")} == {
        "List-Id": "Paper Digest <digest.papers.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": "<https://papers.example/>",
        "Feedback-ID": "edition:papers.example:digest",
        "Precedence": "bulk",
        "Auto-Submitted": "auto-generated",
    }


def test_without_a_mailbox_no_mail_can_unsubscribe() -> None:
    assert unsubscribe_mailbox(SENDER, 7) == ""
    assert list_headers(SENDER, "https://x/u")["List-Unsubscribe"] == "<https://x/u>"
    assert own_headers(SENDER) == {"Auto-Submitted": "auto-generated"}
