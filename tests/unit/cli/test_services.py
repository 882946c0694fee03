"""The commands that stay: what they refuse, in one line each."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from digest.cli.main import cli

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_a_queue_that_there_is_not_is_named(invoke: Invoke) -> None:
    found = invoke("worker", "--queues", "rank,nonsense")
    assert found.exit_code == 2
    assert found.stderr.strip() == "digest: There is no queue “nonsense”: choose from tick,ingest,embed,rank,mail."


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_a_broker_there_is_nothing_to_work_for(invoke: Invoke, command: str) -> None:
    found = invoke(command)
    assert found.exit_code == 2
    assert found.stderr.startswith("digest: DIGEST_BROKER_URL is not set")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "schedule", "run"])
def test_the_all_in_one_leaves_a_scaled_installation_alone(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DIGEST_BROKER_URL", "redis://127.0.0.1:1/0")
    found = invoke(command)
    assert found.exit_code == 2
    assert f"unset it to use `digest {command}`" in found.stderr


def test_a_port_that_is_taken_is_named(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("DIGEST_WEB_PORT", str(port))
        found = invoke("serve")
    assert found.exit_code == 2
    assert found.stderr.startswith(f"digest: 127.0.0.1:{port} cannot be listened on")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIMITS", "search=often"),
        ("LIMITS", "find=1/minute"),
        ("TRUSTED_PROXIES", "proxy.lan"),
        ("ALLOWED_HOSTS", "https://digest.lan"),
        ("BROKER_URL", "pigeon://hush"),
    ],
)
def test_a_setting_that_the_pages_cannot_take_is_named_when_they_start(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("DIGEST_WEB_PORT", "0")
    monkeypatch.setenv(f"DIGEST_{name}", value)
    found = invoke("serve")
    assert found.exit_code == 2
    assert found.stderr.startswith(f"digest: DIGEST_{name}")
    assert found.stderr.count("\n") == 1
    assert "hush" not in found.stderr
