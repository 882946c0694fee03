"""Days, hour, zone and length of editions; pauses."""

import re
from datetime import datetime, timedelta

import pytest
from browsing import Browser, Clock
from factories import make_profile, make_subscriber
from scenes import rows

from digest.clock import zones
from digest.tables import Subscriber, SubscriberStatus
from digest.workshop import Workshop

ADA = "ada@example.org"
PAGE, PAUSE = "/preferences/delivery", "/preferences/pause"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, confirmed_at=now, papers_per_edition=7)
        ada.next_edition_at = now + timedelta(hours=22)
        make_profile(session, ada)
    browser.sign_in(ADA)
    return ada


def stored(shop: Workshop) -> dict[str, object]:
    return rows(shop, Subscriber)[0]


@pytest.mark.usefixtures("ada")
def test_the_form_shows_what_is_stored(browser: Browser) -> None:
    page = browser.get(PAGE).text
    assert len(re.findall(r'name="weekdays" value="\d" checked', page)) == 7
    assert '<option value="7" selected>07:00</option>' in page
    assert '<option value="UTC" selected>UTC</option>' in page
    assert '<option value="7" selected>7 papers</option>' in page
    assert "data-guess-zone" in page
    assert "Thursday 7 May at 07:00</time> (UTC)" in page


@pytest.mark.usefixtures("ada")
def test_every_zone_can_be_chosen_by_region(browser: Browser) -> None:
    page = browser.get(PAGE).text
    assert '<optgroup label="Europe">' in page
    assert '<option value="America/New_York">America/New York</option>' in page
    select = page.partition('name="zone"')[2].partition("</select>")[0]
    offered = re.findall(r'<option value="([^"]+)"', select)
    assert sorted(offered) == sorted(name for names in zones().values() for name in names)


@pytest.mark.usefixtures("ada")
def test_what_was_chosen_is_stored_and_said(browser: Browser, shop: Workshop) -> None:
    chosen = {"weekdays": ["0", "1", "2", "3", "4"], "hour": "18", "zone": "Asia/Calcutta", "papers": "20"}
    page = browser.land(browser.press(PAGE, "Save", **chosen)).text
    assert "Saved. Every weekday at 18:00, Asia/Calcutta, up to 20 papers." in page
    assert "Wednesday 6 May at 18:00</time> (Asia/Calcutta)" in page
    row = stored(shop)
    assert row["next_edition_at"] == datetime.fromisoformat("2026-05-06T12:30Z")
    assert (row["weekdays"], row["hour"], row["papers_per_edition"]) == ([0, 1, 2, 3, 4], 18, 20)
    assert "data-guess-zone" not in browser.get(PAGE).text


@pytest.mark.usefixtures("ada")
def test_at_least_one_day_is_needed_and_the_rest_is_kept(browser: Browser, shop: Workshop) -> None:
    answer = browser.press(PAGE, "Save", weekdays=None, hour="18", zone="Europe/Paris", papers="20")
    assert answer.status_code == 422
    assert "<title>Error: Delivery" in answer.text
    assert '<a href="#weekdays">Choose at least one day</a>' in answer.text
    assert '<option value="18" selected>' in answer.text
    assert '<option value="Europe/Paris" selected>' in answer.text
    assert "data-guess-zone" not in answer.text
    assert (stored(shop)["hour"], stored(shop)["zone"]) == (7, "UTC")


@pytest.mark.parametrize(
    "wrong", [{"hour": "24"}, {"hour": "x"}, {"zone": "<script>"}, {"papers": "31"}, {"weekdays": "7"}]
)
@pytest.mark.usefixtures("ada")
def test_what_is_not_offered_is_not_taken(browser: Browser, shop: Workshop, wrong: dict[str, str]) -> None:
    before = stored(shop)
    answer = browser.press(PAGE, "Save", **wrong)
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    assert stored(shop) == before


@pytest.mark.usefixtures("ada")
def test_a_form_that_lay_open_for_too_long_is_shown_again(browser: Browser, shop: Workshop, clock: Clock) -> None:
    page = browser.get(PAGE)
    clock.move(hours=3)
    answer = browser.press(page, "Save", hour="18")
    assert answer.status_code == 403
    assert '<option value="18" selected>' in answer.text
    assert browser.press(answer, "Save", hour="18").status_code == 303
    assert stored(shop)["hour"] == 18


@pytest.mark.usefixtures("ada")
def test_a_pause_until_a_day(browser: Browser, shop: Workshop) -> None:
    answer = browser.press(PAGE, "Pause", until="2026-05-20")
    assert "Paused until" in browser.land(answer).text
    row = stored(shop)
    assert row["status"] is SubscriberStatus.PAUSED
    assert row["paused_until"] == datetime.fromisoformat("2026-05-20T07:00Z")
    assert "Your editions pause until" in browser.get(PAGE).text
    assert browser.press(PAGE, "Change the pause", until="").status_code == 303
    assert stored(shop)["paused_until"] is None
    assert browser.press(PAGE, "Resume").status_code == 303
    assert stored(shop)["status"] is SubscriberStatus.ACTIVE


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("2026-05-06", "The edition of 2026-05-06 is over: choose a later day."),
        ("2030-01-01", "A pause lasts a year at most"),
        ('"><script>', "Enter a day like 2026-12-04, or leave it empty"),
    ],
)
@pytest.mark.usefixtures("ada")
def test_a_day_that_cannot_be_is_refused(browser: Browser, shop: Workshop, until: str, told: str) -> None:
    answer = browser.press(PAUSE, "Pause", until=until)
    assert answer.status_code == 422
    assert f'<a href="#until">{told}' in answer.text
    assert "<title>Error: Pause" in answer.text
    assert "<script>" not in answer.text
    assert stored(shop)["status"] is SubscriberStatus.ACTIVE


def test_who_gets_no_editions_cannot_pause(browser: Browser, shop: Workshop, ada: Subscriber) -> None:
    page = browser.get(PAUSE)
    with shop.database.session() as session:
        session.get_one(Subscriber, ada.id).status = SubscriberStatus.UNSUBSCRIBED
    assert browser.press(page, "Pause", until="2026-05-20").status_code == 422
    assert "You get no editions that could be paused" in browser.get(PAUSE).text
    assert stored(shop)["status"] is SubscriberStatus.UNSUBSCRIBED


@pytest.mark.usefixtures("ada")
def test_looking_changes_nothing(browser: Browser, shop: Workshop) -> None:
    before = stored(shop)
    for page in (PAGE, PAUSE):
        assert browser.get(f"{page}?hour=18&until=2026-05-20").status_code == 200
    assert stored(shop) == before
