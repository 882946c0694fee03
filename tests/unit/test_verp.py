"""Envelope addresses that name a message, and that nobody can make up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import verp
from digest.verp import Token

SECRET = "0123456789abcdef" * 2
MAILBOX = "bounces@papers.example"


@given(st.sampled_from(["m", "u"]), st.integers(0, 10**18 - 1))
def test_an_address_gives_its_token_back_in_any_case_and_amid_other_words(purpose: verp.Purpose, number: int) -> None:
    made = verp.address(MAILBOX, SECRET, Token(purpose, number))
    assert len(made.partition("@")[0]) <= 64
    assert verp.read(made, SECRET) == Token(purpose, number)
    assert verp.read(f"Delivered-To: other@example.org, <{made.upper()}>", SECRET) == Token(purpose, number)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.replace("+m12-", "+m13-"),
        lambda made: made.replace("+m12-", "+u12-"),
        lambda made: made[:-20] + "0" + made[-19:],
        lambda _made: MAILBOX,
        lambda _made: "",
        lambda made: made.replace("@", " "),
    ],
)
def test_what_was_made_up_has_no_token(change) -> None:  # type: ignore[no-untyped-def]
    assert verp.read(change(verp.address(MAILBOX, SECRET, Token("m", 12))), SECRET) is None


def test_another_installations_token_is_none_here() -> None:
    assert verp.read(verp.address(MAILBOX, "f" * 32, Token("m", 12)), SECRET) is None
