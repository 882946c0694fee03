"""Nobody gets in without a key, with a key for something else, or all the time."""

from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

from digest.settings import Settings
from digest.subscribers import keys
from digest.web.app import make_app
from digest.workshop import Workshop


def make_key(shop: Workshop, now: datetime, *scopes: str) -> dict[str, str]:
    with shop.database.session() as session:
        return {"Authorization": f"Bearer {keys.create(session, '-'.join(scopes), scopes, now)}"}


@pytest.mark.parametrize(
    "shown", [None, "Bearer", "Basic ZGlnZXN0Og==", "Bearer digest_guess", "Bearer wrong", "Bearer digest_\xe4"]
)
def test_who_shows_no_key_is_told_how_to(stranger: TestClient, shown: str | None) -> None:
    headers = [(b"Authorization", shown.encode("latin-1"))] if shown else []
    answer = stranger.get("/papers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_opens_what_its_scopes_say(stranger: TestClient, shop: Workshop, now: datetime) -> None:
    reads = make_key(shop, now, "read")
    assert stranger.get("/papers", headers=reads).status_code == 200
    answer = stranger.get("/subscribers", headers=reads)
    assert answer.status_code == 403
    assert "“subscribers”" in answer.json()["detail"]
    assert 'scope="subscribers"' in answer.headers["WWW-Authenticate"]
    assert stranger.post("/subscribers/1/edition", headers=reads).status_code == 403
    assert stranger.get("/papers", headers=make_key(shop, now, "send")).status_code == 403


def test_a_revoked_key_opens_nothing(stranger: TestClient, shop: Workshop, now: datetime) -> None:
    reads = make_key(shop, now, "read")
    with shop.database.session() as session:
        keys.revoke(session, "read")
    assert stranger.get("/papers", headers=reads).status_code == 401


def test_the_use_of_a_key_is_noted_once_an_hour(stranger: TestClient, shop: Workshop, now: datetime) -> None:
    reads = make_key(shop, now - timedelta(days=1), "read")
    with shop.database.session() as session:
        session.info["key"] = keys.listing(session)[0]
        session.info["key"].used_at = now - timedelta(minutes=59)
    assert used_at(shop) == now - timedelta(minutes=59)
    stranger.get("/papers", headers=reads)
    assert used_at(shop) == now - timedelta(minutes=59)
    with shop.database.session() as session:
        keys.listing(session)[0].used_at = now - timedelta(minutes=60)
    stranger.get("/papers", headers=reads)
    assert used_at(shop) == now


def used_at(shop: Workshop) -> datetime | None:
    with shop.database.session(write=False) as session:
        return keys.listing(session)[0].used_at


def test_a_key_that_is_used_too_often_waits_and_others_do_not(settings: Settings, now: datetime) -> None:
    shop = Workshop(settings.model_copy(update={"limits": ["api=2/minute"]}))
    client = TestClient(make_app(shop), "http://localhost/api/v1")
    one, other = make_key(shop, now, "read"), make_key(shop, now, "send", "read")
    assert client.get("/papers", headers=one).headers["RateLimit"].startswith('"api";r=1;t=')
    answers = [client.get("/papers", headers=one) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"api";q=2'
    assert 0 < int(answers[1].headers["Retry-After"]) <= 61
    assert answers[1].json()["status"] == 429
    assert client.get("/papers", headers=other).status_code == 200
    assert [client.get("/papers").status_code for _ in range(3)] == [401, 401, 429]
    assert client.get("/papers", headers=other).status_code == 200
    shop.database.dispose()
