"""BM25 counts a word as often as it is asked, and says what to install where its library is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from public_sets import make_task, open_tiny

from digest.errors import ConfigurationError
from digest.evaluation.methods.bm25 import _ask, bm25


def test_a_word_counts_as_often_as_it_is_asked_and_an_unknown_one_not_at_all() -> None:
    library = pytest.importorskip("bm25s")
    index = library.BM25(k1=1.2, b=0.75, method="lucene")
    index.index([["mamba", "recurrence"], ["auction"], ["auction", "mamba"]], show_progress=False)
    once = _ask(index, ["mamba"], 3)
    np.testing.assert_allclose(_ask(index, ["mamba", "mamba", "zebra"], 3), 2 * once)
    assert once[0] == once[2] > once[1] == 0
    assert _ask(index, ["zebra"], 3).tolist() == [0, 0, 0]


def test_the_missing_library_is_told_before_anything_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(ConfigurationError, match=r"paper-digest\[evaluate\]"):
        bm25(make_task(open_tiny(tmp_path)))
