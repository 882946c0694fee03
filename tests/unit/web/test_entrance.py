"""Signing in by a mailed link: once, in one browser, and never to somewhere else."""

from datetime import datetime

import pytest
from browsing import ONE_DATABASE, Browser, Clock, token_of
from factories import make_subscriber
from scenes import rows

from digest.tables import WebSession
from digest.web.entrance import AFTER
from digest.workshop import Workshop

ADA, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture(autouse=True)
def people(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        for address in (ADA, BOB):
            make_subscriber(session, now, email=address, confirmed_at=now)


def is_in(browser: Browser) -> bool:
    return "Preferences</a>" in browser.get("/help").text.split("</header>")[0]


def test_a_link_signs_in_by_one_press_and_once(browser: Browser) -> None:
    browser.press("/sign-in", "Email me a link", email=ADA)
    link = browser.link("/sign-in/")
    assert not is_in(browser)
    answer = browser.press(link, "Sign in")
    assert (answer.status_code, answer.headers["location"]) == (303, "/preferences")
    assert is_in(browser)
    other = browser.other()
    assert "This link has been used" in other.get(link).text
    assert other.post(link, {}).status_code == 200
    assert not is_in(other)


def test_after_half_an_hour_a_link_is_void_and_after_a_month_a_session(browser: Browser, clock: Clock) -> None:
    browser.press("/sign-in", "Email me a link", email=ADA)
    clock.move(minutes=30)
    assert "This link is too old" in browser.get(browser.link("/sign-in/")).text
    browser.sign_in(ADA)
    clock.move(days=29)
    assert is_in(browser)
    clock.move(days=29)
    assert is_in(browser)
    clock.move(days=30)
    assert not is_in(browser)


def test_signing_in_begins_a_session_that_nobody_knew_before(shop: Workshop, browser: Browser) -> None:
    browser.get("/check-your-inbox")
    browser.press("/sign-in", "Email me a link", email=ADA)
    planted = browser.cookies["digest"]
    browser.press(browser.link("/sign-in/"), "Sign in")
    assert browser.cookies["digest"] != planted
    thief = browser.other()
    thief.client.cookies.set("digest", planted)
    assert not is_in(thief)
    first = rows(shop, WebSession)
    browser.press("/sign-out", "Sign out")
    browser.sign_in(BOB)
    assert len(rows(shop, WebSession)) == 1
    assert rows(shop, WebSession)[0]["digest"] != first[0]["digest"]


def test_signing_in_again_ends_the_session_before(shop: Workshop, browser: Browser) -> None:
    browser.sign_in(ADA)
    stolen = browser.other()
    stolen.client.cookies.set("digest", browser.cookies["digest"])
    assert is_in(stolen)
    assert browser.press("/sign-in/again", "Email me a link").status_code == 303
    browser.press(browser.link("/sign-in/"), "Sign in")
    assert is_in(browser)
    assert not is_in(stolen)
    assert len(rows(shop, WebSession)) == 1


def test_signing_out_ends_it_here_and_everywhere(shop: Workshop, browser: Browser) -> None:
    one, two = browser.other(), browser.other()
    for each in (browser, one, two):
        each.sign_in(ADA)
    answer = browser.press("/sign-out", "Sign out")
    assert "You are signed out." in browser.land(answer).text
    assert [is_in(each) for each in (browser, one, two)] == [False, True, True]
    one.press("/sign-out", "Sign out everywhere")
    assert [is_in(each) for each in (browser, one, two)] == [False, False, False]
    assert rows(shop, WebSession) == []


@ONE_DATABASE
def test_a_form_of_another_session_or_person_is_not_taken(browser: Browser) -> None:
    stranger, bob, ada = browser.other(), browser.other(), browser
    bob.sign_in(BOB)
    ada.sign_in(ADA)
    before = token_of(ada.get("/sign-out").text)
    tokens = [token_of(stranger.get("/sign-out").text), token_of(bob.get("/sign-out").text), "", "x", "1.x"]
    for token in tokens:
        answer = ada.post("/sign-out", {"form_token": token})
        assert answer.status_code == 403
        assert "open for too long" in answer.text
    assert ada.post("/sign-out", {}).status_code == 403
    assert is_in(ada)
    assert ada.post("/sign-out", {"form_token": before}).status_code == 303


@ONE_DATABASE
def test_a_form_of_two_hours_ago_is_not_taken(browser: Browser, clock: Clock) -> None:
    browser.sign_in(ADA)
    token = token_of(browser.get("/sign-out").text)
    clock.move(hours=2, seconds=1)
    assert browser.post("/sign-out", {"form_token": token}).status_code == 403
    clock.move(hours=-3)
    assert browser.post("/sign-out", {"form_token": token}).status_code == 403  # of the future
    assert is_in(browser)


ELSEWHERE = [
    "",
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/preferences/../..//evil",
    "/preferences//evil",
    "/preferences/\\evil",
    "/preferences/\r\nX: y",
    "/preferencesevil",
    "/papers/..",
    "/papers/%2e%2e",
    "/editions?x=//evil",
    "/sign-out",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_signing_in_leads_nowhere_else(path: str) -> None:
    assert AFTER.fullmatch(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/preferences",
        "/preferences/data",
        "/preferences/interests/new?text=state+space%20models",
        "/editions/2026-05-06",
        "/welcome/topics",
        "/papers/12",
    ],
)
def test_signing_in_leads_back(path: str) -> None:
    assert AFTER.fullmatch(path)


@ONE_DATABASE
def test_who_must_sign_in_is_sent_there(browser: Browser) -> None:
    assert browser.get("/sign-in/again").headers["location"] == "/sign-in"
    assert browser.post("/sign-out/everywhere", {}).headers["location"] == "/sign-in"
    browser.sign_in(ADA)
    assert browser.get("/sign-in").headers["location"] == "/preferences"


@ONE_DATABASE
def test_a_wrong_address_keeps_what_was_typed(browser: Browser) -> None:
    answer = browser.press("/sign-in", "Email me a link", email='"><b>ada')
    assert answer.status_code == 422
    assert 'value="&#34;&gt;&lt;b&gt;ada"' in answer.text


@ONE_DATABASE
def test_a_robot_gets_the_same_answer_and_no_mail(browser: Browser) -> None:
    answer = browser.press("/sign-in", "Email me a link", email=ADA, website="x")
    assert answer.headers["location"] == "/check-your-inbox"
    assert browser.mails() == []
