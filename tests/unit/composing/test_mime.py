"""What is joined by hand parses without a defect, and to what the library makes of the same message."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.composing.messages import Message, Sender, list_headers
from digest.composing.mime import assemble, quote

MOMENT = datetime(2026, 5, 6, 5, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
STRICT = default.clone(raise_on_defect=True)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NASTY = (
    "Plain",
    "=?utf-8?q?not_ours?=",
    'Quotes " and \\ and, commas; (comments) <a@b.org>',
    "line\r\nBcc: victim@example.org",
    "Ωμέγα – 机器学习, مرحبا 🚀 " * 6,
    "\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}x",
    "x" * 990,
    "é" * 300,
    "trailing   ",
    "a\x00b\x7fc\x85d\N{LINE SEPARATOR}e",
)


def make_message(
    subject: str = "s", name: str = "", text: str = "t\n", html: str = "<p>t</p>\n", **fields: Any
) -> Message:
    recipient = Address(re.sub(r"[\r\n]", " ", name), addr_spec="ada@example.org")
    return Message(recipient, subject, text, html, MOMENT, "<1@papers.example>", fields.get("headers", {}))


def parse(content: bytes) -> EmailMessage:
    made = message_from_bytes(content, policy=STRICT)
    assert isinstance(made, EmailMessage)
    return made


def plain(text: str) -> str:
    """What a header can hold of a text: control characters are spaces, and spaces at the ends are none."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def check_form(content: bytes) -> None:
    assert content.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@settings(deadline=None)
@given(ANY)
@example(NASTY[2])
@pytest.mark.parametrize("given_subject", [None, *NASTY])
def test_any_subject_comes_back(given_subject: str | None, drawn: str) -> None:
    subject = drawn if given_subject is None else given_subject
    content = assemble(SENDER, make_message(subject=subject))
    check_form(content)
    assert " ".join(str(parse(content)["Subject"]).split()) == " ".join(plain(subject).split())
    assert sorted(parse(content).keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
    )


@settings(deadline=None)
@given(ANY)
@pytest.mark.parametrize("given_name", [None, *(name for name in NASTY if "\r" not in name)])
def test_any_name_comes_back_beside_its_address(given_name: str | None, drawn: str) -> None:
    name = drawn if given_name is None else given_name
    content = assemble(SENDER, make_message(name=name))
    check_form(content)
    (address,) = parse(content)["To"].addresses
    assert address.addr_spec == "ada@example.org"
    # Python's parser leaves a space where two encoded words of a name meet; spaces are all that may differ.
    assert "".join(address.display_name.split()) == "".join(plain(name).split())


@settings(deadline=None)
@given(ANY, ANY)
@example(".\r\n..\r\nFrom the start\r\n.dot", "<p>\x00</p>" + "y" * 2000)
@example("ends with spaces   \n\t\n", "=3D = =20\n")
@example("lone \r return", "a\n\n\n")
def test_both_bodies_are_what_the_library_gives_for_them(text: str, html: str) -> None:
    content = assemble(SENDER, make_message(text=text, html=html))
    check_form(content)
    library = EmailMessage(policy=SMTP)
    library.set_content(text, cte="base64")
    library.add_alternative(html, subtype="html", cte="base64")
    theirs = [part.get_content() for part in library.iter_parts()]
    ours = [part.get_content() for part in parse(content).iter_parts()]
    assert [unify(part) for part in ours] == [unify(part) for part in theirs]


def unify(text: str) -> str:
    """Line ends alike, and none at the end: a part has one more or less."""
    return re.sub(r"\r\n|\r", "\n", text).rstrip("\n")


def test_the_parts_are_text_first_and_quoted_printable() -> None:
    mail = parse(assemble(SENDER, make_message()))
    assert mail.get_content_type() == "multipart/alternative"
    kinds = [(part.get_content_type(), part["Content-Transfer-Encoding"]) for part in mail.iter_parts()]
    assert kinds == [("text/plain", "quoted-printable"), ("text/html", "quoted-printable")]


def test_headers_are_as_the_message_has_them() -> None:
    headers = list_headers(SENDER, "https://papers.example/unsubscribe/" + "t" * 300, "bounces+u1-00@papers.example")
    mail = parse(assemble(SENDER, make_message(headers=headers)))
    assert {name: str(mail[name]) for name in headers} == headers
    assert str(mail["From"]) == "Paper Digest <digest@papers.example>"
    assert mail["Date"].datetime == MOMENT
    assert mail["Message-ID"] == "<1@papers.example>"


def test_a_long_link_in_a_header_stays_one_line() -> None:
    link = f"<https://papers.example/unsubscribe/{'t' * 300}>"
    content = assemble(SENDER, make_message(headers={"List-Unsubscribe": link}))
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in content


def test_the_same_message_is_the_same_bytes() -> None:
    assert assemble(SENDER, make_message()) == assemble(SENDER, make_message())


@pytest.mark.parametrize("name", ["Päper Digest", 'The "best" papers', ""])
def test_any_sender_comes_back(name: str) -> None:
    sender = Sender(f'"{name.replace(chr(34), chr(92) + chr(34))}" <digest@papers.example>', "https://x", "k" * 32, "")
    (address,) = parse(assemble(sender, make_message()))["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "digest@papers.example")


def test_a_line_that_begins_with_a_dot_is_quoted() -> None:
    assert quote("a\n.b") == b"a\r\n=2Eb"
