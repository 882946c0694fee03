"""`digest trends`: the list with what is known, the fit on one's own history, and the measure."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from factories import make_paper
from sqlmodel import select

from digest import clock
from digest.cli.main import cli
from digest.evaluation import trends as measured
from digest.evaluation.trends import Score
from digest.papers import prior
from digest.papers.signals import note_listings
from digest.tables import Signal, TrendPrior
from digest.workshop import Workshop

HOT = {"votes": 54, "source": "huggingface", "hours": 20.0, "times": 2.9, "alone": True}


@pytest.fixture
def here(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """The shell face, on the shop of the test."""
    monkeypatch.setattr("digest.cli.trends.open_shop", lambda: shop)
    return shop


def run(*arguments: str) -> str:
    answer = CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["trends", *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_list_tells_what_was_counted_and_what_is_foreseen(here: Workshop) -> None:
    now = clock.utc_now()
    with here.database.session() as session:
        make_paper(session, now, title="Calm", categories=["cs.CL"])
        make_paper(session, now, title="Coming", trend=0.7, trend_facts={"prior": 2.4, "likely": True})
        make_paper(session, now, title="Hot", trend=0.9, trend_facts=HOT, categories=["cs.SD"])
    rows = json.loads(run("top", "--json"))
    assert [row["title"] for row in rows] == ["Hot", "Coming", "Calm"]
    assert (rows[0]["votes"], rows[0]["times usual"]) == (54, 2.9)
    assert rows[0]["note"] == "trending, no second source"
    assert (rows[1]["votes"], rows[1]["note"]) == (None, "likely to trend")
    assert rows[2]["note"] == ""
    shown = run("top")
    assert [word for word in ("54", "2.9", "Hot", "Coming", "Calm", "–") if word not in shown] == []
    assert "Calm" not in run("top", "--field", "cs.sd")
    assert "No papers then." in run("top", "--day", "2020-01-01")


@pytest.mark.usefixtures("here")
def test_a_wrong_field_is_told() -> None:
    answer = CliRunner().invoke(cli, ["trends", "top", "--field", "cs.XX"])
    assert answer.exit_code == 2
    assert "no arXiv category" in answer.output


def test_a_fit_needs_a_history_and_is_then_in_force(here: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = CliRunner().invoke(cli, ["trends", "fit"])
    assert refused.exit_code == 2
    assert "there are 0" in refused.output
    monkeypatch.setattr(prior, "FEWEST", 3)
    now = clock.utc_now()
    with here.database.session() as session:
        for number in range(4):
            paper = make_paper(session, now, announced_at=now - timedelta(days=9))
            note_listings(session, {(paper.id, "huggingface"): paper.announced_at.date()})
            session.add(Signal(paper_id=paper.id, source="huggingface", kind="votes", observed_at=now, value=number))
    assert "Fitted on 4 papers" in run("fit")
    with here.database.session(write=False) as session:
        assert len(session.exec(select(TrendPrior)).all()) == 1
        assert here.prior(session).about["from"] == "this instance"


def test_a_fit_on_an_archive_may_be_written_to_a_file(
    here: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive, written = tmp_path / "votes.gz", tmp_path / "prior.json"
    archive.write_bytes(b"")
    works = [prior.Work(f"Text {number}", [], 1) for number in range(300)]
    day = clock.utc_now().date()
    past = prior.Past(works, [day] * 300, np.ones(300), np.full(300, 20.0))
    monkeypatch.setattr(measured, "read", lambda path: [path])
    monkeypatch.setattr(measured, "past_of", lambda *_: past)
    run("fit", "--archive", str(archive), "--write", str(written))
    made = prior.Prior.from_json(written.read_text())
    assert (made.about["papers"], made.about["from"]) == (300, "votes.gz")
    with here.database.session(write=False) as session:
        assert session.exec(select(TrendPrior)).all() == []


@pytest.mark.usefixtures("here")
def test_the_measure_is_a_table_json_and_a_plot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive, plot = tmp_path / "votes.gz", tmp_path / "plot.svg"
    archive.write_bytes(b"")
    scores = [
        Score(name, np.array([mean, mean]), np.array([0.8, 0.9]), np.ones(2))
        for name, mean in (("raw votes", 0.7), ("digest", 0.8))
    ]
    monkeypatch.setattr(measured, "read", lambda _: [])
    monkeypatch.setattr(measured, "evaluate", lambda _: scores)
    shown = run("evaluate", str(archive), "--plot", str(plot))
    assert "0.800" in shown
    assert "+0.100 ± 0.000" in shown
    assert "<svg" in plot.read_text()
    told: list[dict[str, Any]] = json.loads(run("evaluate", str(archive), "--json"))
    assert told[1] == {"formula": "digest", "spearman": 0.8, "ndcg": 0.85, "best": 1.0, "pools": 2}
