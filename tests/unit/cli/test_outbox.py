"""`digest outbox`: what the operator sees and does, and what is refused in one line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from post import Post
from smtp_sink import SmtpSink

from digest.cli.main import cli
from digest.clock import utc_now
from digest.mail import pacing
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


def test_an_empty_outbox_is_told_as_one(post: Post) -> None:
    post.change_all(created_at=utc_now() - 72 * HOUR)
    assert digest("outbox", "status").stdout == "The outbox is empty.\n"


def test_the_status_tells_all_that_holds_mail_up(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_WARM_UP_START", "2000-01-01")
    with post.database.session() as session:
        pacing.close_relay(session, "it refuses us", datetime(2100, 1, 1, tzinfo=UTC))
        pacing.slow_down(session, "domain example.org", 0, utc_now())
    told = digest("outbox", "status").stdout.splitlines()
    assert told[1] == "The mail server is left alone until 2100-01-01 00:00:00 UTC: it refuses us"
    assert told[2] == "Warming up: at most 53,687,091,200 editions today."
    assert told[3] == "example.org asked for less: 60 mails a minute at present."
    assert "Mail goes out again" in digest("outbox", "resume").stdout
    assert "left alone" not in digest("outbox", "status").stdout


@pytest.mark.usefixtures("post")
def test_the_pause_is_told_as_json_too() -> None:
    digest("outbox", "pause")
    closed = json.loads(digest("outbox", "status", "--json").stdout)["closed"]
    assert (closed["name"], closed["reason"]) == ("mail", "the operator asked for it")


def test_nothing_goes_out_while_mail_is_paused(post: Post) -> None:
    outbox: Path = post.shop.data_dir / "outbox"
    assert len(post.plan(utc_now())) == 2
    assert "digest outbox resume" in digest("outbox", "pause", "--reason", "a fire drill").stdout
    assert post.plan(utc_now()) == []
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


@pytest.mark.parametrize(
    ("what", "state", "told"),
    [("retry", OutboxState.BOUNCED, "to be tried again"), ("release", OutboxState.HELD, "released")],
)
def test_a_named_recipient_may_be_written_in_any_way(post: Post, what: str, state: OutboxState, told: str) -> None:
    row = post.rows()[1]
    post.change(row.id, state=state)
    address = row.recipient.upper()
    assert digest("outbox", what, address, "--dry-run").stdout == f"1 message would be {told}.\n"
    assert post.rows()[1].state is state
    assert digest("outbox", what, address).stdout == f"1 message {told}.\n"
    assert post.rows()[1].state is OutboxState.PLANNED


def test_what_was_refused_is_not_tried_again_for_everybody(post: Post) -> None:
    post.change_all(state=OutboxState.BOUNCED)
    assert digest("outbox", "retry", "--all").stdout == "0 messages to be tried again.\n"
    assert post.states() == [OutboxState.BOUNCED] * 3


@pytest.mark.parametrize(
    "words",
    [
        *([what] for what in ("retry", "hold", "release")),
        *([what, "reader1@example.org", "--all"] for what in ("retry", "hold", "release")),
        *([what, "nobody"] for what in ("retry", "hold", "release")),
        ["hold", "--dry-run"],
    ],
)
def test_what_is_not_clear_is_refused_in_one_line(post: Post, words: list[str]) -> None:
    result = digest("outbox", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert post.states() == [OutboxState.PLANNED, OutboxState.PLANNED, OutboxState.DEFERRED]


@pytest.mark.parametrize("words", [["send"], ["hold", "a@b.org", "c@d.org"], ["status", "--all"], ["pause", "now"]])
def test_what_is_no_command_is_refused(post: Post, words: list[str]) -> None:
    result = digest("outbox", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr
    assert post.states() == [OutboxState.PLANNED, OutboxState.PLANNED, OutboxState.DEFERRED]
