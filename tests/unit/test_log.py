"""Logging: two forms, one threshold, always on stderr."""

import json
from collections.abc import Iterator

import pytest
import structlog

from digest.log import configure, get_logger


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_json_line_holds_event_level_time_and_ids(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    with structlog.contextvars.bound_contextvars(stage="rank"):
        get_logger().info("item_failed", item=7)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "item_failed", "level": "info", "stage": "rank", "item": 7}


def test_a_console_line_is_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "console")
    get_logger().info("item_failed", item=7)
    line = capsys.readouterr().err
    assert "item_failed" in line
    assert "item=7" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("form", ["console", "json"])
def test_nothing_goes_to_stdout(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure("DEBUG", form)  # type: ignore[arg-type]
    get_logger().error("source_failed")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("level", "expected"), [("DEBUG", "diwe"), ("INFO", "iwe"), ("WARNING", "we"), ("ERROR", "e")])
def test_events_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str], level: str, expected: str) -> None:
    configure(level, "json")
    for name in ("debug", "info", "warning", "error"):
        getattr(get_logger(), name)(name[0])
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == list(expected)


def test_an_exception_is_written_without_its_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "console")
    address = "reader@example.org"
    try:
        int(address[:6])
    except ValueError:
        get_logger().exception("unexpected")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert "example.org" not in written
