"""The mailbox that undeliverable mail comes back to: a Maildir folder, or one on an IMAP server.

A letter is removed only after what it says is committed, so a crash lets it be read again. A letter that nobody
understands is left for a person, marked as seen.
"""

import imaplib
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from digest.errors import ConfigurationError, Unreachable
from digest.mail.reports import LONGEST

TIMEOUT = 60.0  # seconds for one answer of the server
SCHEMES = {"imaps": 993, "imap": 143}
EXAMPLES = "maildir:///path or imaps://user:password@host/INBOX"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail not seen before, by its name in the mailbox; `content` may be cut at `reports.LONGEST` bytes."""

    name: str
    content: bytes


class Mailbox(Protocol):
    """Where letters wait."""

    def letters(self) -> Iterator[Letter]: ...

    def remove(self, letter: Letter) -> None: ...

    def leave(self, letter: Letter) -> None:
        """Mark as seen, so that it is not read again."""


@contextmanager
def open_mailbox(url: str, context: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """The mailbox at `url`; raises ConfigurationError or Unreachable in one line that never holds the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose words may be a piece of the password
        raise ConfigurationError(f"DIGEST_BOUNCE_MAILBOX is not an address: use {EXAMPLES}.") from None
    if parts.scheme == "maildir" and not parts.netloc and parts.path:
        yield _Maildir(Path(unquote(parts.path)))
        return
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ConfigurationError(f"DIGEST_BOUNCE_MAILBOX is not an address: use {EXAMPLES}.")
    account = _read_account(parts, port or SCHEMES[parts.scheme])
    with _translated(account):
        box = _Imap(account, context or ssl.create_default_context())
        try:
            yield box
        finally:
            box.close()


class _Maildir:
    """New mail lies in `new`, mail that a program has seen in `cur` with its flags behind “:2,”."""

    def __init__(self, folder: Path) -> None:
        self._new, self._cur = folder / "new", folder / "cur"
        if not self._new.is_dir() or not self._cur.is_dir():
            raise ConfigurationError(f"{folder} is not a Maildir: it has no folders `new` and `cur`.")

    def letters(self) -> Iterator[Letter]:
        paths = [path for folder in (self._new, self._cur) for path in folder.iterdir()]
        for path in sorted(paths, key=lambda path: path.name):
            if "S" in path.name.partition(":2,")[2] or path.name.startswith("."):
                continue
            with _usable(path):
                content = _read_start(path)
            if content is not None:
                yield Letter(f"{path.parent.name}/{path.name}", content)

    def remove(self, letter: Letter) -> None:
        path = self._path(letter)
        with _usable(path):
            path.unlink(missing_ok=True)

    def leave(self, letter: Letter) -> None:
        path = self._path(letter)
        name, _, flags = path.name.partition(":2,")
        with _usable(path), suppress(FileNotFoundError):
            path.rename(self._cur / f"{name}:2,{''.join(sorted({*flags, 'S'}))}")

    def _path(self, letter: Letter) -> Path:
        return self._cur.parent / letter.name


def _read_start(path: Path) -> bytes | None:
    """What is looked at of a letter; None when somebody else has moved it."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST)
    except FileNotFoundError:
        return None


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"The mail {path} cannot be used: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class _Account:
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    folder: str = "INBOX"
    tls: bool = True

    @property
    def start_tls(self) -> bool:
        """A password goes in the clear to this machine only."""
        return not self.tls and not _is_loopback(self.host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_account(parts: SplitResult, port: int) -> _Account:
    folder = unquote(parts.path.strip("/")) or "INBOX"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user or not password:
        raise ConfigurationError(f"DIGEST_BOUNCE_MAILBOX has no user or no password: use {EXAMPLES}.")
    if not all(text.isascii() and text.isprintable() for text in (user, password, folder)):
        raise ConfigurationError("DIGEST_BOUNCE_MAILBOX may hold printable ASCII only.")
    return _Account(str(parts.hostname), port, user, password, folder, tls=parts.scheme == "imaps")


def _connect(account: _Account, context: ssl.SSLContext) -> imaplib.IMAP4:
    if account.tls:
        return imaplib.IMAP4_SSL(account.host, account.port, ssl_context=context, timeout=TIMEOUT)
    return imaplib.IMAP4(account.host, account.port, timeout=TIMEOUT)


class _Imap:
    def __init__(self, account: _Account, context: ssl.SSLContext) -> None:
        self._account = account
        self._server = _connect(account, context)
        try:
            if account.start_tls:
                self._server.starttls(context)
            self._log_in()
            self._select()
            # Without UIDPLUS, EXPUNGE would take what others have marked as well.
            self._can_expunge = b"UIDPLUS" in b" ".join(self._server.capability()[1]).upper()
        except BaseException:
            with suppress(OSError):  # it may be closed already
                self._server.shutdown()
            raise

    def letters(self) -> Iterator[Letter]:
        found = self._ask("SEARCH", "UNSEEN", "UNDELETED")
        for name in (found[0] or b"").split():
            answer = self._ask("FETCH", name.decode(), f"(BODY.PEEK[]<0.{LONGEST}>)")
            content = next((part[1] for part in answer if isinstance(part, tuple)), None)
            if content is not None:  # else somebody else was quicker
                yield Letter(name.decode(), content)

    def remove(self, letter: Letter) -> None:
        """Marked as deleted, which is enough for it not to be read again, and expunged where that takes it alone."""
        self._ask("STORE", letter.name, "+FLAGS.SILENT", r"(\Deleted)")
        if self._can_expunge:
            self._ask("EXPUNGE", letter.name)

    def leave(self, letter: Letter) -> None:
        self._ask("STORE", letter.name, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        with suppress(imaplib.IMAP4.error, OSError):
            self._server.logout()

    def _log_in(self) -> None:
        account = self._account
        try:
            self._server.login(account.user, account.password)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # whose words are the server's, and may be anything
            raise ConfigurationError(
                f"{account.host} refuses the user or the password of DIGEST_BOUNCE_MAILBOX."
            ) from None

    def _select(self) -> None:
        account = self._account
        quoted = account.folder.replace("\\", "\\\\").replace('"', '\\"')
        if self._server.select(f'"{quoted}"')[0] != "OK":
            raise ConfigurationError(f"{account.host} has no folder {account.folder} that may be changed.")

    def _ask(self, command: str, *arguments: str) -> list[Any]:
        kind, answer = self._server.uid(command, *arguments)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"{command} was refused")
        return answer


@contextmanager
def _translated(account: _Account) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(f"The certificate of {account.host} is not valid: {error.verify_message}.") from error
    except (imaplib.IMAP4.error, OSError) as error:
        why = getattr(error, "strerror", None) or "the server broke off"
        raise Unreachable(f"The mailbox at {account.host}:{account.port} cannot be read: {why}.") from error
