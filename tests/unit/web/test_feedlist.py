"""The addresses of feeds: all of them work, in a feed reader's file too, until new ones are drawn."""

from datetime import datetime
from xml.etree import ElementTree

import pytest
from browsing import Browser
from factories import make_profile, make_subscriber
from scenes import rows

from digest.tables import Profile, Subscriber
from digest.workshop import Workshop

ADA = "ada@example.org"
PAGE = "/preferences/feeds"
NASTY = "<script>\"&'"


@pytest.fixture(autouse=True)
def ada(shop: Workshop, browser: Browser, now: datetime) -> None:
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, feed_key="first", confirmed_at=now)
        make_profile(session, ada, name=NASTY)
    browser.sign_in(ADA)


def listed(browser: Browser) -> dict[str, str]:
    """The feeds of the file by their titles."""
    answer = browser.get(f"{PAGE}.opml")
    assert answer.headers["content-disposition"] == 'attachment; filename="paper-digest.opml"'
    assert answer.headers["cache-control"] == "no-store"
    outlines = ElementTree.fromstring(answer.content).iter("outline")  # noqa: S314 - ours
    return {one.attrib["text"]: one.attrib["xmlUrl"] for one in outlines}


def test_every_feed_is_there_in_three_forms(browser: Browser) -> None:
    page = browser.get(PAGE).text
    assert set(listed(browser)) == {"All your editions", f"Interest: {NASTY}", "What is trending"}
    for address in listed(browser).values():
        for form in ("atom", "rss", "json"):
            there = address.removesuffix("atom") + form
            assert f'href="{there}"' in page
            assert browser.other().get(there.removeprefix(browser.origin)).status_code == 200


def test_names_are_text(browser: Browser) -> None:
    page = browser.get(PAGE).text
    assert NASTY not in page
    assert "&lt;script&gt;" in page


def test_new_addresses_end_the_old_ones(browser: Browser, shop: Workshop) -> None:
    old = listed(browser)
    page = browser.get(PAGE)
    assert rows(shop, Subscriber)[0]["feed_key"] == "first"
    told = browser.land(browser.press(page, "Draw new addresses")).text
    assert "The old ones do not work any more." in told
    new = listed(browser)
    for title in old:
        still = browser.get(old[title].removeprefix(browser.origin)).status_code
        assert still == (200 if title == "What is trending" else 404)
        assert browser.get(new[title].removeprefix(browser.origin)).status_code == 200


def test_a_removed_interest_has_no_feed_in_the_list(browser: Browser, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        session.get_one(Profile, rows(shop, Profile)[0]["id"]).removed_at = now
    assert set(listed(browser)) == {"All your editions", "What is trending"}


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}.opml"])
def test_feeds_are_listed_to_their_owner_only(browser: Browser, page: str) -> None:
    assert browser.other().get(page).headers["location"] == "/sign-in"


def test_another_persons_button_draws_nothing(browser: Browser, shop: Workshop) -> None:
    assert browser.post(PAGE, {"form_token": "1.x"}).status_code == 403
    assert rows(shop, Subscriber)[0]["feed_key"] == "first"
