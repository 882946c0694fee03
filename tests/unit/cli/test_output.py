"""Tables, JSON and errors come out of the shell as they went in."""

import json
import threading
from contextlib import suppress

import click
import pytest
from click.testing import CliRunner

from digest.cli.output import Group, print_json, print_table, progress_bars, warn
from digest.errors import InvalidRequest


@pytest.mark.parametrize(
    "cell",
    [
        "[bold]not bold[/bold]",
        "[/]",
        "a [cs.LG] b",
        "$O(n)$ \\[x]",
        ":bug: hunt",
    ],
)
def test_a_cell_is_text_and_never_markup(capsys: pytest.CaptureFixture[str], cell: str) -> None:
    print_table(("", "title"), [(1, cell)])
    assert cell in capsys.readouterr().out


def test_a_long_cell_is_folded_and_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("title", "other"), [("word " * 60 + "end", "x" * 300)])
    out = capsys.readouterr().out
    assert out.count("word") == 60
    assert out.count("x") == 300


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("title",), [], "No papers found.")
    assert capsys.readouterr().out == "No papers found.\n"


def test_json_is_one_document_in_any_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"title": "机器学习 “é”"}])
    out = capsys.readouterr().out
    assert json.loads(out) == [{"title": "机器学习 “é”"}]
    assert "机器学习" in out


def test_a_warning_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    warn("careful")
    assert capsys.readouterr() == ("", "digest: careful\n")


def failing(error: Exception) -> click.Group:
    @click.group(cls=Group)
    def group() -> None:
        """Has one command."""

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_a_deliberate_error_is_one_line_and_status_two() -> None:
    result = CliRunner().invoke(failing(InvalidRequest("no such thing.")), ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "digest: no such thing.\n")


def test_an_error_that_nobody_foresaw_is_not_hidden() -> None:
    result = CliRunner().invoke(failing(KeyError("bug")), ["fail"])
    assert isinstance(result.exception, KeyError)


def test_progress_away_from_a_terminal_is_silent_and_leaves_no_thread(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with suppress(InvalidRequest), progress_bars() as progress:
        progress("rank", 0, 10)
        progress("rank", 5, 10)
        progress("deliver", 0, 3)
        raise InvalidRequest("stopped half-way")
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert threading.active_count() <= before
    assert capsys.readouterr() == ("", "")
