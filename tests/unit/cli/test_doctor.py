"""What doctor finds when a library or the weights are missing; the rest is in the shell's journey."""

import sys
from pathlib import Path

import pytest
from scenes import ListSource

from digest import pipeline
from digest.cli.doctor import FAIL, OK, WARN, Finding, examine
from digest.clock import utc_now
from digest.errors import TransientError
from digest.workshop import Workshop


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DIGEST_SOURCES", "")
    monkeypatch.setenv("DIGEST_ENCODER", "hashing")


def find(check: str) -> Finding:
    return next(finding for finding in examine() if finding.check == check)


def test_a_missing_faiss_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    found = find("faiss")
    assert found.state == FAIL
    assert "pip install faiss-cpu" in found.detail


def test_an_encoder_without_weights_is_a_warning_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.embeddings.encoder.make_encoder", lambda *_: None)
    found = find("encoder")
    assert found.state == WARN
    assert "DIGEST_ENCODER_PATH" in found.mend


def test_one_failure_keeps_no_other_check_from_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    states = {finding.check: finding.state for finding in examine()}
    assert (states["database"], states["faiss"], states["transport"]) == (FAIL, FAIL, OK)


def test_settings_that_cannot_be_read_are_all_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_TRANSPORT", "pigeon")
    (found,) = examine()
    assert (found.check, found.state) == ("settings", FAIL)
    assert "DIGEST_TRANSPORT" in found.detail


def test_every_failure_or_warning_tells_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SMPT_HOST": "x", "TRANSPORT": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1"}.items():
        monkeypatch.setenv(f"DIGEST_{name}", value)
    amiss = [finding for finding in examine() if finding.state != OK]
    assert {finding.check for finding in amiss} == {"settings", "database", "encoder", "transport"}
    assert all(finding.mend or "DIGEST_" in finding.detail for finding in amiss)


def test_a_source_that_failed_lately_is_named_with_the_reason(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sources = [ListSource(error=TransientError("cut off"))]
    pipeline.run(shop, utc_now(), upto="ingest")
    monkeypatch.setenv("DIGEST_DATA_DIR", str(shop.data_dir))
    monkeypatch.setenv("DIGEST_DATABASE_URL", shop.settings.database)
    found = find("sources")
    assert (found.state, "lists: cut off" in found.detail, bool(found.mend)) == (WARN, True, True)


def test_a_source_that_there_is_not_is_found_before_a_run(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(shop.data_dir))
    monkeypatch.setenv("DIGEST_SOURCES", "arxiv,carrier-pigeon")
    assert find("sources").state == FAIL
