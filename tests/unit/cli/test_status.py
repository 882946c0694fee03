"""`digest status` says first how today is, then what to do, and exits 1 when something fails."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from click.testing import CliRunner, Result
from factories import make_profile, make_subscriber

from digest.cli.main import cli
from digest.clock import utc_now
from digest.tables import Batch, Lease, Run
from digest.workshop import Workshop

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def environment(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(shop.data_dir))
    monkeypatch.setenv("DIGEST_DATABASE_URL", shop.settings.database)
    monkeypatch.setenv("DIGEST_SOURCES", "arxiv")
    yield
    structlog.reset_defaults()


def status(*words: str) -> Result:
    return CliRunner().invoke(cli, ["status", *words])


def poll(shop: Workshop, **report: object) -> None:
    now = utc_now() - HOUR
    fields = {"source": "arxiv", "moment": now, "started_at": now, "ok": not report.get("error")}
    with shop.database.session() as session:
        session.add(Run(stage="ingest", report=report, **fields))


def test_on_a_good_day_the_first_line_says_so_and_nothing_is_to_do(shop: Workshop) -> None:
    poll(shop, received=812, new=407)
    with shop.database.session() as session:
        moment = utc_now() - HOUR
        session.add(Run(stage="deliver", moment=moment, started_at=moment, ok=True, report={"sent": 36, "bounced": 1}))
        make_profile(session, make_subscriber(session, moment, next_edition_at=utc_now() + HOUR))
    result = status()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("Today is all right: 0 editions and 36 mails in 24 hours; the next")
    assert "→" not in result.stdout
    squeezed = " ".join(result.stdout.split())
    assert "arxiv 60 minutes ago 812 407" in squeezed
    assert "sent 36" in squeezed
    assert "bounced 1" in squeezed
    assert "deferred" not in squeezed
    assert "queue" not in squeezed


def test_a_failure_exits_with_one_and_says_what_to_do(shop: Workshop) -> None:
    poll(shop, new=1)
    with shop.database.session() as session:
        make_profile(session, make_subscriber(session, utc_now(), next_edition_at=utc_now() - HOUR))
    result = status()
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "Today is not all right: something needs the operator."
    assert lines[1].startswith("fail  due: 1 editions due and not made, the oldest for 60 minutes")
    assert lines[2].startswith("      → start `digest up`")


def test_a_warning_is_told_and_exits_with_nought(shop: Workshop) -> None:
    poll(shop, new=1)
    poll(shop, error="503 from the server.")
    result = status()
    assert result.exit_code == 0
    assert "warn  source arxiv: the last try failed: 503 from the server" in result.stdout


def test_the_scaled_form_shows_its_queues(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_BROKER_URL", "redis://127.0.0.1:1/0")
    poll(shop, new=1)
    now = utc_now()
    with shop.database.session() as session:
        session.add(Lease(name="tick", moment=now))
        session.add(Batch(stage="compose", moment=now - HOUR, ids=[1], woken_at=now))
    result = status()
    assert result.exit_code == 1
    assert "mail 1 0 60 minutes ago" in " ".join(result.stdout.split())
    assert "→ start `digest worker --queues mail`" in result.stdout


def test_json_holds_verdict_advice_and_facts(shop: Workshop) -> None:
    poll(shop, received=3, new=2)
    result = status("--json")
    told = json.loads(result.stdout)
    assert told["verdict"] == "Today is all right."
    assert [one["state"] for one in told["advice"]] == ["ok"]
    assert (told["health"]["sources"]["arxiv"]["new"], told["health"]["backlogs"]["due"]["count"]) == (2, 0)


def test_json_exits_with_one_as_well(shop: Workshop) -> None:
    poll(shop, error="gone")
    result = status("--json")
    assert (result.exit_code, json.loads(result.stdout)["advice"][0]["state"]) == (1, "fail")
