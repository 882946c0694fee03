"""How the trend is measured: what a morning could know, and that nothing later is known."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import InvalidRequest
from digest.evaluation import trends
from digest.evaluation.trends import PLAIN, WHOLE, Score, gather, rate, read, read_record, spearman
from digest.papers import prior, trending

FIRST = date(2026, 1, 5)
ARCHIVE = Path(__file__).resolve().parents[3] / "../shared/trending/hf_papers.jsonl.gz"


def at(day: date, hours: float) -> str:
    return (datetime.combine(day, datetime.min.time()) + timedelta(hours=hours)).isoformat() + "Z"


def tell(number: int, day: date, **fields: Any) -> dict[str, Any]:
    """A paper with votes at 3, 9 and 200 hours; every other one becomes popular."""
    few = 2 + number % 5
    final = few * (20 if number % 2 else 2)
    counts = [[at(day, 3), few, 0, None, 0, "B"], [at(day, 9), 2 * few, 0, None, 0, "A"]]
    given = {
        "title": "Agents that plan" if number % 2 else "A note on paths",
        "abstract": f"Number {number}.",
        "authors": ["Ada Able"],
        "n_authors": 1,
        "day": day.isoformat(),
        "snapshots": [*counts, [at(day, 200), final, 0, None, 0, "S"]],
    }
    return given | fields


def make_archive(days: int = 40, each: int = 10) -> list[dict[str, Any]]:
    return [tell(number, FIRST + timedelta(days=day)) for day in range(days) for number in range(each)]


def test_a_record_keeps_its_counts_in_order_and_leaves_out_what_is_not_known() -> None:
    made = read_record(
        tell(
            1,
            FIRST,
            snapshots=[
                [at(FIRST, 200), 9, 0, 0, 0, "S"],
                [at(FIRST, 3), None, 0, 0, 0, "B"],
                [at(FIRST, 5), 4, 0, 0, 0, "B"],
            ],
        )
    )
    assert [(votes, letter) for _, votes, letter in made.counts] == [(4, "B"), (9, "S")]
    assert made.final == 9
    assert made.first("B", 1, 7) == (datetime(2026, 1, 5, 5, tzinfo=UTC), 4)
    assert made.first("A", 1, 7) is None
    assert made.last(datetime(2026, 1, 6, tzinfo=UTC)) == (datetime(2026, 1, 5, 5, tzinfo=UTC), 4)
    assert read_record(tell(1, FIRST, snapshots=[])).final is None


def test_a_pool_holds_the_new_papers_and_those_of_the_listing_day_before() -> None:
    records = [read_record(told) for told in make_archive(3)]
    first, second = gather(records)  # on the first morning there are too few
    assert (first.day, second.day) == (FIRST + timedelta(days=1), FIRST + timedelta(days=2))
    assert len(second.records) == 20
    assert second.hours.tolist() == [3] * 10 + [9] * 10
    assert second.ages.tolist() == [3] * 10 + [27] * 10
    assert second.votes[:2].tolist() == [2, 3]
    assert second.finals[:2].tolist() == [4, 60]


def test_nothing_that_was_counted_later_is_known() -> None:
    records = [read_record(told) for told in make_archive(40)]
    until = datetime(2026, 2, 1, tzinfo=UTC)
    past = trends.past_of(records, until)
    assert max(past.days) == date(2026, 1, 31)
    of_last_day = [votes for day, votes in zip(past.days, past.votes, strict=True) if day == date(2026, 1, 31)]
    assert max(of_last_day) <= 12  # their final counts came a week later
    changed = [
        read_record(told | {"snapshots": [s for s in told["snapshots"] if s[0] < "2026-02-01"]})
        for told in make_archive(40)
    ]
    again = trends.past_of(changed, until)
    assert (past.votes.tolist(), past.hours.tolist()) == (again.votes.tolist(), again.hours.tolist())
    assert trends.usual_at(records, until) == trends.usual_at(changed, until)


def test_every_formula_is_measured_over_the_same_mornings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []
    real = trends.past_of
    monkeypatch.setattr(trends, "past_of", lambda records, until: (asked.append(until), real(records, until))[1])
    late = [told["snapshots"][1:] if told["day"] < "2026-02-09" else told["snapshots"] for told in make_archive(50)]
    archive = [told | {"snapshots": counts} for told, counts in zip(make_archive(50), late, strict=True)]
    records = [read_record(told) for told in archive]
    monkeypatch.setattr(prior, "FEWEST", 50)
    scores = trends.evaluate(records)
    assert [one.name for one in scores] == [*PLAIN, trends.WITHOUT, trends.BY_TEXT, WHOLE]
    assert len({len(one.ndcg) for one in scores}) == 1
    assert asked == [datetime(2026, 2, 9, tzinfo=UTC)]  # once for the month, on what was counted before it
    assert all(0 <= mean <= 1 for one in scores for mean in one.means[1:])


def test_an_archive_without_such_mornings_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no morning"):
        trends.evaluate([read_record(tell(1, FIRST))])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]\n", b'{"day": "x", "snapshots": []}', None])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "papers.jsonl.gz"
    path.write_bytes(b"no gzip" if content is None else gzip.compress(content or b"7"))
    with pytest.raises(InvalidRequest, match="is no archive of votes that can be read"):
        read(path)


def test_an_archive_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(told) for told in make_archive(2)).encode()))
    assert len(read(path)) == 20


@given(values=st.lists(st.integers(0, 50), min_size=2, max_size=30))
def test_the_truth_ranks_itself_best(values: list[int]) -> None:
    truth = np.array(values, np.float64)
    correlation, ndcg, best = rate(truth, truth)
    assert correlation == pytest.approx(1 if len(set(values)) > 1 else 0)
    assert ndcg == pytest.approx(1)
    assert best == 1
    assert rate(-truth, truth)[0] == pytest.approx(-correlation)


def test_ties_are_worth_neither_luck_nor_order() -> None:
    truth = np.array([100.0] + [0.0] * 19)
    flat = rate(np.zeros(20), truth)
    assert flat[0] == 0
    assert 0.05 < flat[1] < 0.6
    assert flat == rate(np.zeros(20), truth)


def test_spearman_by_hand() -> None:
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)
    assert spearman(np.array([1.0, 1]), np.array([1.0, 2])) == 0


def test_a_difference_is_told_with_its_error() -> None:
    low, high = (Score("", np.array(values), np.zeros(2), np.zeros(2)) for values in ([0.1, 0.2], [0.3, 0.6]))
    assert high.against(low) == "+0.300 ± 0.100"
    assert high.tell() == {"spearman": 0.45, "ndcg": 0.0, "best": 0.0}


def test_the_scorer_is_the_formula_of_the_product() -> None:
    told = {"votes": 54, "hours": 20.0, "paper": tell(1, FIRST)}
    foreseen = prior.shipped().predict([trends.work_of(told["paper"])])
    assert trends.score(told) == pytest.approx(float(trending.times_usual(54, 20.0, 25.0, foreseen)[0]))


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the archive of votes is not there")
def test_on_the_archive_of_hugging_face_it_foresees_better_than_what_others_rank_by() -> None:
    scores = {one.name: one.means for one in trends.evaluate(read(ARCHIVE))}
    correlation, ndcg, _ = scores[WHOLE]
    assert correlation >= 0.80
    assert ndcg >= 0.87
    for name in ("raw votes", "Hacker News, age now", "Hacker News, age when counted"):
        assert scores[name][0] < correlation
        assert scores[name][1] < ndcg
