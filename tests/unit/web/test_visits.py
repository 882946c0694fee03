"""A visit: what of a request is believed, and what is left out of it."""

import json
from base64 import b64encode
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, cast

import anyio
import pytest
from browsing import ONE_DATABASE, Browser, Clock
from factories import make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from scenes import rows
from starlette.datastructures import FormData
from starlette.requests import Request

from digest.subscribers import optin, privacy
from digest.tables import Subscriber, WebSession
from digest.web import visits
from digest.web.site import Site
from digest.web.visits import Number, Visit, clean
from digest.workshop import Workshop

ADA = "ada@example.org"


@given(text=st.text(st.characters(codec=None)))
def test_what_nothing_can_hold_is_left_out(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\x00" not in cleaned
    assert [c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff"] == list(cleaned)


def test_a_number_fits_every_database() -> None:
    assert Number.regex == "[0-9]{1,18}"
    assert int("9" * 18) < 2**63


@pytest.fixture
def ada(shop: Workshop, now: datetime) -> Subscriber:
    with shop.database.session() as session:
        return make_subscriber(session, now, email=ADA, confirmed_at=now)


@ONE_DATABASE
@pytest.mark.usefixtures("ada")
def test_messages_are_shown_once(browser: Browser) -> None:
    browser.sign_in(ADA)
    browser.press("/sign-out", "Sign out")
    assert "You are signed out." in browser.get("/").text
    assert "You are signed out." not in browser.get("/").text


@pytest.mark.usefixtures("ada")
def test_a_visit_is_written_down_once_an_hour(shop: Workshop, browser: Browser, clock: Clock) -> None:
    browser.sign_in(ADA)
    first = rows(shop, WebSession)[0]["seen_at"]
    clock.move(minutes=30)
    browser.get("/help")
    assert rows(shop, WebSession)[0]["seen_at"] == first
    clock.move(minutes=31)
    browser.get("/help")
    assert rows(shop, WebSession)[0]["seen_at"] == clock.now


@ONE_DATABASE
@pytest.mark.usefixtures("ada")
def test_a_session_of_somebody_who_is_gone_is_over(shop: Workshop, browser: Browser, now: datetime) -> None:
    browser.sign_in(ADA)
    with shop.database.session() as session:
        privacy.erase(session, optin.find(session, ADA), now)
    answer = browser.get("/help")
    assert answer.status_code == 200
    assert "Sign in</a>" in answer.text


@ONE_DATABASE
@pytest.mark.usefixtures("ada")
def test_the_address_of_a_page_is_not_made_of_the_host_header(browser: Browser) -> None:
    browser.press("/sign-in", "Email me a link", email=ADA)
    link = browser.link("/sign-in/")
    assert f'action="{link}"' in browser.get(link, Host="localhost/evil").text


@ONE_DATABASE
@pytest.mark.usefixtures("ada")
def test_who_is_deleted_while_their_press_is_under_way_is_signed_out(
    shop: Workshop, browser: Browser, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    browser.sign_in(ADA)
    page = browser.get("/preferences/feeds")
    recognise = visits._recognise

    def recognise_and_erase(visit: Visit, secret: str) -> None:
        recognise(visit, secret)
        with shop.database.session() as session:
            privacy.erase(session, optin.find(session, ADA), now)

    with monkeypatch.context() as patch:
        patch.setattr(visits, "_recognise", recognise_and_erase)
        answer = browser.press(page, "Draw new addresses")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Sign in</a>" in browser.land(answer).text


def test_what_is_told_fits_into_a_cookie_whatever_was_typed(now: datetime) -> None:
    kept: dict[str, Any] = {}
    visit = Visit(cast("Site", None), Request({"type": "http", "session": kept}), now, FormData())
    for _ in range(5):
        visit.tell(f"No stored paper is by “{'Ö ' * 20_000}”.")
    assert len(b64encode(json.dumps(kept).encode())) < 3_500  # beside the session and its signature
    assert all(note.startswith("No stored paper is by “Ö Ö Ö") for note in kept["notes"])


@ONE_DATABASE
def test_a_form_whose_sender_hangs_up_is_no_fault_of_ours(browser: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    pieces = [{"type": "http.request", "body": b"email=a", "more_body": True}, {"type": "http.disconnect"}]
    answers: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return pieces.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/subscribe", "query_string": b"", "headers": headers}
    anyio.run(browser.client.app, scope, receive, send)
    assert answers[0]["status"] == 400
    assert "page_failed" not in "".join(capsys.readouterr())
