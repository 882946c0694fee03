"""Signatures that another implementation verifies, and that break when anything signed is changed."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
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
)
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from digest.composing.messages import Message, Sender, list_headers
from digest.composing.mime import assemble
from digest.composing.signing import SigningKey, canonical_body, canonical_field, load_key
from digest.errors import ConfigurationError

MOMENT = datetime(2026, 5, 6, 5, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "")


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
    headers = list_headers(SENDER, "https://papers.example/unsubscribe/token")
    text, html = "Two  spaces\tand a tab \n\n\n", "<p>Café</p>\n"
    message = Message(
        Address("Zoë", addr_spec="zoe@example.org"), "Ωμέγα", text, html, MOMENT, "<1@p.example>", headers
    )
    return assemble(SENDER, message, keys)


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


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: mail.replace(b"Two", b"Too"),
        lambda mail: mail.replace(b"Subject: ", b"Subject: x"),
        lambda mail: mail.replace(b"unsubscribe/token", b"unsubscribe/other"),
        lambda mail: mail.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        lambda mail: mail.replace(b"\r\nTo: ", b"\r\nFrom: <evil@example.org>\r\nTo: "),
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
        lambda mail: mail + b"\r\n\r\n",
    ],
)
def test_what_relays_do_to_white_space_breaks_nothing(
    mail: bytes, keys: list[SigningKey], change: Callable[[bytes], bytes]
) -> None:
    assert change(mail) != mail
    assert verify(change(mail), keys) == [True, True]


def test_from_is_signed_twice_with_both_unsubscribe_headers_and_no_length(mail: bytes) -> None:
    signature = b"".join(mail.partition(b"From:")[0].split())
    signed = signature.partition(b";h=")[2].partition(b";")[0].split(b":")
    assert signed.count(b"from") == 2
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"subject", b"date", b"message-id", b"to"} <= set(signed)
    assert b";l=" not in signature


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b =", b"  x"]), max_size=30).map(b"".join))
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
        ("one:{folder}/short", "RSA of 1024 bits"),
        ("one:{folder}/curve", "RSA of 1024 bits"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "text").write_text("hello")
    save(tmp_path / "locked", ed25519.Ed25519PrivateKey.generate(), b"secret")
    save(tmp_path / "curve", ec.generate_private_key(ec.SECP256R1()))
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "short", "768"], check=True, capture_output=True)
    with pytest.raises(ConfigurationError, match=words) as caught:
        load_key(name.format(folder=tmp_path), "papers.example")
    assert "\n" not in str(caught.value)
