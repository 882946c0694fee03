"""The plot is well-formed and shows the numbers at their heights."""

import re

import pytest
from defusedxml import ElementTree

from digest.evaluation import plot
from digest.evaluation.bootstrap import Interval
from digest.evaluation.plot import Series

SVG = "{http://www.w3.org/2000/svg}"
LINES = [
    Series("ours <& theirs>", [Interval(0.1, 0.05, 0.15), Interval(0.4, 0.35, 0.45)], 0),
    Series("dashed", [Interval(0.1, 0.1, 0.1), Interval(0.39, 0.39, 0.39)], 0, dashed=True),
]


@pytest.fixture
def drawn() -> ElementTree:
    return ElementTree.fromstring(plot.draw("A <title>", "nDCG", ["one", "two"], LINES))


def heights(element: ElementTree) -> list[float]:
    return [float(point.split(",")[1]) for point in element.get("points").split()]


def test_values_lie_on_the_scale_that_is_written_beside_them(drawn: ElementTree) -> None:
    ticks = {
        float(text.text): float(text.get("y")) - 4
        for text in drawn.iter(f"{SVG}text")
        if re.fullmatch(r"\d\.\d+", text.text)
    }
    per_unit = (ticks[0.0] - ticks[max(ticks)]) / max(ticks)
    line, dashed = drawn.iter(f"{SVG}polyline")
    assert heights(line) == pytest.approx([ticks[0.0] - per_unit * value for value in (0.1, 0.4)], abs=0.1)
    assert max(ticks) >= 0.45
    assert (line.get("stroke-dasharray"), dashed.get("stroke-dasharray")) == (None, "6 4")


def test_names_are_told_and_do_not_cover_each_other(drawn: ElementTree) -> None:
    texts = {text.text: float(text.get("y")) for text in drawn.iter(f"{SVG}text")}
    assert {"A <title>", "nDCG", "one", "two", "ours <& theirs>", "dashed"} <= set(texts)
    assert texts["dashed"] - texts["ours <& theirs>"] >= plot.LINE


@pytest.mark.parametrize("value", [0.0, 0.0004, 0.3, 1.0])
def test_any_height_can_be_drawn(value: float) -> None:
    ElementTree.fromstring(plot.draw("t", "u", ["one"], [Series("a", [Interval(value, value, value)], 7)]))
