"""The tasks: what they ask the database, and whom they wake."""

from datetime import UTC, datetime
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from digest import dispatch
from digest.dispatch import WakeUp
from digest.errors import Unreachable
from digest.tasks import stages
from digest.tasks.app import TIME_LIMITS


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], str, int]]:
    """What is sent, instead of sending it."""
    found: list[tuple[tuple[int, ...], str, int]] = []

    def note(arguments: tuple[int, ...], *, queue: str, time_limit: int, **_: Any) -> None:
        found.append((arguments, queue, time_limit))

    monkeypatch.setenv("DIGEST_BROKER_URL", "memory://")
    monkeypatch.setattr(stages.run_batch, "apply_async", note)
    monkeypatch.setattr(stages, "open_shop", lambda: "shop")
    return found


def test_wake_ups_go_to_the_queue_of_their_stage(
    sent: list[tuple[tuple[int, ...], str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "work", lambda _shop, number: [WakeUp(number + 1, "rank"), WakeUp(9, "deliver")])
    stages.run_batch(6)
    assert sent == [((7,), "rank", TIME_LIMITS["rank"]), ((9,), "mail", TIME_LIMITS["mail"])]


@pytest.mark.usefixtures("sent")
def test_a_tick_is_for_the_moment_given_or_the_present_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[datetime] = []
    monkeypatch.setattr(dispatch, "tick", lambda _shop, moment: moments.append(moment) or [])
    stages.tick("2026-05-06T09:00:00+02:00")
    stages.tick()
    assert moments[0] == datetime(2026, 5, 6, 7, tzinfo=UTC)
    assert (moments[1].second, moments[1].microsecond, moments[1].tzinfo) == (0, 0, UTC)


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("error", [Unreachable("no database"), OperationalError("no broker")])
def test_a_server_that_is_gone_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(*_: object) -> list[WakeUp]:
        raise error

    monkeypatch.setattr(dispatch, "work", fail)
    stages.run_batch(1)
    told = capsys.readouterr()
    assert "left_for_the_next_tick" in told.out + told.err
