"""The chart is whole, says what it shows, and its bars are as long as their numbers."""

import numpy as np
from defusedxml import ElementTree

from digest.evaluation.charts import CEILING, FLOOR, LABEL, NUMBERS, WIDTH, draw
from digest.evaluation.trends import Score

SVG = "{http://www.w3.org/2000/svg}"


def make(name: str, spearman: float, ndcg: float) -> Score:
    return Score(name, np.array([spearman]), np.array([ndcg]), np.array([0.5]))


def test_a_bar_is_as_long_as_its_number() -> None:
    middle = (FLOOR + CEILING) / 2
    root = ElementTree.fromstring(draw([make("<a> & b", middle, CEILING), make("low", -0.3, 2.0)]))
    bars = [float(bar.get("width", "")) for bar in root.iter(f"{SVG}rect") if bar.get("height") == "11"]
    longest = WIDTH - LABEL - NUMBERS
    assert bars == [longest / 2, longest, 0, longest]
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"<a> & b", "low", "0.650", "-0.300"} <= set(texts)


def test_it_tells_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(draw([make("ours", 0.81, 0.874)]))
    assert root.findtext(f"{SVG}title") == "Spearman and nDCG@10 of each formula. ours: 0.810 and 0.874."
