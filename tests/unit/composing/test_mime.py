"""What is joined by hand parses without a defect, and to what the library makes of the same message."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, compat32, default
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.composing.messages import Message, Sender, list_headers, make_message_id
from digest.composing.mime import assemble, quote

MOMENT = datetime(2026, 5, 6, 5, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
NAMES = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
STRICT = default.clone(raise_on_defect=True)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NASTY = (
    "Plain",
    "=?utf-8?q?not_ours?=",
    "=?utf-8?q?a=0ABcc:_victim@example.org?=",
    "=?utf-8?b?YQ0KQmNjOiB2aWN0aW1AZXhhbXBsZS5vcmc=?=",
    'Quotes " and \\ and, commas; (comments) <a@b.org>',
    "Lovelace, Ada <victim@example.org>, " * 9,
    'Ü "quoted" and \\ (é), so long that it must be folded somewhere, and <a@b.org>; ' * 3,
    "\N{ZERO WIDTH NO-BREAK SPACE}\N{TAG LATIN SMALL LETTER A}\N{FAMILY}",
    "",
    "line\r\nBcc: victim@example.org",
    "Ωμέγα – 机器学习, مرحبا 🚀 " * 6,
    "\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}x",
    "x" * 990,
    "é" * 300,
    "trailing   ",
    "a\x00b\x7fc\x85d\N{LINE SEPARATOR}e",
)
BOUNDARY = f"=_{hashlib.sha256(b'<1@papers.example>').hexdigest()[:32]}"


def any_text(test: Callable[[str], None]) -> Callable[[], None]:
    """A test for any text, and for the nasty ones."""
    for text in NASTY:
        test = example(text)(test)
    return settings(deadline=None)(given(ANY)(test))


def make_message(
    subject: str = "s", name: str = "", text: str = "t\n", html: str = "<p>t</p>\n", **fields: Any
) -> Message:
    recipient = Address(name, addr_spec="ada@example.org")
    return Message(recipient, subject, text, html, MOMENT, "<1@papers.example>", fields.get("headers", {}))


def parse(content: bytes) -> EmailMessage:
    made = message_from_bytes(content, policy=STRICT)
    assert isinstance(made, EmailMessage)
    assert [header.defects for header in made.values()] == [()] * len(made)
    assert [part.defects for part in made.walk()] == [[], [], []]
    return made


def plain(text: str) -> str:
    """What a header can hold of a text: control characters are spaces, and spaces at the ends are none."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def check_form(content: bytes) -> None:
    assert content.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@any_text
def test_any_subject_comes_back(subject: str) -> None:
    content = assemble(SENDER, make_message(subject=subject))
    check_form(content)
    mail = parse(content)
    assert str(mail["Subject"]) == plain(subject)  # the library would have read what looks like an encoded word
    assert list(mail.keys()) == NAMES


@any_text
def test_any_name_comes_back_beside_its_address(name: str) -> None:
    name = re.sub(r"[\r\n]", " ", name)  # an Address has none
    content = assemble(SENDER, make_message(name=name))
    check_form(content)
    mail = parse(content)
    (address,) = mail["To"].addresses
    assert address.addr_spec == "ada@example.org"
    assert list(mail.keys()) == NAMES
    # Python's new parser leaves a space where two encoded words of a name meet, its old one does not.
    assert "".join(address.display_name.split()) == "".join(plain(name).split())
    words, spec = parseaddr(message_from_bytes(content, policy=compat32)["To"])
    assert spec == "ada@example.org"
    assert re.sub(" +", " ", str(make_header(decode_header(words)))) == re.sub(" +", " ", plain(name))


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


@settings(deadline=None)
@given(ANY, st.text("ab =.\n\t\ré", max_size=300))
@example("-- \nÜber 100 %\n\n.dot\nFrom me\n" + "x" * 5000 + "\n", "<p>=3D é</p>\n")
@example(f"--{BOUNDARY}\r\n\r\n--{BOUNDARY}--\r\n", f"\n--{BOUNDARY}\n")
def test_both_bodies_come_back_to_the_last_character(text: str, html: str) -> None:
    parts = [part.get_content() for part in parse(assemble(SENDER, make_message(text=text, html=html))).iter_parts()]
    assert [part.replace("\r\n", "\n") for part in parts] == [re.sub("\r\n?", "\n", given) for given in (text, html)]


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


@any_text
def test_no_header_of_the_message_breaks_out_of_its_line(value: str) -> None:
    content = assemble(SENDER, make_message(headers={"List-Help": value}))
    check_form(content)
    mail = parse(content)
    assert list(mail.keys()) == [*NAMES[:5], "List-Help", *NAMES[5:]]
    assert str(mail["List-Help"]) == plain(value)


@any_text
def test_encoded_words_are_no_longer_than_a_header_may_be(text: str) -> None:
    text = re.sub(r"[\r\n]", " ", text) + "é"
    head = assemble(SENDER, make_message(subject=text, name=text)).partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 76


@settings(deadline=None)
@given(ANY, ANY, ANY)
def test_the_same_message_is_the_same_bytes(subject: str, text: str, html: str) -> None:
    first, again = (assemble(SENDER, make_message(subject=subject, text=text, html=html)) for _ in range(2))
    assert first == again


def test_every_message_has_a_boundary_of_its_own() -> None:
    other = replace(make_message(), message_id="<2@papers.example>")
    boundaries = [parse(assemble(SENDER, mail)).get_boundary() for mail in (make_message(), other)]
    assert boundaries[0] == BOUNDARY != boundaries[1]


def test_a_senders_domain_in_another_script_is_written_as_mail_servers_know_it() -> None:
    sender = replace(SENDER, mail_from="Paper Digest <digest@bücher.example>")
    content = assemble(sender, replace(make_message(), message_id=make_message_id(sender, "1")))
    check_form(content)
    mail = parse(content)
    assert mail["From"].addresses[0].addr_spec == "digest@xn--bcher-kva.example"
    assert mail["Message-ID"].endswith("@xn--bcher-kva.example>")


@pytest.mark.parametrize("name", ["Päper Digest", "=?x"])
def test_the_name_of_the_list_can_be_read_whatever_the_senders(name: str) -> None:
    sender = replace(SENDER, mail_from=f"{name} <digest@papers.example>")
    content = assemble(sender, make_message(headers=list_headers(sender, "https://papers.example/u")))
    raw = message_from_bytes(content, policy=compat32)["List-Id"]
    assert raw.endswith(" <digest.papers.example>")
    assert str(make_header(decode_header(raw))) == f"{name} <digest.papers.example>"


@pytest.mark.parametrize("name", ["Päper Digest", 'The "best" papers', "Papers, daily", "机器学习", ""])
def test_any_sender_comes_back(name: str) -> None:
    sender = Sender(f'"{name.replace(chr(34), chr(92) + chr(34))}" <digest@papers.example>', "https://x", "k" * 32, "")
    (address,) = parse(assemble(sender, make_message()))["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "digest@papers.example")


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a\n.b", b"a\r\n.b"),
        ("a\n.\nb", b"a\r\n=2E\r\nb"),
        ("a \nb\t", b"a=20\r\nb=09"),
        ("a=é\n", b"a=3D=C3=A9\r\n"),
        ("a\rb\r\nc", b"a\r\nb\r\nc"),
        ("", b""),
        ("x" * 77, b"x" * 75 + b"=\r\nxx"),
    ],
)
def test_text_is_quoted(text: str, quoted: bytes) -> None:
    assert quote(text) == quoted
