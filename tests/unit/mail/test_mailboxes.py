"""A Maildir is read once, a letter at a time; what cannot be opened is told without the password."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bounced import make_certificate
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from real_servers import wait_until
from servers import find_free_port

from digest.errors import ConfigurationError, DigestError, Unreachable
from digest.mail.mailboxes import _read_account, open_mailbox
from digest.mail.reports import LONGEST


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    folder = tmp_path / "mail box"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def url(folder: Path) -> str:
    return f"maildir://{str(folder).replace(' ', '%20')}"


def contents(folder: Path) -> list[bytes]:
    with open_mailbox(url(folder)) as box:
        return [letter.content for letter in box.letters()]


def test_letters_of_a_maildir_are_those_that_nobody_has_seen(maildir: Path) -> None:
    (maildir / "new" / "1.a.host").write_bytes(b"new")
    (maildir / "cur" / "2.b.host:2,").write_bytes(b"old, not seen")
    (maildir / "cur" / "3.c.host:2,RS").write_bytes(b"seen")
    (maildir / "tmp" / "4.d.host").write_bytes(b"not there yet")
    assert contents(maildir) == [b"new", b"old, not seen"]
    assert contents(maildir) == [b"new", b"old, not seen"]


def test_a_letter_is_removed_or_left_as_seen(maildir: Path) -> None:
    for name in ("1.a.host", "2.b.host", "3.c.host"):
        (maildir / "new" / name).write_bytes(name.encode())
    (maildir / "cur" / "4.d.host:2,F").write_bytes(b"flagged")
    with open_mailbox(url(maildir)) as box:
        first, second, _, fourth = box.letters()
        box.remove(first)
        box.leave(second)
        box.leave(fourth)
        box.remove(first)
        box.leave(first)
    assert contents(maildir) == [b"3.c.host"]
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["2.b.host:2,S", "4.d.host:2,FS"]


def test_a_letter_that_somebody_else_took_is_passed_over(maildir: Path) -> None:
    for name in ("1.a.host", "2.b.host", "3.c.host"):
        (maildir / "new" / name).write_bytes(name.encode())
    with open_mailbox(url(maildir)) as box:
        letters = box.letters()
        next(letters)
        (maildir / "new" / "2.b.host").unlink()
        assert [letter.content for letter in letters] == [b"3.c.host"]


def test_only_the_beginning_of_a_huge_letter_is_read(maildir: Path) -> None:
    (maildir / "new" / "1.a.host").write_bytes(b"x" * (LONGEST + 9))
    assert [len(content) for content in contents(maildir)] == [LONGEST]


def test_a_folder_in_the_place_of_a_letter_is_told(maildir: Path) -> None:
    (maildir / "new" / "1.a.host").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        contents(maildir)


def refusal(given: str) -> DigestError:
    with pytest.raises(DigestError) as caught, open_mailbox(given):
        pass
    told = str(caught.value)
    assert "\n" not in told
    assert "hush" not in told
    assert "hush" not in repr(caught.value.__cause__)
    return caught.value


@pytest.mark.parametrize(
    "given",
    [
        "maildir:///no/such/folder",
        "maildir://host/path",
        "maildir:",
        "pop3://u:hush@127.0.0.1/",
        "imaps://",
        "imaps://u:hu/hush@host/INBOX",
        "imaps://u:hush@[::1/INBOX",
        "imaps://u:hush@127.0.0.1:99999/INBOX",
        "imaps://127.0.0.1/INBOX",
        "imaps://u@127.0.0.1/INBOX",
        "imap://u:hush%0d%0aLOGOUT@127.0.0.1/INBOX",
        "imap://u:hush@127.0.0.1/IN%0aBOX",
        "imap://ü:hush@127.0.0.1/INBOX",
        "hush",
        "",
    ],
)
def test_what_is_no_mailbox_is_told_in_a_line_without_the_password(given: str) -> None:
    assert type(refusal(given)) is ConfigurationError


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    for scheme in ("imap", "imaps"):
        told = refusal(f"{scheme}://u:hush@127.0.0.1:{find_free_port()}/INBOX")
        assert type(told) is Unreachable
        assert "127.0.0.1" in str(told)


@pytest.fixture
def talker() -> Iterator[tuple[int, list[bytes]]]:
    """A server that greets, hears one line, and hangs up."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1] at your service\r\n")
                heard.append(connection.recv(1_000))

        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join()


def test_a_server_that_hangs_up_is_unreachable(talker: tuple[int, list[bytes]]) -> None:
    assert type(refusal(f"imap://u:hush@127.0.0.1:{talker[0]}/INBOX")) is Unreachable


def test_a_server_that_speaks_no_tls_gets_no_password(talker: tuple[int, list[bytes]]) -> None:
    assert type(refusal(f"imaps://u:hush@127.0.0.1:{talker[0]}/INBOX")) is Unreachable
    wait_until(lambda: bool(talker[1]), "the server has heard us")
    assert b"hush" not in talker[1][0]


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", False), ("localhost", False), ("[::1]", False), ("mail.example.org", True), ("10.0.0.1", True)],
)
def test_a_password_goes_in_the_clear_to_this_machine_only(host: str, wanted: bool) -> None:
    assert _read_account(urlsplit(f"imap://u:hush@{host}/INBOX"), 143).start_tls is wanted
    assert not _read_account(urlsplit(f"imaps://u:hush@{host}/INBOX"), 993).start_tls


def test_an_account_is_shown_without_its_password() -> None:
    account = _read_account(urlsplit("imaps://u%40x:hu%2Fsh@mail.example.org/Bounces/New"), 993)
    assert (account.user, account.password, account.folder) == ("u@x", "hu/sh", "Bounces/New")
    assert "hu/sh" not in repr(account)
    assert "u@x" not in repr(account)


@pytest.fixture
def disguised(tmp_path: Path) -> Iterator[int]:
    """A TLS server with a certificate that nobody has signed for it."""
    key = generate_private_key(65537, 2048)
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(make_certificate(key, datetime.now(UTC)))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(disguised: int) -> None:
    told = refusal(f"imaps://u:hush@127.0.0.1:{disguised}/INBOX")
    assert type(told) is ConfigurationError
    assert str(told).startswith("The certificate of 127.0.0.1 is not valid: self")
