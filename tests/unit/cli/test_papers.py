"""How hits are shown, and that a preview can be opened."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from factories import make_paper, make_profile, make_subscriber

from digest.cli.main import cli
from digest.cli.papers import _show
from digest.ranking.search import Hit
from digest.workshop import Workshop


@pytest.fixture
def hits(shop: Workshop, now: datetime) -> list[Hit]:
    with shop.database.session() as session:
        return [Hit(make_paper(session, now, title=f"Title {number}"), 3.14159 - number) for number in range(2)]


def test_hits_are_a_table_with_the_number_that_other_commands_take(
    hits: list[Hit], capsys: pytest.CaptureFixture[str]
) -> None:
    _show(hits, as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "Title" in line]
    assert lines == [["#1", "3.1", "Title", "0"], ["#2", "2.1", "Title", "1"]]


def test_hits_are_json_with_their_addresses(hits: list[Hit], capsys: pytest.CaptureFixture[str]) -> None:
    _show(hits, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["title"], row["relevance"]) for row in shown] == [
        (1, "Title 0", 3.142),
        (2, "Title 1", 2.142),
    ]
    assert all(row["url"].startswith("https://") for row in shown)


def test_no_hits_are_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    _show([], as_json=False)
    assert capsys.readouterr().out == "No papers found.\n"


def test_a_preview_can_be_opened(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop.database.session() as session:
        make_profile(session, make_subscriber(session, now, email="ada@example.org"))
        for topic in ["mamba", "auction", "protein", "robot", "galaxy"] * 4:
            make_paper(session, now, topic)
    opened: list[str] = []
    monkeypatch.setattr("digest.cli.papers.open_shop", lambda: shop)
    monkeypatch.setattr("digest.clock.utc_now", lambda: now)
    monkeypatch.setattr("click.launch", opened.append)
    cli(["preview", "ada@example.org", "--open"], standalone_mode=False)
    (page,) = opened
    assert "Mamba study" in Path(page).read_text()
