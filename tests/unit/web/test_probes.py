"""The status is calm and tells nothing of anybody; machines get short answers, also when the database is gone."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from factories import make_profile, make_subscriber
from real_servers import Redis, find_redis
from servers import find_free_port
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from digest.clock import utc_now
from digest.db import Database
from digest.health import measure
from digest.settings import Settings
from digest.tables import Run
from digest.web import probes
from digest.web.app import make_app
from digest.workshop import Workshop

HERE = "http://localhost:8000"


@pytest.fixture
def client(shop: Workshop) -> TestClient:
    return TestClient(make_app(shop), base_url=HERE)


@pytest.fixture
def broken(settings: Settings, tmp_path: Path) -> Iterator[Workshop]:
    """A workshop whose database is not one."""
    (tmp_path / "broken.sqlite3").write_bytes(b"this is no database, and it is long enough to be looked at" * 20)
    made = Workshop(settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'broken.sqlite3'}"}))
    yield made
    made.database.dispose()


def with_broker(shop: Workshop, url: str) -> TestClient:
    shop.settings = shop.settings.model_copy(update={"broker_url": url})
    return TestClient(make_app(shop), base_url=HERE)


def run_well(shop: Workshop) -> None:
    now = utc_now()
    with shop.database.session() as session:
        session.add(Run(stage="rank", moment=now, started_at=now, ok=True, report={"editions": 3, "seconds": 1.0}))


def test_the_page_says_in_one_sentence_that_today_is_all_right(shop: Workshop, client: TestClient) -> None:
    run_well(shop)
    answer = client.get("/status")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Today is all right." in answer.text


def test_the_page_says_when_it_is_not_and_names_no_subscriber(shop: Workshop, client: TestClient) -> None:
    now = utc_now()
    with shop.database.session() as session:
        who = make_subscriber(session, now, next_edition_at=now - timedelta(hours=1))
        make_profile(session, who)
    text = client.get("/status").text
    assert "Today is not all right: something needs the operator." in text
    assert who.email not in text
    assert "1 edition" not in text


def test_the_page_has_what_a_page_needs_and_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    text = client.get("/status").text
    for part in ('<html lang="en"', "<title>Status – ", 'name="viewport"', 'content="noindex"'):
        assert part in text
    assert [link for link in re.findall(r'(?:src|href)="([^"]*)"', text) if not re.match(r"/(?!/)|#", link)] == []
    assert re.findall(r"https?:|<img|@import|url\(", text) == []


@pytest.mark.parametrize("path", ["/status", "/healthz", "/readyz", "/metrics"])
def test_only_get_and_head_are_answered(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == 200
    assert client.head(path).text == ""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_machines_ask_by_whatever_name_and_from_nowhere(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/status", headers={"Host": "10.1.2.3:8000"}).status_code == 400


def test_ready_is_told_part_by_part(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "schema": "ok"})


def test_a_schema_of_another_release_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    empty = Workshop(settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'empty.sqlite3'}"}))
    answer = TestClient(make_app(empty), base_url=HERE).get("/readyz")
    empty.database.dispose()
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "schema": "of another release"})


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with find_redis() as server:
        yield server


def test_the_broker_is_asked_where_there_is_one(shop: Workshop, redis: Redis) -> None:
    answer = with_broker(shop, redis.url).get("/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (200, "ok")


def test_a_broker_that_does_not_answer_is_told_without_its_reason(shop: Workshop) -> None:
    with capture_logs() as logged:
        answer = with_broker(shop, f"redis://:hush@127.0.0.1:{find_free_port()}/0").get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "schema": "ok", "broker": "does not answer"})
    assert [line["event"] for line in logged] == ["not_ready"]
    assert "hush" not in str(logged)


def test_without_a_database_nothing_of_the_error_is_told(broken: Workshop) -> None:
    client = TestClient(make_app(broken), base_url=HERE)
    with capture_logs() as logged:
        answers = {path: client.get(path) for path in ("/status", "/readyz", "/metrics")}
    assert {answer.status_code for answer in answers.values()} == {503}
    assert "the database does not answer" in answers["/status"].text
    assert answers["/readyz"].json() == {"database": "does not answer", "schema": "does not answer"}
    assert answers["/metrics"].text == "the database does not answer\n"
    assert "file is not" not in "".join(answer.text for answer in answers.values())
    assert [line["event"] for line in logged].count("scrape_without_database") == 1


def test_a_process_that_lives_says_so_without_its_database(broken: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "session", None)
    answer = TestClient(make_app(broken), base_url=HERE).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_many_questions_at_once_cost_one_look(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(probes, "measure", lambda *given: looks.append(given) or measure(*given))
    for _ in range(5):
        client.get("/status")
        client.get("/metrics")
    assert len(looks) == 1
    monkeypatch.setattr(probes, "FRESH", -1)
    client.get("/status")
    assert len(looks) == 2


@pytest.fixture(autouse=True)
def default_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()
