"""What the commands on the encoder say and do; a switch that is killed goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import pipeline
from digest.cli.main import cli
from digest.db import Database
from digest.embeddings import succession
from digest.embeddings.encoder import EncoderSpec
from digest.tables import PaperVector, ProfileVector
from digest.workshop import Workshop

PAPERS = 1_500
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def stocked(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Two papers and a profile by the encoder of the settings; the commands open this workshop."""
    with shop.database.session() as session:
        for _ in range(2):
            make_paper(session, now)
        make_profile(session, make_subscriber(session, now))
    pipeline.prepare(shop, now)
    monkeypatch.setattr("digest.cli.encoder.open_shop", lambda **_: shop)
    return shop


def say(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    cli(["encoder", *words], standalone_mode=False)
    return capsys.readouterr().out


def complain(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli(["encoder", *words], standalone_mode=False) == 2
    return capsys.readouterr().err


def test_a_switch_is_asked_for_and_told_until_it_is_done(
    stocked: Workshop, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "In force: hashing, since 2026-05-06" in say(capsys, "status")
    told = say(capsys, "switch", "hashing", "--dimension", "64")
    assert "hashing:64 is being prepared. 0 papers done; 2 papers and 1 profile to go." in told
    assert "Being prepared: hashing:64. 0 papers done" in say(capsys, "status")
    data = json.loads(say(capsys, "status", "--json"))
    assert (data["in_force"]["name"], data["prepared"]["dimension"], data["progress"]["papers_left"]) == (
        "hashing",
        64,
        2,
    )
    pipeline.run(stocked, now)
    assert "In force: hashing:64" in say(capsys, "status")
    listed = json.loads(say(capsys, "list", "--json"))
    assert [(one["encoder"], one["papers"]) for one in listed] == [("hashing", 2), ("hashing:64", 2)]
    assert "2 papers by hashing are gone" in say(capsys, "forget", "hashing")


def test_a_switch_can_be_waited_for_and_given_up(stocked: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "switch", "none")
    assert "none (words alone) is not prepared" in say(capsys, "cancel")
    told = say(capsys, "switch", "hashing", "--dimension", "32", "--wait")
    assert "hashing:32 is in force." in told
    assert stocked.encoder_name == "hashing:32"


def test_without_a_name_the_encoder_of_the_settings_takes_over(
    stocked: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "in force already" in complain(capsys, "switch")
    stocked.settings.encoder_dimension = 16
    assert "DIGEST_ENCODER asks for hashing:16, but hashing is in force" in stocked.notice()
    assert "hashing:16 is in force." in say(capsys, "switch", "--wait")
    assert stocked.notice() == ""


def test_an_encoder_that_cannot_be_had_is_not_waited_for(
    stocked: Workshop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.workshop.make_encoder", lambda *_: None)
    assert "cannot be had" in complain(capsys, "switch", "some/model")
    with stocked.database.session(write=False) as session:
        assert succession.prepared_for(session) is None


def test_an_unset_setting_disagrees_with_nothing(stocked: Workshop) -> None:
    stocked.settings.encoder_dimension = 16
    stocked.settings.model_fields_set.clear()
    assert stocked.notice() == ""


@pytest.mark.slow
def test_a_switch_that_is_killed_again_and_again_loses_and_doubles_nothing(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        for _ in range(PAPERS):
            make_paper(session, now)
        make_profile(session, make_subscriber(session, now))
    pipeline.prepare(shop, now)
    with shop.database.session() as session:
        succession.ask(session, EncoderSpec("hashing", 64), now)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    environment |= {"DIGEST_DATA_DIR": str(shop.data_dir), "DIGEST_DATABASE_URL": shop.settings.database}
    environment |= {"DIGEST_ENCODER": "hashing", "PYTHONPATH": str(ROOT)}
    code = "from digest import pipeline; from digest.cli.shop import open_shop; from digest.clock import utc_now;"
    command = [sys.executable, "-c", f"{code} pipeline.succeed(open_shop(), utc_now())"]
    killed = 0
    for count in range(64, PAPERS, 500):
        killed += _kill_after(shop.database, command, environment, count)
    assert killed >= 1
    subprocess.run(command, env=environment, check=True, timeout=120)
    with shop.database.session(write=False) as session:
        found = succession.read(session)
        owners = session.exec(select(PaperVector.paper_id, PaperVector.encoder)).all()
        profiles = session.exec(select(ProfileVector.encoder)).all()
    assert found is not None
    assert (found.current, found.prepared) == (EncoderSpec("hashing", 64), None)
    assert Counter(encoder for _, encoder in owners) == {"hashing": PAPERS, "hashing:64": PAPERS}
    assert sorted(profiles) == ["hashing", "hashing:64"]


def _kill_after(database: Database, command: list[str], environment: dict[str, str], count: int) -> bool:
    """Kill the switch once it has `count` vectors; False when it was quicker."""
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with database.session(write=False) as session:
            if succession.measure(session, EncoderSpec("hashing", 64)).papers >= count:
                process.send_signal(signal.SIGKILL)
                break
        time.sleep(0.01)
    return process.wait() == -signal.SIGKILL
