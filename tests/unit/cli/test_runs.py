"""A run's reports in words, and the exit status that they deserve."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from digest.cli.runs import judge, show_reports
from digest.errors import TransientError
from digest.pipeline import StageReport
from digest.tables import Run
from digest.workshop import Workshop


def report(name: str = "rank", **fields: Any) -> StageReport:
    counts = Counter(fields.pop("counts", {}))
    return StageReport(name, counts=counts, **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "nothing to do"),
        ({"counts": {"editions": 2, "no_match": 1, "items": 0}}, "2 editions, 1 without an edition"),
        ({"failed": 3}, "3 failed"),
        ({"counts": {"sent": 4}, "stopped": "the server is gone"}, "4 sent, stopped"),
    ],
)
def test_a_stage_says_what_it_did(capsys: pytest.CaptureFixture[str], fields: dict[str, Any], words: str) -> None:
    show_reports([report("embed_papers", **fields)], as_json=False)
    out = capsys.readouterr().out
    assert "embed papers" in out
    assert words in out


def test_a_good_run_is_judged_in_silence(shop: Workshop, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    judge(shop, now, [report(counts={"editions": 1}), report()])
    assert capsys.readouterr() == ("", "")


def test_failed_items_are_status_one(shop: Workshop, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        judge(shop, now, [report(failed=1), report(failed=2)])
    assert ended.value.code == 1
    assert "3 items failed" in capsys.readouterr().err


def test_stopped_stages_are_one_error_that_names_each(shop: Workshop, now: datetime) -> None:
    stopped = {"ingest": "no network.", "rank": "no disk.", "deliver": "no disk."}
    with pytest.raises(TransientError, match=r"^ingest: no network\. rank, deliver: no disk\.$"):
        judge(shop, now, [report(name, stopped=why) for name, why in stopped.items()])


def test_a_failed_source_is_a_warning_that_names_it_and_why(
    shop: Workshop, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.database.session() as session:
        session.add(Run(moment=now, stage="ingest", source="arxiv", started_at=now, report={"error": "It is closed."}))
    judge(shop, now, [report("ingest", counts={"failed_sources": 1})])
    assert "arxiv could not be read: It is closed." in capsys.readouterr().err
