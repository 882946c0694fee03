"""Records read and written."""

import pytest

from digest.errors import PermanentError
from digest.mail.findings import Key, read_tags, write_txt


def test_tags_are_read_without_blanks() -> None:
    assert read_tags("v=DKIM1; k = rsa;p=AB\r\n CD=;") == {"v": "DKIM1", "k": "rsa", "p": "ABCD="}


@pytest.mark.parametrize("text", ["v=DKIM1; nonsense", "p=a; p=b"])
def test_what_is_no_list_of_tags_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="out of place"):
        read_tags(text)


def test_a_long_text_is_published_in_strings_of_255_octets() -> None:
    line = write_txt("s._domainkey.papers.example", "p=" + "A" * 400)
    assert line == f's._domainkey.papers.example. IN TXT "p={"A" * 253}" "{"A" * 147}"'


def test_quotes_are_escaped() -> None:
    assert write_txt("a.example", 'say "x\\"') == r'a.example. IN TXT "say \"x\\\""'


def test_a_key_knows_where_it_is_published() -> None:
    assert Key("papers.example", "d1", "").name == "d1._domainkey.papers.example"
