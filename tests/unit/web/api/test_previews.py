"""A preview brings what the interest would, with reasons, and stores nothing."""

from datetime import datetime

from scenes import bring, everything
from starlette.testclient import TestClient

from digest import pipeline
from digest.workshop import Workshop


def test_an_interest_is_tried_out(program: TestClient, shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    program.get("/papers")  # notes the use of the key
    before = everything(shop)
    said = {"text": "A robot arm learns to grasp objects", "keywords": ["tactile"], "papers": 3}
    told = program.post("/preview", json=said).json()
    assert everything(shop) == before
    assert 1 <= len(told["papers"]) <= 3
    first = told["papers"][0]
    assert first["paper"]["title"].startswith("Robot")
    assert "“tactile”" in first["reason"]
    assert told["considered"] > 3


def test_what_muted_words_hide_is_told(program: TestClient, shop: Workshop, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="background")
    told = program.post("/preview", json={"text": "A robot arm learns to grasp objects", "muted": ["robot"]}).json()
    assert told["hidden"]
    assert {one["phrase"] for one in told["hidden"]} == {"robot"}
    assert not [one for one in told["papers"] if one["paper"]["title"].startswith("Robot")]


def test_without_papers_there_is_nothing(program: TestClient) -> None:
    told = program.post("/preview", json={"text": "mamba"})
    assert (told.status_code, told.json()) == (200, {"papers": [], "missed": [], "hidden": [], "considered": 0})


def test_an_interest_that_says_nothing_is_refused(program: TestClient) -> None:
    answer = program.post("/preview", json={"liked": ["https://evil.example/1"], "muted": ["a"]})
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == {"#/liked", "#/muted"}
    assert [one["pointer"] for one in program.post("/preview", json={}).json()["errors"]] == ["#"]
