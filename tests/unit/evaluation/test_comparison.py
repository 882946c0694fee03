"""A comparison ranks for everybody once, in chunks, and measures what a method found among the reader's candidates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from public_sets import SHARED, open_tiny, quiet, user_rows

from digest.embeddings.encoder import DEFAULT, HashingEncoder
from digest.evaluation import comparison, datasets
from digest.evaluation.conditions import Conditions
from digest.evaluation.methods.registry import find_methods
from digest.evaluation.tasks import Floats, Reader, Scorer, Task
from digest.evaluation.vectors import Cache


def by_column(task: Task) -> Scorer:
    """Ranks the papers in the order of their columns for everybody."""
    row = -np.arange(len(task.held_out), dtype=np.float32)
    return lambda readers: np.tile(row, (len(readers), 1))


def test_every_metric_has_a_value_per_user_in_their_order(tmp_path: Path) -> None:
    bench = open_tiny(tmp_path)
    (outcome,) = bench.compare(Conditions(), {"by column": by_column}, quiet)
    first = [bench.dataset.column[user.relevant].min() + 1 for user in bench.dataset.users]
    assert outcome.values["MRR"].tolist() == pytest.approx([1 / rank for rank in first])
    assert (outcome.users, outcome.method) == (5, "by column")


def test_chunks_do_not_change_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, methods = open_tiny(tmp_path), find_methods(["digest", "random", "logistic"])
    whole = bench.compare(Conditions(), methods, quiet)
    monkeypatch.setattr(comparison, "CHUNK", 2)
    seen: list[tuple[str, int, int]] = []
    parts = bench.compare(Conditions(), methods, lambda *step: seen.append(step))
    for one, other in zip(whole, parts, strict=True):
        for name, values in one.values.items():
            np.testing.assert_allclose(values, other.values[name], err_msg=f"{one.method} {name}")
    assert seen[:3] == [("digest", 2, 5), ("digest", 4, 5), ("digest", 5, 5)]


def test_only_the_readers_candidates_are_ranked(tmp_path: Path) -> None:
    rows = [
        dict(row)
        | {
            "relevant": row["relevant"][:1],
            "candidates": [f"{topic}{n}" for n in (12, 13) for topic in ("mamba", name)],
        }
        for row, name in zip(user_rows()[1:], ("auction", "protein", "robot", "galaxy"), strict=True)
    ]
    bench = open_tiny(tmp_path, users=rows)
    (outcome,) = bench.compare(Conditions(), {"by column": by_column}, quiet)
    for user, found in zip(bench.dataset.users, outcome.values["MRR"], strict=True):
        assert user.candidates is not None
        columns = sorted(bench.dataset.column[user.candidates])
        assert found == pytest.approx(1 / (columns.index(bench.dataset.column[user.relevant[0]]) + 1))


def test_a_method_that_gives_no_number_is_not_taken_for_a_good_one(tmp_path: Path) -> None:
    def broken(task: Task) -> Scorer:
        def score(readers: Sequence[Reader]) -> Floats:
            return np.full((len(readers), len(task.held_out)), np.nan, np.float32)

        return score

    with pytest.raises(ValueError, match="not a number"):
        open_tiny(tmp_path).compare(Conditions(), {"broken": broken}, quiet)


@pytest.mark.parametrize(("name", "known"), [("citeulike-a", 0.240), ("acl-authors", 0.161)])
def test_the_public_sets_give_the_known_figures(tmp_path: Path, name: str, known: float) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip(f"the public set {name} does not lie beside the repository")
    cache = Cache(tmp_path, DEFAULT, HashingEncoder)
    bench = comparison.open_bench(datasets.load(SHARED / name), cache, quiet)
    (everybody,) = bench.compare(Conditions(), find_methods(["dense-centroid"]), quiet)
    assert everybody.values["nDCG@20"].mean() == pytest.approx(known, abs=0.001)
    some = bench.compare(Conditions(users=60), find_methods(["dense-centroid", "digest"]), quiet)
    dense, product = (outcome.values["nDCG@20"].mean() for outcome in some)
    assert product > dense
