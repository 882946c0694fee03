"""How Celery is set up."""

import subprocess
import sys

import pytest

from digest.dispatch import QUEUES
from digest.errors import ConfigurationError
from digest.tasks.app import TIME_LIMITS, _configure


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("DIGEST_BROKER_URL", "redis://127.0.0.1:1/0")
    return _configure()


def test_without_a_broker_there_are_no_workers() -> None:
    with pytest.raises(ConfigurationError, match="DIGEST_BROKER_URL is not set"):
        _configure()


def test_messages_are_json_and_acknowledged_when_the_work_is_done(configured: dict[str, object]) -> None:
    assert configured["accept_content"] == ["json"]
    assert configured["task_serializer"] == "json"
    assert configured["task_acks_late"] is True
    assert configured["task_ignore_result"] is True


def test_no_batch_may_take_longer_than_its_message_stays_invisible(configured: dict[str, object]) -> None:
    options = configured["broker_transport_options"]
    assert isinstance(options, dict)
    assert options["visibility_timeout"] > max(TIME_LIMITS.values())


def test_every_queue_has_a_limit_and_a_route_of_its_own(configured: dict[str, object]) -> None:
    queues = configured["task_queues"]
    assert isinstance(queues, list)
    assert {queue.name for queue in queues} == set(TIME_LIMITS) == {"tick", *QUEUES.values()}
    assert len({(queue.exchange.name, queue.routing_key) for queue in queues}) == len(queues)


def test_a_tick_comes_every_minute(configured: dict[str, object]) -> None:
    (entry,) = configured["beat_schedule"].values()  # type: ignore[attr-defined]
    assert (entry["task"], entry["schedule"]) == ("digest.tick", 60)


def test_importing_the_tasks_reads_no_settings() -> None:
    code = "import digest.tasks; print(digest.tasks.app.main)"
    broken = {"DIGEST_SMTP_PORT": "no number", "PATH": ""}
    found = subprocess.run([sys.executable, "-c", code], env=broken, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "digest"
