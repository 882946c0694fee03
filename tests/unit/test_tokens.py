"""Signed links: bound to a purpose and a secret, the same every time, nothing else accepted."""

import re
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import InvalidRequest
from digest.tokens import Purpose, digest_of, draw, draw_key, read, sign

SECRET = "0123456789abcdef0123456789abcdef"
WHO = {"s": 12, "k": "a1b2c3d4"}
PURPOSES = get_args(Purpose)


@given(
    payload=st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none()),
    purpose=st.sampled_from(PURPOSES),
)
def test_a_token_gives_back_what_was_signed_and_is_safe_in_a_url(payload: dict[str, object], purpose: Purpose) -> None:
    token = sign(SECRET, purpose, payload)
    assert read(SECRET, purpose, token) == payload
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)


def test_the_same_payload_gives_the_same_token() -> None:
    assert sign(SECRET, "vote", WHO) == sign(SECRET, "vote", dict(WHO))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_is_good_for_its_own_purpose_alone(purpose: Purpose) -> None:
    token = sign(SECRET, purpose, WHO)
    for other in set(PURPOSES) - {purpose}:
        with pytest.raises(InvalidRequest):
            read(SECRET, other, token)


def test_a_token_of_another_installation_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(SECRET, "manage", sign(SECRET[::-1], "manage", WHO))


# The very last character carries two bits that mean nothing, so it alone may differ.
@given(place=st.integers(0, len(sign(SECRET, "vote", WHO)) - 2), letter=st.sampled_from("aZ0_-."))
def test_a_token_with_a_letter_changed_is_refused(place: int, letter: str) -> None:
    token = sign(SECRET, "vote", WHO)
    changed = token[:place] + (letter if token[place] != letter else "b") + token[place + 1 :]
    with pytest.raises(InvalidRequest):
        read(SECRET, "vote", changed)


@given(length=st.integers(0, len(sign(SECRET, "vote", WHO)) - 1))
def test_a_token_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest):
        read(SECRET, "vote", sign(SECRET, "vote", WHO)[:length])


@given(text=st.text())
def test_what_nobody_signed_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read(SECRET, "unsubscribe", text)


def test_a_token_for_a_while_is_read_within_it_only(now: datetime) -> None:
    token = sign(SECRET, "manage", {"s": 1, "until": int(now.timestamp())})
    assert read(SECRET, "manage", token, now)["s"] == 1
    for moment in (now + timedelta(seconds=1), None):
        with pytest.raises(InvalidRequest, match="no longer valid"):
            read(SECRET, "manage", token, moment)


def test_a_drawn_secret_is_safe_in_a_url_long_enough_and_never_drawn_again() -> None:
    secrets = [draw() for _ in range(200)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", secret) for secret in secrets)
    assert len({*secrets, *(draw_key() for _ in range(200))}) == 400


@given(one=st.text(st.characters(exclude_categories=())), other=st.text(st.characters(exclude_categories=())))
def test_a_hash_tells_secrets_apart_whatever_was_typed(one: str, other: str) -> None:
    assert (digest_of(one) == digest_of(other)) is (one == other)
    assert re.fullmatch("[0-9a-f]{64}", digest_of(one))
