"""The command: a table, JSON, the curve and its plot, and one line for what cannot be."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from defusedxml import ElementTree
from public_sets import write_set

from digest.cli.main import cli


@pytest.fixture(autouse=True)
def by_hashing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGEST_ENCODER", "hashing")
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_set(tmp_path / "tiny")


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


def test_a_table_and_how_far_the_product_leads(tiny: Path) -> None:
    said = evaluate(tiny, "--method", "digest", "--method", "random")
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert lines[0] == "tiny: 5 users, 20 papers held out."
    assert [line.split()[0] for line in lines[1:4]] == ["method", "digest", "random"]
    assert "digest minus" in said.output


def test_the_same_as_json(tiny: Path) -> None:
    said = evaluate(tiny, "--method", "digest", "--users", 3, "--likes", 2, "--phrases", 3, "--json")
    data = json.loads(said.stdout)
    assert (data["dataset"], data["encoder"], data["methods"][0]["users"]) == ("tiny", "hashing", 3)
    assert data["methods"][0]["nDCG@20"]["mean"] == pytest.approx(1)


def test_nothing_but_embeddings_is_stored(tiny: Path, tmp_path: Path) -> None:
    evaluate(tiny, "--method", "random")
    assert {path.suffix for path in (tmp_path / "data").rglob("*") if path.is_file()} == {".npz"}


def test_the_cold_start_is_drawn(tiny: Path, tmp_path: Path) -> None:
    said = evaluate(tiny, "--cold-start", "--plot", tmp_path / "curve.svg", "--method", "dense-centroid")
    assert said.exit_code == 0
    assert "dense-centroid, 3 phrases" in said.output
    texts = {text.text for text in ElementTree.parse(tmp_path / "curve.svg").iter("{http://www.w3.org/2000/svg}text")}
    assert {"dense-centroid", "a sentence", "10 liked"} <= texts
    data = json.loads(evaluate(tiny, "--cold-start", "--method", "random", "--json").stdout)
    assert len(data["cold_start"]) == 10


def test_highlights_are_judged(tiny: Path) -> None:
    assert "By the other held-out papers (20 papers of 5 users)" in evaluate(tiny, "--highlight").output
    data = json.loads(evaluate(tiny, "--highlight", "--users", 2, "--json").stdout)
    assert [verdict["users"] for verdict in data["highlight"]] == [2, 2]
    assert set(data["highlight"][0]) >= {"nearer", "same", "further", "of_others", "of_all"}


def test_without_a_set_it_has_to_be_live() -> None:
    assert "Or use --live" in evaluate().stderr
    assert "No edition of the last 30 days" in evaluate("--live", "--days", 30).output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--live"], "leave out all but --days"),
        (["--days", "30"], "add it"),
        (["--highlight", "--method", "digest"], "leave out --method"),
        (["--highlight", "--cold-start"], "leave out --method"),
        (["--likes", "0"], "add --phrases or --sentence"),
        (["--sentence"], "add --likes 0"),
        (["--cold-start", "--likes", "1"], "--cold-start sets"),
        (["--plot", "x.svg"], "--cold-start"),
        (["--method", "magic"], "There is no method"),
        (["--likes", "12"], "No user of tiny likes 12 papers"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tiny: Path, arguments: list[str], told: str) -> None:
    said = evaluate(tiny, *arguments)
    assert said.exit_code == 2
    (line,) = said.stderr.splitlines()
    assert told in line


@pytest.mark.parametrize("others", [["--users", "3"], ["--highlight"], ["--method", "digest"], ["--cold-start"]])
def test_live_goes_with_nothing_that_is_about_a_set(others: list[str]) -> None:
    assert "leave out all but --days" in evaluate("--live", *others).stderr


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    said = evaluate(tmp_path / "nothing")
    assert (said.exit_code, len(said.stderr.splitlines())) == (2, 1)


def test_an_encoder_that_cannot_be_had_is_told(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.embeddings.encoder.make_encoder", lambda *_: None)
    assert "cannot be loaded" in evaluate(tiny, "--method", "dense-centroid").stderr
