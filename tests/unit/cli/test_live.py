"""`digest evaluate --live` on a data folder of its own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from factories import make_edition, make_paper, make_profile, make_subscriber

from digest.cli.main import cli
from digest.cli.shop import open_shop
from digest.clock import utc_now
from digest.tables import EditionItem, Feedback


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DIGEST_ENCODER", "none")
    yield
    structlog.reset_defaults()


def play() -> None:
    """Two readers of team drafts; each likes the standard ranker's pick."""
    now = utc_now()
    shop = open_shop()
    with shop.database.session() as session:
        for _ in range(2):
            who = make_subscriber(session, now)
            profile = make_profile(session, who)
            edition = make_edition(session, who, now - timedelta(days=3))
            for rank, ranker in ((1, "standard"), (2, "cosine")):
                paper = make_paper(session, now)
                scores = {"rank": rank, "score": 1, "relevance": 2, "reason": {}, "ranker": ranker}
                session.add(EditionItem(edition_id=edition.id, paper_id=paper.id, profile_id=profile.id, **scores))
                if rank == 1:
                    session.add(Feedback(subscriber_id=who.id, paper_id=paper.id, value=1, created_at=now))
    shop.database.dispose()


def call(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli, ["evaluate", "--live", *words])
    assert result.exit_code == status, result.output
    return result.output


def test_without_editions_it_says_so() -> None:
    assert call() == "No edition of the last 90 days counts yet (0 of the last 24 hours do not).\n"
    assert json.loads(call("--json"))["up"]["value"] is None


def test_votes_and_the_comparison_are_told_with_their_doubt() -> None:
    play()
    told = call("--days", "30")
    assert "2 editions to 2 readers in 30 days: 2 votes of 2 readers, 1.00 an edition." in told
    assert "Editions with a vote: 100 % (34 to 100). Votes for more: 100 % (34 to 100)." in told
    assert "few votes: take nothing here for settled" in told
    assert "cosine against standard: 0 editions won, 2 lost, 0 tied, by 2 readers." in told
    assert "Preference 0.00 (0.00 to 0.66); sign test over readers p = 0.500." in told
    found = json.loads(call("--json"))
    assert found["comparisons"][0]["losses"] == 2
    assert [group["name"] for group in found["by_ranker"]] == ["cosine", "standard"]


@pytest.mark.parametrize("days", ["0", "1", "many"])
def test_too_few_days_are_refused(days: str) -> None:
    assert "--days" in call("--days", days, status=2)
