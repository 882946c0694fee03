"""The commands on what comes back: counts, lists, and one line when something is missing."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from bounced import envelope, facts, make_dsn, make_letter, send_one
from click.testing import CliRunner, Result
from factories import make_subscriber
from pydantic import SecretStr
from servers import find_free_port

from digest import log
from digest.cli.main import cli
from digest.mail.suppression import suppress
from digest.workshop import Workshop


@pytest.fixture(autouse=True)
def opened(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("digest.cli.bounces.open_shop", lambda: shop)
    log.configure("ERROR", "json")
    yield
    structlog.reset_defaults()


def call(*words: str, stdin: str = "", status: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(words), input=stdin)
    assert result.exit_code == status, result.output
    return result


def printed(*words: str) -> Any:
    return json.loads(call(*words).stdout)


def use_mailbox(shop: Workshop, url: str) -> None:
    shop.settings = shop.settings.model_copy(update={"bounce_mailbox": SecretStr(url)})


def test_a_poll_counts_what_came_of_the_letters(shop: Workshop, tmp_path: Path, now: datetime) -> None:
    sent = send_one(shop, now)
    for name in ("new", "cur"):
        (tmp_path / "returned" / name).mkdir(parents=True)
    use_mailbox(shop, f"maildir://{tmp_path}/returned")
    (tmp_path / "returned/new/1").write_bytes(make_dsn(envelope(sent.id), sent.recipient))
    (tmp_path / "returned/new/2").write_bytes(make_letter("digest@papers.example"))
    assert printed("bounces", "poll", "--json") == {"suppressed": 1, "unknown": 1}
    assert "No new mail." in call("bounces", "poll").stdout


def test_a_poll_without_a_mailbox_says_so_in_one_line(shop: Workshop) -> None:
    told = call("bounces", "poll", status=2).stderr.strip()
    assert told.startswith("digest: DIGEST_BOUNCE_MAILBOX is not set")
    assert "\n" not in told
    use_mailbox(shop, f"imap://u:hush@127.0.0.1:{find_free_port()}/INBOX")
    told = call("bounces", "poll", status=2).stderr.strip()
    assert "cannot be read" in told
    assert "\n" not in told
    assert "hush" not in told


def test_the_list_shows_addresses_of_subscribers_only(shop: Workshop, now: datetime) -> None:
    assert "No address is suppressed." in call("suppressions", "list").stdout
    with shop.database.session() as session:
        make_subscriber(session, now, email="ada@example.org")
        suppress(session, "ada@example.org", "bounced: 5.1.1", now)
        suppress(session, "bo@example.org", "by hand", now)
    told = call("suppressions", "list").stdout
    assert "ada@example.org" in told
    assert "bo@example.org" not in told
    rows = printed("suppressions", "list", "--json")
    assert [(row["address"], row["reason"], row["since"]) for row in rows] == [
        ("ada@example.org", "bounced: 5.1.1", "2026-05-06 09:00 UTC"),
        ("", "by hand", "2026-05-06 09:00 UTC"),
    ]


def test_an_address_is_added_and_removed(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, now, email="ada@example.org")
    assert (
        "ada@example.org is suppressed."
        in call("suppressions", "add", "Ada@Example.org", "--reason", "a letter").stdout
    )
    assert "suppressed already" in call("suppressions", "add", "ada@example.org").stdout
    assert facts(shop)["suppressions"] == ["a letter"]
    assert facts(shop)["subscribers"] == [(who.id, "suppressed")]
    assert "may be mailed again" in call("suppressions", "remove", "ada@example.org").stdout
    assert facts(shop)["subscribers"] == [(who.id, "active")]
    assert "not on the suppression list" in call("suppressions", "remove", "ada@example.org", status=2).stderr
    assert "is not a mail address" in call("suppressions", "add", "nobody", status=2).stderr


def test_a_list_is_imported_or_only_looked_at(shop: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("address,reason\nada@example.org,asked\nbo@example.org\n")
    assert (
        "2 addresses, 2 of them new. Nothing was added."
        in call("suppressions", "import", str(path), "--dry-run").stdout
    )
    assert facts(shop)["suppressions"] == []
    assert "2 addresses, 2 of them new." in call("suppressions", "import", str(path)).stdout
    assert facts(shop)["suppressions"] == ["asked", "imported"]
    assert "2 addresses, 0 of them new." in call("suppressions", "import", str(path)).stdout


def test_lines_that_hold_no_address_are_named_and_the_others_taken(shop: Workshop) -> None:
    result = call("suppressions", "import", "-", stdin="ada@example.org\nnobody\n\n@\n", status=1)
    assert "line 2 holds no address: nobody" in result.stderr
    assert "line 4 holds no address: @" in result.stderr
    assert facts(shop)["suppressions"] == ["imported"]
    assert "No such file" in call("suppressions", "import", "/no/such/list", status=2).stderr
