"""A program that calls the interface of a workshop with a key that opens everything."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from starlette.testclient import TestClient

from digest.subscribers import keys
from digest.web.api import calls
from digest.web.app import make_app
from digest.workshop import Workshop


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Calls come at `now`."""
    monkeypatch.setattr(calls, "utc_now", lambda: now)


@pytest.fixture
def stranger(shop: Workshop) -> Iterator[TestClient]:
    """Somebody without a key. In the end errands are waited for."""
    with TestClient(make_app(shop), "http://localhost/api/v1") as client:
        yield client


@pytest.fixture
def program(stranger: TestClient, shop: Workshop, now: datetime) -> TestClient:
    with shop.database.session() as session:
        secret = keys.create(session, "program", keys.SCOPES, now)
    stranger.headers["Authorization"] = f"Bearer {secret}"
    return stranger
