"""Signatures that another implementation verifies, and that break when anything signed is changed."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.headerregistry import Address
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim.canonicalization import Relaxed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.composing.messages import Message, Sender, list_headers
from digest.composing.mime import assemble
from digest.composing.signing import SigningKey, canonical_body, canonical_field, load_key
from digest.errors import ConfigurationError

MOMENT = datetime(2026, 5, 6, 5, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")
MESSAGE = Message(
    recipient=Address("Zoë", addr_spec="zoe@example.org"),
    subject="Ωμέγα",
    text="Two  spaces\tand a tab \n\n\n",
    html="<p>Café</p>\n",
    date=MOMENT,
    message_id="<1@p.example>",
    headers=list_headers(SENDER, "https://papers.example/unsubscribe/token"),
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def save(path: Path, key: object, password: bytes = b"") -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))  # type: ignore[attr-defined]
    return str(path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[SigningKey]:
    folder = tmp_path_factory.mktemp("keys")
    made = {"one": rsa.generate_private_key(65537, 2048), "two": ed25519.Ed25519PrivateKey.generate()}
    return [load_key(f"{name}:{save(folder / name, key)}", "papers.example") for name, key in made.items()]


@pytest.fixture(scope="module")
def mail(keys: list[SigningKey]) -> bytes:
    return assemble(SENDER, MESSAGE, keys)


def verify(mail: bytes, keys: list[SigningKey]) -> list[bool]:
    """The verdict on each signature, by the records that the keys say are to be published."""
    records = {f"{key.selector}._domainkey.{key.domain}.".encode(): key.record.encode() for key in keys}

    def look_up(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001
        return records[name]

    checked = []
    for index in range(len(keys)):
        try:
            checked.append(bool(dkim.DKIM(mail).verify(index, dnsfunc=look_up)))
        except dkim.DKIMException:
            checked.append(False)
    return checked


def test_another_implementation_verifies_both_signatures(mail: bytes, keys: list[SigningKey]) -> None:
    assert verify(mail, keys) == [True, True]


@settings(deadline=None)
@given(ANY, ANY, ANY)
@example("é" * 300, " \n\t\n.\n", "ends with spaces   ")
@example("=?utf-8?q?x?= two  spaces", "", "\n\n\n")
def test_whatever_the_message_both_signatures_verify(
    keys: list[SigningKey], subject: str, text: str, html: str
) -> None:
    headers = list_headers(SENDER, "https://papers.example/unsubscribe/token")
    recipient = Address(subject.replace("\r", "").replace("\n", ""), addr_spec="zoe@example.org")
    message = Message(recipient, subject, text, html, MOMENT, "<1@p.example>", headers)
    assert verify(assemble(SENDER, message, keys), keys) == [True, True]


def test_the_same_message_has_the_same_signatures(mail: bytes, keys: list[SigningKey]) -> None:
    assert assemble(SENDER, MESSAGE, keys) == mail
    assert mail.endswith(assemble(SENDER, MESSAGE))
    assert mail.isascii()
    assert mail.count(b"\n") == mail.count(b"\r\n") == mail.count(b"\r")


def test_the_time_of_signing_is_the_messages_date(keys: list[SigningKey]) -> None:
    later = MOMENT + timedelta(seconds=1)
    signed = assemble(SENDER, replace(MESSAGE, date=later), keys)
    assert signed.count(f" t={int(later.timestamp())};".encode()) == len(keys)


def test_another_keys_record_verifies_nothing(mail: bytes, keys: list[SigningKey]) -> None:
    strangers = [replace(keys[0], key=rsa.generate_private_key(65537, 2048)), keys[1]]
    assert verify(mail, strangers) == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: mail.replace(b"Two", b"Too"),
        lambda mail: mail.replace(b"Subject: ", b"Subject: x"),
        lambda mail: mail.replace(b"unsubscribe/token", b"unsubscribe/other"),
        lambda mail: mail.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        lambda mail: mail.replace(b"\r\nTo: ", b"\r\nFrom: <evil@example.org>\r\nTo: "),
        lambda mail: b"From: <evil@example.org>\r\n" + mail,
        lambda mail: mail.replace(b"\r\nFrom: Paper Digest", b"\r\nFrom: Paper Digests"),
        lambda mail: mail.replace(b"One-Click", b"Two-Clicks"),
        lambda mail: mail.replace(b"zoe@", b"joe@"),
        lambda mail: mail.replace(b"\r\nDate: Wed, 06", b"\r\nDate: Thu, 07"),
        lambda mail: mail + b"more\r\n",
    ],
)
def test_what_is_changed_on_the_way_is_noticed(
    mail: bytes, keys: list[SigningKey], change: Callable[[bytes], bytes]
) -> None:
    assert change(mail) != mail
    assert verify(change(mail), keys) == [False, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: mail.replace(b"List-Help: ", b"List-Help:  \t"),
        lambda mail: mail.replace(b"Precedence: ", b"precedence: "),
        lambda mail: mail.replace(b"\r\nPrecedence: bulk", b"\r\nPrecedence:\r\n bulk \t"),
        lambda mail: mail.replace(b"Two  spaces", b"Two \t  spaces"),
        lambda mail: mail.replace(b"</p>\r\n", b"</p> \t\r\n"),
        lambda mail: b"Received: from somewhere\r\n" + mail,
        lambda mail: mail + b"\r\n\r\n",
    ],
)
def test_what_relays_do_to_white_space_breaks_nothing(
    mail: bytes, keys: list[SigningKey], change: Callable[[bytes], bytes]
) -> None:
    assert change(mail) != mail
    assert verify(change(mail), keys) == [True, True]


def test_each_signature_is_over_all_headers_and_from_twice_without_a_length(mail: bytes) -> None:
    parsed = message_from_bytes(mail)
    ours = [name.lower() for name in parsed if name != "DKIM-Signature"]
    assert {"list-unsubscribe", "list-unsubscribe-post", "subject", "date", "message-id", "to"} < set(ours)
    for algorithm, signature in zip(
        ("rsa-sha256", "ed25519-sha256"), parsed.get_all("DKIM-Signature", []), strict=True
    ):
        tags = dict(tag.split("=", 1) for tag in "".join(signature.split()).split(";"))
        assert sorted(tags["h"].split(":")) == sorted([*ours, "from"])
        assert "l" not in tags
        assert (tags["a"], tags["c"], tags["d"]) == (algorithm, "relaxed/relaxed", "papers.example")


@settings(deadline=None)
@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b" \r\n", b"a", b"b =", b"  x"]), max_size=30).map(b"".join))
@example(b"")
@example(b" \t\r\n \r\n")
@example(b"a" + b" " * 1000 + b"\t\r\n\r\nb \r\n")
def test_canonical_forms_are_those_of_another_implementation(text: bytes) -> None:
    assert canonical_body(text) == Relaxed.canonicalize_body(text)
    value = b" ".join(text.split()) + b"  x\t y\r\n z"
    ((name, theirs),) = Relaxed.canonicalize_headers([(b"Subject", value)])
    assert canonical_field("Subject", value) + b"\r\n" == name + b":" + theirs


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "write selector:path"),
        (":path", "write selector:path"),
        ("a b:path", "write selector:path"),
        ("one:/nowhere/key.pem", "cannot be read"),
        ("one:{folder}/text", "no PEM private key"),
        ("one:{folder}/locked", "no PEM private key"),
        ("one:", "write selector:path"),
        ("-:path", "write selector:path"),
        (f"{'a' * 64}:path", "write selector:path"),
        ("one:{folder}", "cannot be read"),
        ("one:{folder}/empty", "no PEM private key"),
        ("one:{folder}/public", "no PEM private key"),
        ("one:{folder}/short512", "RSA of 1024 bits"),
        ("one:{folder}/short768", "RSA of 1024 bits"),
        ("one:{folder}/curve", "RSA of 1024 bits"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    (tmp_path / "public").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    save(tmp_path / "locked", ed25519.Ed25519PrivateKey.generate(), b"secret")
    save(tmp_path / "curve", ec.generate_private_key(ec.SECP256R1()))
    for bits in ("512", "768"):  # `cryptography` makes none that short
        subprocess.run(["openssl", "genrsa", "-out", tmp_path / f"short{bits}", bits], check=True, capture_output=True)
    with pytest.raises(ConfigurationError, match=words) as caught:
        load_key(name.format(folder=tmp_path), "papers.example")
    assert len(str(caught.value).splitlines()) == 1
    path = name.format(folder=tmp_path).partition(":")[2]
    assert ("DIGEST_DKIM_KEYS" if "selector" in words else path) in str(caught.value)


def test_a_key_is_known_by_its_selector_and_published_by_its_public_half(keys: list[SigningKey]) -> None:
    assert [(key.selector, key.domain, key.algorithm) for key in keys] == [
        ("one", "papers.example", "rsa-sha256"),
        ("two", "papers.example", "ed25519-sha256"),
    ]
    starts = ("v=DKIM1; k=rsa; p=MII", "v=DKIM1; k=ed25519; p=")
    assert [key.record.startswith(start) for key, start in zip(keys, starts, strict=True)] == [True, True]


def test_the_key_may_lie_where_a_colon_is_in_the_path(tmp_path: Path) -> None:
    path = save(tmp_path / "a:b", ed25519.Ed25519PrivateKey.generate())
    assert load_key(f"digest1.mail:{path}", "papers.example").selector == "digest1.mail"
