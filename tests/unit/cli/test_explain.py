"""`digest explain`: a table whose columns add up, and the same numbers as JSON."""

import json
import re
from datetime import datetime

import pytest
from click.testing import CliRunner
from factories import TOPICS, like, make_paper, make_profile, make_subscriber

from digest import pipeline
from digest.cli.main import cli
from digest.workshop import Workshop

NUMBER = re.compile(r"-?\d+\.\d{4}")


@pytest.fixture(autouse=True)
def shown(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada likes robots, and her edition is on its way."""
    with shop.database.session() as session:
        papers = {topic: [make_paper(session, now, topic) for _ in range(8)] for topic in TOPICS}
        reader = make_subscriber(session, now, email="ada@example.org")
        robots = make_profile(session, reader, "robot", name="Robots", keywords=["tactile"], balance=0.25)
        like(session, robots, papers["robot"][0])
        like(session, robots, papers["galaxy"][0], -1)
    monkeypatch.setattr("digest.cli.explain.open_shop", lambda: shop)
    monkeypatch.setattr("digest.clock.utc_now", lambda: now)
    monkeypatch.setenv("COLUMNS", "160")


def explain(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli, ["explain", *words])
    assert result.exit_code == status, result.output
    return result.output


def numbers_of(told: str, line: str) -> list[float]:
    (found,) = [row for row in told.splitlines() if row.strip().startswith(line)]
    return [float(number) for number in NUMBER.findall(found)]


def test_the_columns_add_up() -> None:
    told = explain("ada@example.org", "#28")
    rows = re.findall(r"(?:closeness|contrast|lift|company)((?: +-?\d+\.\d{3}){6})$", told, re.MULTILINE)
    parts = [[*map(float, row.split())] for row in rows]
    assert len(parts) == 3 * 3  # nobody's company is known
    (total,) = numbers_of(told, "sum of the products")
    assert sum(row[-1] for row in parts) == pytest.approx(total, abs=10 * 5e-4)
    for value, mean, deviation, z, *_ in parts:
        assert value - mean == pytest.approx(z * deviation, abs=2e-3 + 1e-3 * abs(z))
    (centre,), (scale,) = numbers_of(told, "less its mean"), numbers_of(told, "divided by")
    (likeness,), (relevance,) = numbers_of(told, "likeness"), numbers_of(told, "= relevance")
    assert likeness == pytest.approx((total - centre) / scale, abs=1e-3)
    assert numbers_of(told, "+ keyword “tactile”") == [2.0]
    assert relevance == pytest.approx(likeness + 2, abs=1e-4)
    (closeness,), (trend,) = numbers_of(told, "closeness, 1"), numbers_of(told, "trend")
    assert numbers_of(told, "score, 0.75 x closeness + 0.25 x trend") == [
        pytest.approx(0.75 * closeness + 0.25 * trend, abs=2e-4)
    ]
    assert "It matches." in told
    assert "Nearest liked example: “Robot study number" in told
    assert "Lift, term by term: " in told


def test_json_has_the_same_numbers_in_full() -> None:
    data = json.loads(explain("ada@example.org", "#28", "--json"))
    (interest,) = data["interests"]
    products = [part["product"] for piece in interest["evidence"] for part in piece["parts"]]
    assert sum(products) == pytest.approx(interest["sum"]["raw"], abs=1e-6)
    standardised = (interest["sum"]["raw"] - interest["sum"]["centre"]) / interest["sum"]["scale"]
    assert standardised == pytest.approx(interest["likeness"], abs=1e-4)
    assert interest["granted"] == [{"kind": "keyword", "name": "tactile", "bonus": 2.0}]
    assert interest["matches"] is True
    assert (data["paper"]["id"], data["ranker"], data["vote"], data["limits"]) == (28, "standard", 0, [])


def test_what_was_sent_is_told(shop: Workshop, now: datetime) -> None:
    pipeline.run(shop, now)
    with shop.database.session(write=False) as session:
        from sqlmodel import select

        from digest.tables import EditionItem

        item = session.exec(select(EditionItem).where(EditionItem.rank == 1)).one()
    told = explain("ada@example.org", f"#{item.paper_id}")
    assert f"Sent on 2026-05-06 at rank 1 by “standard”: relevance {item.relevance:.4f}" in told
    assert "mail sent." in told
    assert "Not for the next edition: it was sent or voted on before." in told


def test_what_shuts_a_paper_out_is_told_and_that_it_does_not_match() -> None:
    told = explain("ada@example.org", "#25")
    assert "Shut out: it is one of its own examples." in told
    assert "It does not match." in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["eve@example.org", "#1"], "eve@example.org"),
        (["ada@example.org", "2605.99999"], "No stored paper"),
        (["ada@example.org", "#1", "--ranker", "best"], "There is no ranker"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(words: list[str], told: str) -> None:
    assert told in explain(*words, status=2)
