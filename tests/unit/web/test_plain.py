"""Plain pages, and what programs look for."""

from datetime import datetime

import pytest
from browsing import ONE_DATABASE, Browser

pytestmark = ONE_DATABASE


@pytest.mark.parametrize("name", ["help", "privacy", "accessibility", "about"])
def test_a_page_tells_and_has_one_heading(browser: Browser, name: str) -> None:
    text = browser.get(f"/{name}").text
    assert text.count("<h1") == 1
    assert f"<title>{name.title()} – Paper Digest</title>" in text


def test_titles_are_unique(browser: Browser) -> None:
    paths = ["/", "/help", "/privacy", "/accessibility", "/about", "/subscribe", "/sign-in", "/nowhere", "/status"]
    titles = [browser.get(path).text.partition("<title>")[2].partition("</title>")[0] for path in paths]
    assert len(set(titles)) == len(paths)


def test_robots_are_kept_out_of_what_is_somebodys(browser: Browser) -> None:
    text = browser.get("/robots.txt").text
    assert "Disallow: /preferences\n" in text
    assert "Disallow: /\n" not in text


def test_who_finds_a_hole_is_told_whom_to_tell(browser: Browser, now: datetime) -> None:
    text = browser.get("/.well-known/security.txt").text
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    assert fields["Contact"] == "mailto:digest@papers.example"
    assert fields["Canonical"] == "http://localhost:8000/.well-known/security.txt"
    assert 0 < (datetime.fromisoformat(fields["Expires"]) - now).days < 365
