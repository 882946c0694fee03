"""What is particular to the folder: file names, and writes that fail."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import Unreachable
from digest.mail.transports import Envelope, FolderTransport

CONTENT = b"Subject: Hello\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>caf\xc3\xa9</p>\r\n"


def envelope(name: str = "2026-05-06.seal-ada@example.org", content: bytes = CONTENT) -> Envelope:
    return Envelope("digest@papers.example", "ada@example.org", content, name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_gets_one_eml_and_one_html_per_message(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path / "new" / "outbox")
    transport.send(envelope("one"))
    transport.send(envelope("two"))
    assert names(transport.folder) == ["one.eml", "one.html", "two.eml", "two.html"]
    assert (transport.folder / "one.html").read_text(encoding="utf-8").strip() == "<p>café</p>"


def test_a_plain_text_mail_is_shown_as_it_is(tmp_path: Path) -> None:
    FolderTransport(tmp_path).send(envelope("one", b"Subject: x\r\n\r\nonly text\r\n"))
    assert "only text" in (tmp_path / "one.html").read_text()


def test_a_message_sent_again_replaces_itself(tmp_path: Path) -> None:
    FolderTransport(tmp_path).send(envelope())
    FolderTransport(tmp_path).send(envelope(content=CONTENT.replace(b"Hello", b"Again")))
    assert len(names(tmp_path)) == 2
    assert b"Subject: Again" in next(tmp_path.glob("*.eml")).read_bytes()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/b\\c:d*?", "a\nb\x00c", "-rf", "~root"])
def test_a_nasty_name_stays_inside_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "outbox"
    FolderTransport(folder).send(envelope(name))
    assert names(tmp_path) == ["outbox"]
    assert len(names(folder)) == 2
    assert not any(set(found) & set("/\\:*?\n\x00~ ") for found in names(folder))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_name_gives_a_safe_file(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("any") / "outbox"
    FolderTransport(folder).send(envelope(name))
    assert [path.suffix for path in sorted(folder.iterdir())] == [".eml", ".html"]
    assert names(folder.parent) == ["outbox"]


def test_the_longest_address_gives_a_file_name_that_fits(tmp_path: Path) -> None:
    address = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.org"
    FolderTransport(tmp_path).send(envelope(f"2026-05-06.{'0' * 20}-{address}"))
    assert len(names(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_unreachable_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    transport = FolderTransport(tmp_path / "file" / "outbox")
    for attempt in (lambda: transport.send(envelope()), transport.check):
        with pytest.raises(Unreachable, match=r"^The folder .*outbox cannot be written: .*\.$"):
            attempt()


def test_a_failed_write_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "one.eml").mkdir()  # which nothing can replace
    with pytest.raises(Unreachable):
        FolderTransport(tmp_path).send(envelope("one"))
    assert [name for name in names(tmp_path) if name.startswith(".")] == []
