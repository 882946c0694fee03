"""Interests are stored as they are said, told as they are stored, and taught by votes."""

from datetime import datetime

import pytest
from factories import make_paper, make_profile, make_subscriber
from scenes import rows
from starlette.testclient import TestClient

from digest.tables import Feedback, Profile, ProfileExample
from digest.workshop import Workshop

MAMBA = {"name": "Mamba", "text": "state space models", "muted": ["survey until 2026-12-31"], "keywords": ["mamba"]}


@pytest.fixture
def base(shop: Workshop, now: datetime) -> str:
    with shop.database.session() as session:
        return f"/subscribers/{make_subscriber(session, now).id}"


def test_an_interest_is_told_as_it_was_said(program: TestClient, base: str, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        make_paper(session, now)
    answer = program.post(f"{base}/profiles", json=MAMBA | {"liked": ["2605.00002"]})
    told = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1{base}/profiles/{told['id']}")
    assert {name: told[name] for name in MAMBA} == MAMBA
    assert told["liked"][0].startswith("2605.00002 ")
    assert program.get(f"{base}/profiles").json() == {"profiles": [told]}
    put_back = {name: value for name, value in told.items() if name not in {"id", "created_at"}}
    assert program.put(f"{base}/profiles/{told['id']}", json=put_back).json() == told
    assert len(rows(shop, ProfileExample)) == 1


def test_what_is_left_out_of_a_replacement_goes(program: TestClient, base: str) -> None:
    number = program.post(f"{base}/profiles", json=MAMBA).json()["id"]
    told = program.put(f"{base}/profiles/{number}", json={"name": "Robots", "text": "arms", "active": False}).json()
    assert (told["name"], told["text"], told["muted"], told["active"]) == ("Robots", "arms", [], False)


def test_to_add_an_interest_again_says_where_it_is(program: TestClient, base: str, shop: Workshop) -> None:
    number = program.post(f"{base}/profiles", json=MAMBA).json()["id"]
    answer = program.post(f"{base}/profiles", json=MAMBA | {"name": "mamba"})
    assert (answer.status_code, answer.json()["existing"]) == (409, f"/api/v1{base}/profiles/{number}")
    assert len(rows(shop, Profile)) == 1


def test_faults_are_told_field_by_field(program: TestClient, base: str, shop: Workshop) -> None:
    said = {"name": "x", "liked": ["https://evil.example/1"], "muted": ["a"], "categories": ["cs.XX"]}
    answer = program.post(f"{base}/profiles", json=said)
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == {"#/liked", "#/muted", "#/categories"}
    answer = program.post(f"{base}/profiles", json={"name": "x"})
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#"]
    assert rows(shop, Profile) == []


def test_a_removed_interest_is_gone_and_its_name_free(program: TestClient, base: str) -> None:
    number = program.post(f"{base}/profiles", json=MAMBA).json()["id"]
    assert program.delete(f"{base}/profiles/{number}").status_code == 204
    for call in (program.get, program.delete):
        assert call(f"{base}/profiles/{number}").status_code == 404
    assert program.put(f"{base}/profiles/{number}", json=MAMBA).status_code == 404
    assert program.post(f"{base}/profiles", json=MAMBA).status_code == 201


def test_nobody_reaches_anothers_interest(program: TestClient, base: str, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        theirs = make_profile(session, make_subscriber(session, now)).id
    assert program.get(f"{base}/profiles/{theirs}").status_code == 404
    assert program.put(f"{base}/profiles/{theirs}", json=MAMBA).status_code == 404
    assert program.delete(f"{base}/profiles/{theirs}").status_code == 404
    assert program.get("/subscribers/99/profiles").status_code == 404


def test_the_latest_vote_counts_and_teaches(program: TestClient, base: str, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        paper = make_paper(session, now).id
    number = program.post(f"{base}/profiles", json=MAMBA).json()["id"]
    told = program.post(f"{base}/votes", json={"paper": paper, "value": 1})
    assert (told.status_code, told.json()) == (200, {"paper": paper, "value": 1, "reason": "", "profile": number})
    program.post(f"{base}/votes", json={"paper": paper, "value": -1, "reason": "seen"})
    assert [(row["value"], row["reason"]) for row in rows(shop, Feedback)] == [(-1, "seen")]
    assert program.post(f"{base}/votes", json={"paper": 99, "value": 1}).json()["errors"][0]["pointer"] == "#/paper"
    assert program.post(f"{base}/votes", json={"paper": paper, "value": 1, "reason": "dull"}).status_code == 422
