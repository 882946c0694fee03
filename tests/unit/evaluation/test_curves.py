"""The cold-start curves: the same users at every step, and what each step measures."""

from pathlib import Path

import pytest
from public_sets import open_tiny, quiet

from digest.evaluation import bootstrap, curves
from digest.evaluation.conditions import Conditions
from digest.evaluation.curves import Curve
from digest.evaluation.methods.registry import find_methods


@pytest.fixture
def drawn(tmp_path: Path) -> list[Curve]:
    return curves.draw(open_tiny(tmp_path), find_methods(["random", "dense-centroid"]), None, quiet)


def test_each_step_is_what_a_comparison_under_its_conditions_gives(tmp_path: Path, drawn: list[Curve]) -> None:
    assert [(curve.method, curve.phrases) for curve in drawn] == [
        ("random", 0),
        ("random", 3),
        ("dense-centroid", 0),
        ("dense-centroid", 3),
    ]
    bench, dense = open_tiny(tmp_path), find_methods(["dense-centroid"])
    for place, under in ((0, Conditions(likes=0, phrases=3, sentence=True)), (4, Conditions(likes=10, phrases=3))):
        (outcome,) = bench.compare(under, dense, quiet)
        assert drawn[3].values[place] == bootstrap.interval(outcome.values["nDCG@20"])


def test_chance_learns_nothing(drawn: list[Curve]) -> None:
    assert len({value.mean for value in drawn[0].values}) == 1
    assert min(value.mean for value in drawn[2].values) > drawn[0].values[0].mean


def test_it_is_told_as_a_table_as_data_and_as_lines(drawn: list[Curve]) -> None:
    lines = curves.write(drawn).splitlines()
    assert len(lines) == 5
    assert lines[4].startswith("dense-centroid, 3 phrases")
    data = curves.as_data(drawn)
    assert [row["likes"] for row in data[:5]] == [0, 1, 2, 5, 10]
    assert data[7]["mean"] == drawn[1].values[2].mean
    series = curves.as_series(drawn)
    assert [(one.colour, one.dashed) for one in series] == [(0, False), (0, True), (1, False), (1, True)]
