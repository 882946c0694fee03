"""What the commands on keys say, and that a listing holds no secret."""

from datetime import datetime

import pytest

from digest.cli.keys import _key, create_key
from digest.cli.main import cli
from digest.subscribers import keys
from digest.workshop import Workshop


def test_a_key_is_shown_without_its_hash(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        secret = keys.create(session, "newsroom", ["read"], now)
        before = _key(keys.listing(session)[0])
        after = _key(keys.find(session, secret, now))
    assert before == {"name": "newsroom", "scopes": ["read"], "created_at": "2026-05-06", "used_at": ""}
    assert after == before | {"used_at": "2026-05-06 09:00 UTC"}


def test_the_help_names_every_scope_as_it_is() -> None:
    told = " ".join((create_key.help or "").split())
    for scope, meaning in keys.SCOPES.items():
        assert f"{scope} {meaning}" in told


def test_a_key_is_printed_alone_on_stdout(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("digest.cli.keys.open_shop", lambda: shop)
    cli(["keys", "create", "newsroom", "--scope", "read", "--scope", "send"], standalone_mode=False)
    with shop.database.session() as session:
        found = keys.find(session, capsys.readouterr().out.strip(), now)
        assert (found.name, found.scopes) == ("newsroom", ["read", "send"])
