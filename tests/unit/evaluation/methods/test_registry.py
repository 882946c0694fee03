"""Methods by name, and what holds for every one of them."""

from pathlib import Path

import numpy as np
import pytest
from public_sets import make_task, open_tiny

from digest.errors import InvalidRequest
from digest.evaluation.conditions import Conditions
from digest.evaluation.methods.registry import find_methods

NAMES = (
    "arxiv-sanity-lite",
    "bm25",
    "dense-centroid",
    "digest",
    "digest-exhaustive",
    "logistic",
    "nearest-examples",
    "random",
    "tfidf-centroid",
    "zotero-arxiv-daily",
)


def test_all_methods_are_found_by_name() -> None:
    assert tuple(find_methods()) == NAMES


def test_only_the_wanted_come_in_their_order() -> None:
    assert list(find_methods(["random", "digest"])) == ["random", "digest"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="no method “magic”; there are arxiv-sanity-lite, bm25"):
        find_methods(["magic"])


@pytest.mark.parametrize("under", [Conditions(), Conditions(likes=0, sentence=True), Conditions(likes=1, phrases=3)])
@pytest.mark.parametrize("name", NAMES)
def test_every_method_scores_whatever_a_reader_tells(tmp_path: Path, name: str, under: Conditions) -> None:
    if name == "bm25":
        pytest.importorskip("bm25s")
    bench = open_tiny(tmp_path)
    task = make_task(bench, under)
    scores = find_methods([name])[name](task)(task.readers)
    assert scores.shape == (5, 20)
    assert not np.isnan(scores).any()
    if name == "random" or (under.sentence and name in {"tfidf-centroid"}):
        return
    best = np.argsort(-scores, axis=1)[:, :4]
    for user, columns in zip(bench.dataset.users, best, strict=True):
        found = {bench.dataset.names[row].rstrip("0123456789") for row in task.held_out[columns]}
        assert found == {user.name.removeprefix("friend of ")}
