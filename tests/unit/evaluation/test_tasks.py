"""What a method sees of a reader, and that chance is the reader's own."""

from pathlib import Path

import numpy as np
import pytest
from public_sets import make_task, open_tiny

from digest.errors import ConfigurationError
from digest.evaluation.conditions import Conditions
from digest.evaluation.tasks import Task, make_generator


def test_words_come_last_as_one_more_paper(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path), Conditions(likes=2, phrases=3))
    reader = task.readers[0]
    vectors, texts = task.vectors_of(reader), task.texts_of(reader)
    assert reader.vector is not None
    np.testing.assert_array_equal(vectors, [*task.vectors[reader.liked], reader.vector])
    assert texts == [*(task.texts[row] for row in reader.liked), reader.text]


def test_without_words_there_are_the_papers_alone(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path))
    assert len(task.vectors_of(task.readers[0])) == len(task.texts_of(task.readers[0])) == 11


def test_a_method_that_needs_vectors_says_so_without_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DIGEST_ENCODER"):
        _ = make_task(open_tiny(tmp_path, encoder="")).candidates


def test_nothing_in_a_task_tells_what_is_relevant() -> None:
    assert "relevant" not in {*Task.__dataclass_fields__, *dir(Task)}


def test_chance_is_the_readers_own(tmp_path: Path) -> None:
    first, second, *_ = make_task(open_tiny(tmp_path)).readers
    assert make_generator(first).random() == make_generator(first).random()
    assert make_generator(first).random() != make_generator(second).random()
