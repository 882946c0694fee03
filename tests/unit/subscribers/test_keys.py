"""Keys to the programming interface: shown once, kept as a hash, found by their secret alone."""

from datetime import datetime, timedelta

import pytest

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.keys import PREFIX, SCOPES, create, find, is_to_be_noted, listing, look_up, revoke

MINUTE = timedelta(minutes=1)


def test_a_key_is_found_by_its_secret_which_is_not_stored(database: Database, now: datetime) -> None:
    with database.session() as session:
        secret = create(session, " newsroom ", ["send", "read", "read"], now)
        other = create(session, "archive", ["read"], now)
    with database.session() as session:
        key = find(session, secret, now)
        assert (key.name, key.scopes, key.created_at) == ("newsroom", ["read", "send"], now)
        assert secret.startswith(PREFIX)
        assert secret.removeprefix(PREFIX) not in repr(key)
        assert [find(session, wrong, now) for wrong in ("", secret[:-1], key.digest, "\ud800")] == [None] * 4
        assert [key.name for key in listing(session)] == ["archive", "newsroom"]
        assert find(session, other, now).name == "archive"


def test_uses_are_noted_once_an_hour(database: Database, now: datetime) -> None:
    with database.session() as session:
        secret = create(session, "newsroom", ["read"], now)
        assert listing(session)[0].used_at is None
        assert find(session, secret, now).used_at == now
        assert find(session, secret, now + 59 * MINUTE).used_at == now
        assert find(session, secret, now + 60 * MINUTE).used_at == now + 60 * MINUTE


def test_a_key_that_is_revoked_opens_nothing_and_frees_its_name(database: Database, now: datetime) -> None:
    with database.session() as session:
        secret = create(session, "newsroom", ["read"], now)
        revoke(session, "newsroom")
        assert find(session, secret, now) is None
        assert create(session, "newsroom", SCOPES, now) != secret


@pytest.mark.parametrize(
    ("name", "scopes", "told"),
    [
        ("", ["read"], "1 to 80 characters"),
        ("n" * 81, ["read"], "1 to 80 characters"),
        ("two\nlines", ["read"], "on one line"),
        ("newsroom", [], "choose from read, subscribers, send"),
        ("newsroom", ["read", "everything"], "no scope “everything”"),
        ("taken", ["read"], "a key “taken” already"),
    ],
)
def test_a_key_that_cannot_be_made_stores_nothing(
    database: Database, now: datetime, name: str, scopes: list[str], told: str
) -> None:
    with database.session() as session:
        create(session, "taken", ["read"], now)
        with pytest.raises(InvalidRequest, match=told):
            create(session, name, scopes, now)
        assert len(listing(session)) == 1


def test_a_key_that_is_not_there_cannot_be_revoked(database: Database) -> None:
    with database.session() as session, pytest.raises(InvalidRequest, match="no key “newsroom”"):
        revoke(session, "newsroom")


def test_to_look_a_key_up_notes_nothing(database: Database, now: datetime) -> None:
    with database.session() as session:
        secret = create(session, "newsroom", ["read"], now)
    with database.session(write=False) as session:
        key = look_up(session, secret)
        assert key.name == "newsroom"
        assert is_to_be_noted(key, now)
        assert look_up(session, f"{secret}x") is None
    with database.session() as session:
        assert find(session, secret, now).used_at == now
    with database.session(write=False) as session:
        assert not is_to_be_noted(look_up(session, secret), now + 59 * MINUTE)
        assert is_to_be_noted(look_up(session, secret), now + 60 * MINUTE)
