"""The front page: a promise, a form, and what is trending."""

from datetime import datetime

from browsing import Browser
from scenes import bring

from digest import pipeline
from digest.workshop import Workshop


def test_without_papers_the_page_says_how_they_come(browser: Browser) -> None:
    text = browser.get("/").text
    assert "The first papers arrive after the first run" in text
    assert 'action="/subscribe"' in text
    assert "Error: " not in text


def test_the_latest_trending_papers_are_a_sample(shop: Workshop, browser: Browser, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    pipeline.prepare(shop, now)
    text = browser.get("/").text
    assert text.count('class="title"') == 5
    assert "Galaxy study" in text


def test_one_may_subscribe_from_here(browser: Browser) -> None:
    assert browser.press("/", "Subscribe", email="ada@example.org").headers["location"] == "/check-your-inbox"
    assert browser.link("/confirm/", "ada@example.org")
