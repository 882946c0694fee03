"""Reading a set: what it becomes, and one line that names the file and the line for everything that is amiss."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from public_sets import paper_rows, user_rows, write_set

from digest.errors import InvalidRequest
from digest.evaluation import datasets


def test_a_set_is_read(tmp_path: Path) -> None:
    found = datasets.load(write_set(tmp_path / "tiny"))
    assert found.name == "tiny"
    assert (len(found.papers), len(found.held_out), len(found.users)) == (80, 20, 5)
    assert (found.papers[3].title, found.papers[3].announced_at.year, found.names[3]) == (
        "Mamba study number 3",
        2013,
        "mamba3",
    )
    user = found.users[1]
    assert [found.names[row] for row in user.liked] == [f"auction{number}" for number in range(11)]
    assert {found.names[row] for row in user.relevant} == {f"auction{number}" for number in range(12, 16)}
    assert (found.held_out[found.column[user.relevant]] == user.relevant).all()
    assert (found.column[user.liked] == -1).all()


def test_the_order_of_the_candidates_does_not_depend_on_the_file(tmp_path: Path) -> None:
    there = datasets.load(write_set(tmp_path / "there"))
    back = datasets.load(write_set(tmp_path / "back", papers=paper_rows()[::-1]))
    names = [there.names[row] for row in there.held_out]
    assert names == [back.names[row] for row in back.held_out]
    assert names != sorted(names)


def test_what_is_disliked_is_not_liked_and_candidates_are_kept(tmp_path: Path) -> None:
    row = dict(user_rows()[0]) | {"disliked": ["mamba1", "robot2"], "candidates": [f"mamba{n}" for n in range(12, 16)]}
    found = datasets.load(write_set(tmp_path, users=[row])).users[0]
    assert len(found.liked) == 10
    assert len(found.disliked) == 2
    assert not np.isin(found.disliked, found.liked).any()
    assert found.candidates is not None
    assert len(found.candidates) == 4


def change(rows: Callable[[], list[Any]], **fields: Any) -> list[Any]:
    """The rows of the tiny set, with the third one changed."""
    made = rows()
    made[2] = dict(made[2]) | fields
    return made


@pytest.mark.parametrize(
    ("papers", "users", "told"),
    [
        (change(paper_rows, cold="yes"), None, "papers.jsonl.gz, line 3: cold: Input should be a valid boolean"),
        (change(paper_rows, title=" ", abstract=""), None, "papers.jsonl.gz, line 3: the paper mamba2 has neither"),
        (change(paper_rows, id="mamba0"), None, "papers.jsonl.gz, line 3: the paper mamba0 is there already"),
        (change(paper_rows, id=7), None, "papers.jsonl.gz, line 3: id: Input should be a valid string"),
        ([], None, "papers.jsonl.gz is empty"),
        (None, [], "users.jsonl.gz is empty"),
        (None, change(user_rows, profile=["nobody"]), "line 3: the paper nobody is not in papers.jsonl.gz"),
        (None, change(user_rows, profile=["mamba13"]), "line 3: the paper mamba13 is held out"),
        (None, change(user_rows, relevant=["mamba1"]), "line 3: the paper mamba1 is not held out"),
        (None, change(user_rows, relevant=[]), "line 3: relevant: List should have at least 1 item"),
        (None, change(user_rows, profile=["mamba1", "mamba1"]), "line 3: a paper is named twice"),
        (None, change(user_rows, user="friend of mamba"), "line 3: the user friend of mamba is there already"),
        (None, change(user_rows, candidates=["mamba13"]), "line 3: a relevant paper is not among the candidates"),
    ],
)
def test_a_fault_names_its_file_and_line(tmp_path: Path, papers: Any, users: Any, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        datasets.load(write_set(tmp_path, papers, users))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_the_files_says_what_a_set_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not there: a set is a folder with"):
        datasets.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not compressed", "line 1: it cannot be read"),
        (gzip.compress(b"{}{}\n"), "line 1: this is no JSON"),
        (gzip.compress(b"\xff\xfe\n"), "line 1: this is no JSON"),
        (gzip.compress(b'{"id": "a", "title": "b", "cold": true}\n' * 3)[:-12], "it cannot be read"),
        (gzip.compress(b"[]\n"), "line 1: the line: Input should be"),
    ],
    ids=["plain", "two documents", "no text", "cut off", "a list"],
)
def test_a_file_that_is_no_set_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (write_set(tmp_path) / datasets.PAPERS).write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        datasets.load(tmp_path)
    assert told in str(caught.value)
