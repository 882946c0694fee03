"""`digest outbox`: what the operator sees and does, and what is refused in one line."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from post import Post
from smtp_sink import SmtpSink

from digest.cli.main import cli
from digest.clock import utc_now
from digest.tables import OutboxState
from digest.workshop import Workshop

HOUR = timedelta(hours=1)


@pytest.fixture
def post(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """An installation with two mails that wait, and one that was put off."""
    for name, value in {"DATA_DIR": str(shop.data_dir), "DATABASE_URL": shop.settings.database, "SOURCES": ""}.items():
        monkeypatch.setenv(f"DIGEST_{name}", value)
    monkeypatch.setenv("DIGEST_ENCODER", "none")
    with SmtpSink() as sink:
        made = Post(shop, sink, utc_now())
        third = made.promise(3)[2]
        made.change(third, state=OutboxState.DEFERRED, next_at=utc_now() + HOUR, reply="451 4.7.1 Later", attempt=1)
        yield made
    structlog.reset_defaults()


def digest(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.mark.usefixtures("post")
def test_the_status_is_a_line_and_a_table_of_trouble() -> None:
    result = digest("outbox", "status")
    assert result.exit_code == 0
    assert result.stdout.startswith("2 planned, 1 deferred\n")
    assert "451 4.7.1 Later" in " ".join(result.stdout.split())


@pytest.mark.usefixtures("post")
def test_the_status_as_json_names_every_state() -> None:
    told = json.loads(digest("outbox", "status", "--json").stdout)
    assert told["counts"] == {state.value: 0 for state in OutboxState} | {"planned": 2, "deferred": 1}
    assert [one["state"] for one in told["troubled"]] == ["deferred"]
    assert told["closed"] is None


def test_nothing_goes_out_while_mail_is_paused(post: Post) -> None:
    outbox: Path = post.shop.data_dir / "outbox"
    assert "digest outbox resume" in digest("outbox", "pause", "--reason", "a fire drill").stdout
    assert "All mail is paused until `digest outbox resume`: a fire drill" in digest("outbox", "status").stdout
    assert digest("run").exit_code == 0
    assert not outbox.exists()
    digest("outbox", "resume")
    assert digest("run").exit_code == 0
    assert len(list(outbox.glob("*.eml"))) == 2


def test_holding_releasing_and_retrying_say_how_many(post: Post) -> None:
    assert digest("outbox", "hold", "--all", "--dry-run").stdout == "3 messages would be held.\n"
    assert post.states().count(OutboxState.HELD) == 0
    assert digest("outbox", "hold", post.rows()[0].recipient).stdout == "1 message held.\n"
    assert digest("outbox", "release", "--all").stdout == "1 message released.\n"
    assert digest("outbox", "retry", "--all").stdout == "1 message to be tried again.\n"
    assert post.states() == [OutboxState.PLANNED] * 3


@pytest.mark.parametrize("words", [["retry"], ["hold", "ada@example.org", "--all"], ["release", "nobody"]])
def test_what_is_not_clear_is_refused_in_one_line(post: Post, words: list[str]) -> None:
    result = digest("outbox", *words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert post.states() == [OutboxState.PLANNED, OutboxState.PLANNED, OutboxState.DEFERRED]
