"""Every error is a problem that says what is wrong, and nothing of what is inside."""

import json

import pytest
from starlette.testclient import TestClient

from digest import questions
from digest.errors import ConfigurationError, Unreachable
from digest.web.app import make_app
from digest.workshop import Workshop


def test_a_problem_has_the_members_of_the_standard(program: TestClient) -> None:
    answer = program.get("/papers/7")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no paper 7.",
        "instance": "/api/v1/papers/7",
    }


def test_a_fault_says_where_it_is(program: TestClient) -> None:
    told = program.post("/subscribers", json={"address": "ada@example.org", "hour": 24, "a/b~": 1}).json()
    assert [(one["in"], one["pointer"]) for one in told["errors"]] == [("body", "#/hour"), ("body", "#/a~1b~0")]
    told = program.get("/papers?limit=0&shoe=1").json()
    assert [(one["in"], one["pointer"]) for one in told["errors"]] == [("query", "#/limit"), ("query", "#/shoe")]
    told = program.get(f"/papers/{10**30}")
    assert (told.status_code, told.json()["errors"][0]["in"]) == (422, "path")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b"[" * 100_000, b'{"address": ' + b"1" * 5000 + b"}"])
def test_what_is_no_json_is_refused(program: TestClient, body: bytes) -> None:
    answer = program.post("/subscribers", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (422 if not body else 400)


@pytest.mark.parametrize("name", ["\x00", "a\nb", "\ud800", 7, None, ["x"], "x" * 201])
def test_characters_that_no_store_takes_are_refused(program: TestClient, name: object) -> None:
    body = json.dumps({"address": "ada@example.org", "name": name}).encode()
    answer = program.post("/subscribers", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_an_unknown_address_and_a_wrong_method_are_problems_too(program: TestClient) -> None:
    assert program.get("/shoes").json()["status"] == 404
    assert program.get("/papers/").json()["status"] == 404
    assert program.get("/papers/by/arxiv/%0A").json()["status"] == 404
    assert program.get("/../v2/papers").json()["status"] == 404
    answer = program.delete("/papers")
    assert (answer.json()["status"], answer.headers["Allow"]) == (405, "GET")


def test_what_may_work_later_says_so(program: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unreachable("The database cannot be used: it is away.")

    monkeypatch.setattr(questions, "find", fail)
    answer = program.get("/search?q=mamba")
    assert (answer.status_code, answer.json()["status"]) == (503, 503)


@pytest.mark.parametrize("error", [RuntimeError("secret"), ConfigurationError("secret")])
def test_what_nobody_expected_says_nothing_but_a_number(
    program: TestClient, shop: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(questions, "find", fail)
    calm = TestClient(make_app(shop), "http://localhost/api/v1", raise_server_exceptions=False)
    answer = calm.get("/search?q=mamba", headers=dict(program.headers))
    assert answer.status_code == 500
    assert answer.json()["request"] == answer.headers["X-Request-ID"]
    assert "secret" not in answer.text


def test_too_much_is_refused(program: TestClient) -> None:
    assert program.post("/subscribers", json={"text": "x" * 1_100_000}).status_code == 413
