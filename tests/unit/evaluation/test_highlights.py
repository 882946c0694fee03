"""Verdicts on highlights: what counts as nearer, what as a tie, and that they are right on a set made for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from public_sets import Row, open_tiny, paper_rows, quiet, user_rows, write_set

from digest.embeddings.encoder import HashingEncoder
from digest.errors import ConfigurationError, InvalidRequest
from digest.evaluation import comparison, datasets, highlights
from digest.evaluation.comparison import Bench
from digest.evaluation.conditions import Conditions
from digest.evaluation.highlights import Verdict
from digest.evaluation.vectors import Cache

FILLER = "Nothing whatever is said in here about anything at all."
TALK = "Mamba recurrence and selective state space models at linear cost."


def open_bench(folder: Path, abstract: Sequence[str]) -> Bench:
    """A set in which one user likes papers on one topic, and whose held-out papers on it have this abstract."""
    mambas = [row for row in paper_rows() if row["id"].startswith("mamba")]
    papers: list[Row] = [row | {"abstract": " ".join(abstract) if row["cold"] else TALK} for row in mambas]
    cache = Cache(folder / "cache", HashingEncoder.name, HashingEncoder)
    users = [user for user in user_rows() if "mamba" in user["user"]]
    return comparison.open_bench(datasets.load(write_set(folder / "one", papers, users)), cache, quiet)


@pytest.mark.parametrize(
    ("abstract", "nearer", "same"), [([FILLER, TALK], 4, 0), ([TALK, FILLER], 0, 4), ([FILLER, FILLER, TALK], 4, 0)]
)
def test_a_chosen_sentence_wins_where_the_first_says_nothing(
    tmp_path: Path, abstract: list[str], nearer: int, same: int
) -> None:
    for found in highlights.judge(open_bench(tmp_path, abstract), Conditions(), quiet):
        assert (found.cases, found.users, found.nearer, found.same, found.further) == (4, 1, nearer, same, 0)
        assert found.of_all.mean == found.possible == nearer / 4
        assert found.of_others.mean == (1 if nearer else 0)


def test_the_paper_itself_is_not_among_the_others(tmp_path: Path) -> None:
    alone = [user | {"relevant": user["relevant"][:1]} for user in user_rows()]
    (found,) = highlights.judge(open_tiny(tmp_path, users=alone), Conditions(), quiet)
    assert (found.measure, found.cases) == ("all held-out papers", 5)


def test_outcomes_add_up_by_user() -> None:
    outcomes = [(1, True), (0, False), None, (-1, True), (1, True)]
    found = highlights._sum_up("x", ["a", "a", "a", "b", "c"], outcomes)
    assert isinstance(found, Verdict)
    assert (found.users, found.nearer, found.same, found.further) == (3, 2, 1, 1)
    assert (found.of_all.mean, found.of_others.mean, found.possible) == (0.5, pytest.approx(2 / 3), 0.75)
    assert found.of_others.low <= found.of_others.mean <= found.of_others.high


@pytest.mark.parametrize(("vectors", "chosen", "outcome"), [([[1, 0], [0, 1]], 1, -1), ([[0, 1], [1, 0]], 1, 1)])
def test_nearer_is_by_the_cosine_to_the_mean_of_what_is_liked(
    vectors: list[list[float]], chosen: int, outcome: int
) -> None:
    liked = np.array([[1, 0.1], [0.9, 0.1]], np.float32)
    assert highlights._compare(np.array(vectors, np.float32), chosen, liked)[0] == outcome


def test_it_is_told_whether_the_target_is_reached(tmp_path: Path) -> None:
    told = highlights.write(highlights.judge(open_bench(tmp_path, [FILLER, TALK]), Conditions(), quiet))
    assert "nearer than the first in 4 cases, the first itself in 0, further in 0." in told
    assert "nearer in 100.0% (100.0 to 100.0): that reaches 65%." in told
    assert "misses" in highlights.write(highlights.judge(open_bench(tmp_path, [TALK, FILLER]), Conditions(), quiet))


def test_without_vectors_or_abstracts_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Without vectors"):
        highlights.judge(open_tiny(tmp_path, encoder=""), Conditions(), quiet)
    with pytest.raises(InvalidRequest, match="no held-out abstracts"):
        highlights.judge(open_bench(tmp_path, [TALK]), Conditions(), quiet)
