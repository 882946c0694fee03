"""What is printed is what was measured."""

import numpy as np

from digest.evaluation import bootstrap, metrics, report
from digest.evaluation.comparison import Outcome


def outcome(method: str, shift: int) -> Outcome:
    ranks = [np.array([1 + shift, 7 + shift + user], np.int64) for user in range(40)]
    return Outcome(method, metrics.measure(ranks), preparing=1.0, scoring=0.02)


OURS, RIVAL = outcome("digest", 0), outcome("random", 9)


def test_a_line_holds_the_means_the_interval_and_the_seconds() -> None:
    first, line, *_ = report.write([RIVAL]).splitlines()
    assert first.split("  ")[0] == "method"
    interval = bootstrap.interval(RIVAL.values["nDCG@20"])
    means = [f"{values.mean():.3f}" for values in RIVAL.values.values()]
    assert line.split() == ["random", *means, f"[{interval.low:.3f},", f"{interval.high:.3f}]", "0.5"]


def test_rivals_are_compared_user_by_user() -> None:
    text = report.write([RIVAL, OURS])
    lead = bootstrap.paired(OURS.values["nDCG@20"], RIVAL.values["nDCG@20"])
    last = text.splitlines()[-1].split()
    assert last == ["random", f"{lead.mean:+.3f}", f"[{lead.low:+.3f},", f"{lead.high:+.3f}]"]


def test_without_the_product_there_is_nobody_to_lead() -> None:
    assert report.differences([RIVAL, outcome("bm25", 3)]) == {}
    assert report.differences([OURS]) == {}
    assert "minus" not in report.write([RIVAL])


def test_columns_stand_under_each_other() -> None:
    assert report.align(("name", "x"), [("a", "1.25"), ("longer", "2")]).splitlines() == [
        "name       x",
        "a       1.25",
        "longer     2",
    ]


def test_the_data_hold_every_metric_with_its_interval_and_the_leads() -> None:
    data = report.as_data([OURS, RIVAL])
    first = data["methods"][0]
    assert (first["method"], first["users"], first["cpu_seconds_per_1000_users"]) == ("digest", 40, 0.5)
    for name, values in OURS.values.items():
        assert first[name]["low"] <= first[name]["mean"] == values.mean() <= first[name]["high"]
    assert list(data["nDCG@20 of digest minus"]) == ["random"]
