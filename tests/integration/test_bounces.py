"""Bounces read from a real IMAP server (Dovecot), in the clear and over TLS, with a crash in between."""

import grp
import imaplib
import mailbox
import os
import pwd
import shutil
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bounced import envelope, facts, make_certificate, make_complaint, make_dsn, make_letter, make_sent, send_one
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr
from real_servers import Server, skip
from servers import find_free_port

from digest import returns
from digest.errors import ConfigurationError, Unreachable
from digest.mail import mailboxes
from digest.mail.mailboxes import open_mailbox
from digest.mail.reports import LONGEST
from digest.workshop import Workshop

PASSWORD = "hu/sh@ 'it'"
QUOTED = "hu%2Fsh%40%20%27it%27"
PLACES = ["INBOX", "Bounces/New"]


class Dovecot(Server):
    """An IMAP server with one user, `bounces`, whose mail lies in Maildir folders."""

    def __init__(self, program: str) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="dovecot-")))
        self._program = program
        self.tls_port = find_free_port()
        self._write_certificate()
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        inside = pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() else "nobody"
        (self.folder / "users").write_text(
            f"bounces:{{PLAIN}}{PASSWORD}:{owner.pw_uid}:{owner.pw_gid}::{self.folder}/home\n"
        )
        (self.folder / "home").mkdir()
        self.folder.chmod(0o755)
        shutil.chown(self.folder / "home", owner.pw_uid, owner.pw_gid)
        (self.folder / "dovecot.conf").write_text(self._configuration(inside))

    def command(self) -> tuple[str | Path, ...]:
        return (self._program, "-F", "-c", self.folder / "dovecot.conf")

    def answers(self) -> bool:
        with suppress(OSError, imaplib.IMAP4.error), imaplib.IMAP4("127.0.0.1", self.port, timeout=5) as server:
            return server.login("bounces", PASSWORD)[0] == "OK"
        return False

    def url(self, place: str = "INBOX", scheme: str = "imap") -> str:
        port = self.tls_port if scheme == "imaps" else self.port
        return f"{scheme}://bounces:{QUOTED}@127.0.0.1:{port}/{place}"

    def fill(self, place: str, letters: list[bytes]) -> None:
        """Leave only these letters in a folder."""
        with imaplib.IMAP4("127.0.0.1", self.port) as server:
            server.login("bounces", PASSWORD)
            with suppress(imaplib.IMAP4.error):
                server.create(place)
            if int(server.select(place)[1][0] or 0):
                server.store("1:*", "+FLAGS", r"(\Deleted)")
                server.expunge()
            for letter in letters:
                server.append(place, None, None, letter)

    def look(self, place: str) -> list[tuple[bytes, bool]]:
        """What is in a folder, each letter with whether it is seen."""
        with imaplib.IMAP4("127.0.0.1", self.port) as server:
            server.login("bounces", PASSWORD)
            count = int(server.select(place, readonly=True)[1][0] or 0)
            answer = server.fetch("1:*", "(FLAGS BODY.PEEK[])")[1] if count else []
        return [(part[1], b"\\Seen" in part[0]) for part in answer if isinstance(part, tuple)]

    def _write_certificate(self) -> None:
        key = generate_private_key(65537, 2048)
        (self.folder / "tls.pem").write_bytes(make_certificate(key, datetime.now(UTC)))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "key.pem").write_bytes(private)

    def _configuration(self, inside: str) -> str:
        return f"""
base_dir = {self.folder}/run
log_path = {self.folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {inside}
default_login_user = {inside}
default_internal_group = {self._group(inside)}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir:LAYOUT=fs
namespace inbox {{
  inbox = yes
  separator = /
}}
ssl = yes
ssl_cert = <{self.folder}/tls.pem
ssl_key = <{self.folder}/key.pem
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = {self.folder}/users
}}
userdb {{
  driver = passwd-file
  args = {self.folder}/users
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = {self.tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""

    @staticmethod
    def _group(user: str) -> str:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        skip("there is no dovecot on this machine")
    assert program is not None
    with Dovecot(program) as server:
        yield server


def use(shop: Workshop, url: str) -> None:
    shop.settings = shop.settings.model_copy(update={"bounce_mailbox": SecretStr(url)})


@pytest.mark.parametrize("place", PLACES)
def test_bounces_are_taken_from_an_imap_folder(shop: Workshop, dovecot: Dovecot, now: datetime, place: str) -> None:
    with shop.database.session() as session:
        lost, full, minds, leaves, stays = (make_sent(session, now) for _ in range(5))
    full_notice = make_dsn(envelope(full.id), full.recipient, status="5.2.2", diagnostic="smtp; 552 5.2.2 full")
    personal = make_letter("digest@papers.example", "a question")
    letters = [
        make_dsn(envelope(lost.id), lost.recipient),
        full_notice,
        full_notice,
        make_complaint("abuse@papers.example", minds.message_id),
        make_letter(envelope(leaves.subscriber_id, "u")),
        make_dsn(f"bounces+m{stays.id}-0123456789abcdef@papers.example", stays.recipient),
        personal,
    ]
    dovecot.fill(place, letters)
    use(shop, dovecot.url(place))
    told = {"suppressed": 1, "scored": 1, "repeated": 1, "complaint": 1, "unsubscribed": 1, "ignored": 1, "unknown": 1}
    assert returns.poll(shop, now) == Counter(told)
    assert dovecot.look(place) == [(personal, True)]
    states = [status for _, status in facts(shop)["subscribers"]]
    assert states == ["suppressed", "active", "unsubscribed", "unsubscribed", "active"]
    assert returns.poll(shop, now) == Counter()


def test_a_crash_between_commit_and_removal_doubles_nothing(
    shop: Workshop, dovecot: Dovecot, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send_one(shop, now)
    dovecot.fill("INBOX", [make_dsn(envelope(sent.id), sent.recipient, status="5.2.2", diagnostic="smtp; 552 full")])
    use(shop, dovecot.url())

    def crash(*_: object) -> None:
        raise Unreachable("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(mailboxes._Imap, "remove", crash)
        with pytest.raises(Unreachable):
            returns.poll(shop, now)
    assert facts(shop)["scores"] == [1.0]
    assert [seen for _, seen in dovecot.look("INBOX")] == [False]
    assert returns.poll(shop, now) == Counter(repeated=1)
    assert facts(shop)["scores"] == [1.0]
    assert dovecot.look("INBOX") == []


def test_what_others_marked_as_deleted_stays(dovecot: Dovecot) -> None:
    dovecot.fill("INBOX", [make_letter("a@papers.example"), make_letter("b@papers.example")])
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as server:
        server.login("bounces", PASSWORD)
        server.select("INBOX")
        server.store("1", "+FLAGS", r"(\Deleted)")
        server.logout()
    with open_mailbox(dovecot.url()) as box:
        [letter] = box.letters()
        assert b"b@papers.example" in letter.content
        box.remove(letter)
    assert len(dovecot.look("INBOX")) == 1


def test_a_huge_letter_is_read_in_part_only(dovecot: Dovecot) -> None:
    dovecot.fill("INBOX", [make_letter("a@papers.example") + b"x" * 70 * 1_000 + b"\r\n" + b"y\r\n" * 200_000])
    with open_mailbox(dovecot.url()) as box:
        assert [len(letter.content) for letter in box.letters()] == [LONGEST]


def test_over_tls_the_certificate_is_checked(dovecot: Dovecot) -> None:
    dovecot.fill("INBOX", [make_letter("a@papers.example")])
    with pytest.raises(ConfigurationError, match="certificate"), open_mailbox(dovecot.url(scheme="imaps")):
        pass
    trusting = ssl.create_default_context(cafile=str(dovecot.folder / "tls.pem"))
    with open_mailbox(dovecot.url(scheme="imaps"), trusting) as box:
        assert len(list(box.letters())) == 1


def test_starttls_is_used_where_it_is_wanted(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "_is_loopback", lambda _host: False)
    with pytest.raises(ConfigurationError, match="certificate"), open_mailbox(dovecot.url()):
        pass
    trusting = ssl.create_default_context(cafile=str(dovecot.folder / "tls.pem"))
    with open_mailbox(dovecot.url(), trusting) as box:
        assert len(list(box.letters())) >= 0


def test_a_wrong_password_and_a_missing_folder_are_told_in_a_line(dovecot: Dovecot) -> None:
    for url, told in (
        (dovecot.url().replace(QUOTED, "wrong-hush"), "refuses the user or the password"),
        (dovecot.url("No/Such"), "has no folder No/Such"),
    ):
        with pytest.raises(ConfigurationError, match=told) as caught, open_mailbox(url):
            pass
        assert "hush" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_maildir_as_a_mail_server_writes_it_is_read(shop: Workshop, now: datetime, tmp_path: Path) -> None:
    sent = send_one(shop, now)
    folder = mailbox.Maildir(tmp_path / "Maildir")
    folder.add(make_dsn(envelope(sent.id), sent.recipient))
    kept = folder.add(make_letter("digest@papers.example"))
    use(shop, f"maildir://{tmp_path}/Maildir")
    assert returns.poll(shop, now) == Counter(suppressed=1, unknown=1)
    assert list(folder.keys()) == [kept]
    assert folder[kept].get_flags() == "S"
    folder.close()
