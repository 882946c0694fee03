"""Subscribers come with consent, change when their editions come, and go without a trace."""

from datetime import datetime, timedelta

import pytest
from factories import make_subscriber
from scenes import add_reader, bring, rows, sent
from starlette.testclient import TestClient

from digest import errands, pipeline
from digest.mail.suppression import suppress
from digest.settings import Settings
from digest.subscribers import keys
from digest.tables import Edition, MailKind, OutboxMessage, Profile, Subscriber
from digest.web.app import make_app
from digest.workshop import Workshop

ADA = {"address": "Ada@Example.org", "name": "Ada", "zone": "Europe/Paris", "hour": 8, "weekdays": [4, 0], "papers": 5}


def test_whoever_is_not_vouched_for_gets_a_letter_that_asks(program: TestClient, shop: Workshop) -> None:
    answer = program.post("/subscribers", json=ADA | {"text": "state space models"})
    told = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/subscribers/{told['id']}")
    assert program.get(answer.headers["Location"].removeprefix("/api/v1")).json() == told
    assert (told["address"], told["status"], told["weekdays"], told["papers"], told["next_edition_at"]) == (
        "ada@example.org",
        "pending",
        [0, 4],
        5,
        None,
    )
    assert [profile["text"] for profile in rows(shop, Profile)] == ["state space models"]
    assert [message["kind"] for message in rows(shop, OutboxMessage)] == [MailKind.CONFIRM]


def test_whoever_is_vouched_for_is_active_at_once(program: TestClient, shop: Workshop, now: datetime) -> None:
    told = program.post("/subscribers", json={"address": "ada@example.org", "confirmed": True}).json()
    assert (told["status"], told["papers"]) == ("active", shop.settings.papers_per_edition)
    assert datetime.fromisoformat(told["next_edition_at"]) == now
    assert rows(shop, OutboxMessage) == []


def test_to_add_somebody_again_changes_nothing_and_says_where_they_are(program: TestClient, shop: Workshop) -> None:
    number = program.post("/subscribers", json=ADA).json()["id"]
    before = rows(shop, Subscriber)
    answer = program.post("/subscribers", json=ADA | {"address": "ada@example.org", "hour": 9, "confirmed": True})
    assert (answer.status_code, answer.json()["existing"]) == (409, f"/api/v1/subscribers/{number}")
    assert rows(shop, Subscriber) == before
    assert len(rows(shop, OutboxMessage)) == 1


def test_an_address_that_is_not_to_be_mailed_is_refused(program: TestClient, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        suppress(session, "ada@example.org", "complaint", now)
    for said in (ADA, ADA | {"confirmed": True}):
        assert program.post("/subscribers", json=said).status_code == 422
    assert rows(shop, Subscriber) == []


def test_when_the_letter_has_to_wait_nobody_is_added(settings: Settings, now: datetime) -> None:
    shop = Workshop(settings.model_copy(update={"limits": ["all-letters=1/hour"]}))
    with shop.database.session() as session:
        secret = keys.create(session, "program", keys.SCOPES, now)
    headers = {"Authorization": f"Bearer {secret}"}
    with TestClient(make_app(shop), "http://localhost/api/v1", headers=headers) as client:
        said = [{"address": f"{name}@example.org"} for name in ("ada", "bob")]
        assert [client.post("/subscribers", json=one).status_code for one in said] == [201, 503]
    assert [row["email"] for row in rows(shop, Subscriber)] == ["ada@example.org"]
    shop.database.dispose()


@pytest.mark.parametrize("wrong", [{"address": "ada"}, {"zone": "Mars/Base"}, {"hour": 24}, {"papers": 31}])
def test_what_cannot_be_taken_stores_nothing(program: TestClient, shop: Workshop, wrong: dict[str, object]) -> None:
    assert program.post("/subscribers", json=ADA | wrong).status_code == 422
    assert rows(shop, Subscriber) == []


def test_pages_hold_every_subscriber_once(program: TestClient, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        made = [make_subscriber(session, now) for _ in range(3)]
    first = program.get("/subscribers?limit=2").json()
    last = program.get("/subscribers", params={"limit": 2, "cursor": first["next"]}).json()
    listed = [one["id"] for page in (first, last) for one in page["subscribers"]]
    assert (listed, last["next"]) == ([one.id for one in made], None)
    found = program.get("/subscribers", params={"address": made[1].email.upper()}).json()["subscribers"]
    assert [one["id"] for one in found] == [made[1].id]
    assert program.get("/subscribers?address=nobody@example.org").json()["subscribers"] == []
    assert [program.get(f"/subscribers?{asked}").status_code for asked in ("address=x@y", "cursor=x")] == [200, 422]


def test_when_editions_come_is_changed_field_by_field(program: TestClient) -> None:
    number = program.post("/subscribers", json=ADA).json()["id"]
    told = program.patch(f"/subscribers/{number}", json={"hour": 0, "papers": None}).json()
    assert (told["hour"], told["zone"], told["weekdays"], told["papers"]) == (0, "Europe/Paris", [0, 4], 5)
    assert program.patch(f"/subscribers/{number}", json={"hour": 9, "zone": "Mars/Base"}).status_code == 422
    assert program.get(f"/subscribers/{number}").json()["hour"] == 0


def test_pause_resume_and_leave(program: TestClient, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        number = make_subscriber(session, now, next_edition_at=now + timedelta(days=1)).id

    def change(**said: object) -> tuple[int, str | None, str | None]:
        answer = program.patch(f"/subscribers/{number}", json=said)
        told = answer.json() if answer.status_code == 200 else {}
        return answer.status_code, told.get("status"), told.get("paused_until")

    assert change(pause_until="2026-05-10") == (200, "paused", "2026-05-10T07:00:00Z")
    assert change(status="paused") == (200, "paused", None)
    assert change(status="active") == (200, "active", None)
    assert change(status="active", pause_until="2026-05-10")[0] == 422
    assert change(pause_until="2028-01-01")[0] == 422
    assert [change(status="unsubscribed")[:2] for _ in range(2)] == [(200, "unsubscribed")] * 2
    assert change(status="active")[0] == 422
    assert change(status="suppressed")[0] == 422


def test_who_is_erased_is_gone(program: TestClient, shop: Workshop) -> None:
    number = program.post("/subscribers", json=ADA | {"text": "mamba"}).json()["id"]
    assert program.get(f"/subscribers/{number}/export").json()["subscriber"]["email"] == "ada@example.org"
    answer = program.delete(f"/subscribers/{number}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert rows(shop, Subscriber) == rows(shop, Profile) == []
    for path in (f"/subscribers/{number}", f"/subscribers/{number}/export"):
        assert program.get(path).status_code == 404
    assert program.delete(f"/subscribers/{number}").status_code == 404
    assert program.patch(f"/subscribers/{number}", json={"hour": 1}).status_code == 404


def test_an_edition_that_is_due_is_made_at_once_and_once(
    program: TestClient, shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "utc_now", lambda: now)
    bring(shop, now)
    reader = add_reader(shop, now, "mamba")
    pipeline.run(shop, now, upto="background")
    with TestClient(
        make_app(shop), "http://localhost/api/v1", headers=dict(program.headers)
    ) as another:  # its end waits for the errand
        answer = another.post(f"/subscribers/{reader.id}/edition")
        assert (answer.status_code, answer.json()["subscriber"]) == (202, reader.id)
    assert len(rows(shop, Edition)) == 1
    assert [message.recipient for message in sent(shop)] == [reader.email]
    assert program.post(f"/subscribers/{reader.id}/edition").status_code == 409


def test_an_edition_that_is_not_due_is_not_made(program: TestClient, shop: Workshop, now: datetime) -> None:
    number = program.post("/subscribers", json=ADA).json()["id"]
    answer = program.post(f"/subscribers/{number}/edition")
    assert (answer.status_code, answer.json()["detail"]) == (409, "No edition is due: the subscriber is pending.")
    with shop.database.session() as session:
        number = make_subscriber(session, now, next_edition_at=now + timedelta(hours=1)).id
    answer = program.post(f"/subscribers/{number}/edition")
    assert (answer.status_code, answer.json()["detail"]) == (409, "No edition is due before 2026-05-06 10:00 UTC.")
    with shop.database.session() as session:
        number = make_subscriber(session, now).id
    answer = program.post(f"/subscribers/{number}/edition")
    assert (answer.status_code, "no interest" in answer.json()["detail"]) == (409, True)
    assert program.post("/subscribers/99/edition").status_code == 404
