"""The command answers at once and knows its version."""

import subprocess
import sys

import pytest

from digest import __version__

HEAVY = {"torch", "faiss", "celery", "sqlmodel", "sqlalchemy", "sentence_transformers", "pydantic", "numpy", "rich"}


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"], ["version"]], ids=" ".join)
def test_an_answer_that_needs_nothing_loads_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "digest", *words]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "click" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("words", [["--version"], ["version"]], ids=" ".join)
def test_the_version_is_the_packages(words: list[str]) -> None:
    answer = subprocess.run([sys.executable, "-m", "digest", *words], capture_output=True, text=True, check=True)
    assert answer.stdout == f"digest {__version__}\n"


def test_no_command_at_all_is_answered_with_help() -> None:
    answer = subprocess.run([sys.executable, "-m", "digest"], capture_output=True, text=True, check=False)
    assert "Commands:" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
