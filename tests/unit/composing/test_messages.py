"""A message becomes the same clean bytes each time, whatever is in names, titles and subjects."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest import verp
from digest.composing.messages import (
    Message,
    Sender,
    compose_test,
    list_headers,
    make_message_id,
    own_headers,
    render,
    unsubscribe_mailbox,
)
from digest.composing.mime import assemble
from digest.errors import ConfigurationError
from digest.templating import shorten

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
UNSUBSCRIBE = f"<https://papers.example/unsubscribe/{'eyJzIjo3fQ' * 14}.{'s' * 27}>"
MESSAGE = Message(
    recipient=Address("Ada", addr_spec="ada@example.org"),
    subject="A study",
    text="Hello.\n",
    html="<p>Hello.</p>\n",
    date=NOW,
    message_id="<2026-05-06.0123456789abcdef0123@papers.example>",
    headers={
        "List-Id": "Paper Digest <digest.papers.example>",
        "List-Unsubscribe": UNSUBSCRIBE,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "edition:papers.example:digest",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
    },
)
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", *MESSAGE.headers}

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=200)  # what a name may hold
TITLE = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(" \n\t$\\{}<>&,;:\"'"), min_size=1)


def parse(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def lines_of(content: bytes) -> list[bytes]:
    assert content.count(b"\n") == content.count(b"\r\n")
    return content.split(b"\r\n")


def test_the_same_message_gives_the_same_bytes() -> None:
    assert assemble(SENDER, MESSAGE) == assemble(SENDER, replace(MESSAGE))


def test_two_messages_have_boundaries_of_their_own() -> None:
    other = replace(MESSAGE, message_id="<other@papers.example>")
    boundaries = {parse(assemble(SENDER, message)).get_boundary() for message in (MESSAGE, other)}
    assert len(boundaries) == 2


def test_a_mail_has_every_header_and_nothing_is_wrong_with_it() -> None:
    mail = parse(assemble(SENDER, MESSAGE))
    assert set(mail.keys()) == HEADERS
    assert [part.defects for part in mail.walk()] == [[], [], []]
    assert (mail["From"], mail["To"]) == ("Paper Digest <digest@papers.example>", "Ada <ada@example.org>")
    assert mail["Date"].datetime == NOW
    assert {name: mail[name] for name in MESSAGE.headers} == MESSAGE.headers


def test_text_comes_before_html_and_both_come_back_unchanged() -> None:
    message = replace(MESSAGE, text="-- \nÜber 100 %\n\n.dot\nFrom me\n" + "x" * 5000 + "\n", html="<p>=3D é</p>\n")
    mail = parse(assemble(SENDER, message))
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    contents = [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]
    assert contents == [message.text, message.html]


def test_the_unsubscribe_link_stands_in_its_header_as_it_is() -> None:
    head = assemble(SENDER, MESSAGE).partition(b"\r\n\r\n")[0]
    assert UNSUBSCRIBE.encode() in head
    assert MESSAGE.message_id.encode() in head


@settings(deadline=None)
@given(name=PRINTABLE, subject=TITLE, text=TITLE)
@example(name='"Ada", B. <x@y>', subject="a\r\nBcc: eve@example.org", text="\r\n.\r\n")
@example(name="Ünal, Zoë (the 2nd); " * 6, subject="é" * 300, text="y" * 2000)
def test_nothing_that_people_write_breaks_or_injects_a_header(name: str, subject: str, text: str) -> None:
    subject, *_ = render("test", {"sender_name": subject, "base_url": ""})
    recipient = Address(name, addr_spec="ada@example.org")
    content = assemble(SENDER, replace(MESSAGE, recipient=recipient, subject=subject, text=text, html=text))
    mail = parse(content)
    assert set(mail.keys()) == HEADERS
    assert [part.defects for part in mail.walk()] == [[], [], []]
    assert max(map(len, lines_of(content))) <= 998
    assert content.isascii()


@settings(deadline=None)
@given(name=PRINTABLE)
@example(name="Lovelace, Ada <eve@example.org>, " * 5)
@example(name='Ü "quoted", and more than one line of a header is long, so that it must be folded somewhere (here)')
def test_whatever_the_name_the_mail_is_for_one_address(name: str) -> None:
    mail = parse(assemble(SENDER, replace(MESSAGE, recipient=Address(name, addr_spec="ada@example.org"))))
    assert [address.addr_spec for address in mail["To"].addresses] == ["ada@example.org"]


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Zoë Ünal", "李 明", "مريم", "O'Neil, Pat", 'Joe "Jo" Doe', "a; b: c"]
)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    mail = parse(assemble(SENDER, replace(MESSAGE, recipient=Address(name, addr_spec="ada@example.org"))))
    assert mail["To"].addresses[0].display_name == name


@pytest.mark.parametrize("subject", ["A study", "Ωμέγα 机器学习 مرحبا 🚀", "$n < m$ & \\alpha", "a b " * 17 + "c"])
def test_a_subject_comes_back_as_it_was(subject: str) -> None:
    assert parse(assemble(SENDER, replace(MESSAGE, subject=subject)))["Subject"] == subject


def test_a_subject_without_a_blank_comes_back_as_it_was() -> None:
    assert parse(assemble(SENDER, replace(MESSAGE, subject="a" * 70)))["Subject"] == "a" * 70


@pytest.mark.parametrize(
    "word", ["=?utf-8?q?a=0ABcc:_eve@example.org?=", "=?utf-8?b?YQ0KQmNjOiBldmVAZXhhbXBsZS5vcmc=?="]
)
@pytest.mark.parametrize("place", ["subject", "name"])
def test_an_encoded_word_in_a_title_or_a_name_injects_no_header(word: str, place: str) -> None:
    changes = {"subject": word} if place == "subject" else {"recipient": Address(word, addr_spec="ada@example.org")}
    assert set(parse(assemble(SENDER, replace(MESSAGE, **changes))).keys()) == HEADERS


@settings(deadline=None)
@given(TITLE, st.integers(1, 50))
@example("word " * 40, 25)
@example("\n\n x", 1)
def test_an_editions_subject_is_one_line_of_at_most_seventy_characters(title: str, count: int) -> None:
    context = {"entries": [{"title": title}] * count, "weekly": count % 2 == 0, "period": "today"}
    subject = _subject("edition", context)
    assert len(subject) <= 70
    assert len(subject.splitlines()) <= 1
    assert subject == subject.strip()
    assert count == 1 or subject.endswith(f"{count - 1} more")


def _subject(name: str, context: dict[str, object]) -> str:
    from digest import templating

    raw = templating.render(f"mail/{name}.subject.txt.j2", context)
    return shorten(" ".join(raw.split()), 70)


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


@pytest.mark.parametrize("given", ["Paper Digest <digest@papers.example>", "digest@papers.example"])
def test_a_sender_may_have_a_name_or_none(given: str) -> None:
    assert replace(SENDER, mail_from=given).address.addr_spec == "digest@papers.example"


def test_a_test_message_says_where_it_comes_from() -> None:
    mail = parse(assemble(SENDER, compose_test(SENDER, "ada@example.org", NOW)))
    assert mail["Subject"] == "A test from Paper Digest"
    assert (mail["To"], mail["Auto-Submitted"]) == ("ada@example.org", "auto-generated")
    for part in mail.iter_parts():
        assert "https://papers.example" in part.get_content()


def test_mail_to_many_says_how_to_leave_by_a_page_and_by_mail() -> None:
    sender = replace(SENDER, bounce_address="bounces@papers.example", reply_to="help@papers.example")
    mailbox = unsubscribe_mailbox(sender, 7)
    headers = list_headers(sender, "https://papers.example/unsubscribe/t", mailbox)
    assert headers["List-Unsubscribe"] == f"<https://papers.example/unsubscribe/t>, <mailto:{mailbox}>"
    assert verp.read(mailbox, sender.signing_key) == verp.Token("u", 7)
    assert headers["Reply-To"] == own_headers(sender)["Reply-To"] == "help@papers.example"
    named = {"List-Id", "List-Unsubscribe-Post", "List-Help", "Feedback-ID", "Precedence", "Auto-Submitted"}
    assert named < set(headers)


def test_without_a_mailbox_no_mail_can_unsubscribe() -> None:
    assert unsubscribe_mailbox(SENDER, 7) == ""
    assert list_headers(SENDER, "https://x/u")["List-Unsubscribe"] == "<https://x/u>"
    assert own_headers(SENDER) == {"Auto-Submitted": "auto-generated"}
