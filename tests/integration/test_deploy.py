"""What `deploy/` holds is read by the parsers that will read it, names what there is, and its scripts are run."""

import configparser
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from digest.cli.main import cli
from digest.settings import PREFIX, Settings
from digest.tasks.app import TIME_LIMITS
from digest.web.metrics import METRICS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if "adapter" not in path.name)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def resources() -> list[dict[str, Any]]:
    found = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
    return [one for one in found if one["kind"] != "Kustomization"]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in resources():
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def commands() -> Iterator[list[str]]:
    for name in ("compose.yaml", "compose.scale.yaml"):
        for service in load(DEPLOY / name)["services"].values():
            yield service.get("command", [])
    for _, pod in pods():
        yield from (container["command"] for container in pod["containers"])
    for unit in (DEPLOY / "systemd").iterdir():
        yield re.sub(r"^/opt/digest/bin/", "", read_unit(unit)["Service"]["ExecStart"]).split()
    yield json.loads(re.findall(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text(), re.M)[-1])


def read_unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path)
    return parser


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda path: path.name)
def test_yaml_is_yaml(path: Path) -> None:
    assert list(yaml.safe_load_all(path.read_text()))


def test_every_command_is_one_of_ours_with_queues_that_there_are() -> None:
    ours = [command for command in commands() if command and command[0] == "digest"]
    assert len(ours) >= 15
    for command in ours:
        assert command[1] in cli.commands, command
        if "--queues" in command:
            queues = command[command.index("--queues") + 1]
            assert set(queues.replace("%i", "rank").split(",")) <= set(TIME_LIMITS)


def test_the_scaled_forms_take_every_queue_and_one_process_embeds() -> None:
    for listed in (
        list(load(DEPLOY / "compose.scale.yaml")["services"].values()),
        [p["containers"][0] for _, p in pods()],
    ):
        workers = [one["command"] for one in listed if "--queues" in one.get("command", [])]
        taken = [queue for command in workers for queue in command[command.index("--queues") + 1].split(",")]
        assert sorted(taken) == sorted(TIME_LIMITS)
        (embed,) = [command for command in workers if "embed" in command]
        assert embed[embed.index("--concurrency") + 1] == "1"


def test_every_variable_is_a_setting() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            named = set(re.findall(r"\bDIGEST_[A-Z_]+\b", path.read_text()))
            assert named <= SETTINGS, path


def test_every_metric_is_one_that_we_give() -> None:
    for path in [*(DEPLOY / "monitoring").iterdir(), DEPLOY / "kubernetes" / "prometheus-adapter-rules.yaml"]:
        assert set(re.findall(r"\bdigest_[a-z0-9_]+\b", path.read_text())) <= set(METRICS), path
    dashboard = (DEPLOY / "monitoring" / "grafana.json").read_text()
    assert all(name in dashboard for name in METRICS)


def test_every_alert_says_what_to_do() -> None:
    for group in load(DEPLOY / "monitoring" / "alerts.yaml")["groups"]:
        assert all({"summary", "do"} <= set(rule["annotations"]) for rule in group["rules"])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.scale.yaml"])
def test_compose_names_only_what_it_defines(name: str) -> None:
    compose = load(DEPLOY / name)
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(compose["volumes"])
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_kubernetes_names_only_what_it_defines() -> None:
    listed = resources()
    names = {(one["kind"], one["metadata"]["name"]) for one in listed}
    kustomization = load(DEPLOY / "kubernetes" / "kustomization.yaml")["resources"]
    assert set(kustomization) == {path.name for path in MANIFESTS} - {"kustomization.yaml"}
    for one in listed:
        if one["kind"] == "Deployment":
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if one["kind"] == "HorizontalPodAutoscaler":
            assert ("Deployment", one["spec"]["scaleTargetRef"]["name"]) in names
    for _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        for source in pod["containers"][0].get("envFrom", []):
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            assert (kind, next(iter(source.values()))["name"]) in names


def test_the_image_runs_as_nobody_special_and_copies_what_there_is() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_systemd_units_are_complete(path: Path) -> None:
    unit = read_unit(path)
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert unit["Service"]["User"] != "root"


@pytest.mark.parametrize("name", ["backup.sh", "restore.sh"])
def test_the_scripts_refuse_wrong_use_in_one_line(name: str, tmp_path: Path) -> None:
    found = run_script(name, tmp_path)
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1


def run_script(name: str, data: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DIGEST_DATA_DIR": str(data)}
    command = ["bash", DEPLOY / name, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_backup_made_while_somebody_writes_can_be_restored(migrated: Path, tmp_path: Path) -> None:
    data, other, kept = (tmp_path / name for name in ("data", "other", "kept"))
    for folder in (data, other, kept):
        folder.mkdir()
    shutil.copy(migrated, data / "digest.sqlite3")
    (data / "secret.key").write_text("k" * 64)
    with sqlite3.connect(data / "digest.sqlite3") as writer:
        writer.execute(
            "INSERT INTO suppression (address_digest, reason, created_at) VALUES ('x', 'asked', '2026-01-01')"
        )
        writer.commit()
        writer.execute(
            "INSERT INTO suppression (address_digest, reason, created_at) VALUES ('y', 'open', '2026-01-01')"
        )
        made = run_script("backup.sh", data, kept)
        writer.rollback()
    writer.close()
    assert made.returncode == 0, made.stderr
    (file,) = kept.iterdir()
    assert run_script("restore.sh", other, file).returncode == 0
    again = run_script("restore.sh", other, file)
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert run_script("restore.sh", other, file, "--force").returncode == 0
    reader = sqlite3.connect(other / "digest.sqlite3")
    assert reader.execute("SELECT address_digest FROM suppression").fetchall() == [("x",)]
    reader.close()
    assert (other / "secret.key").read_text() == "k" * 64
