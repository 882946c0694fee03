"""Search: what is close with the reason, what is asked for wrongly with the entries kept, and never a broken page."""

import re
import threading
from datetime import datetime
from urllib.parse import quote

import pytest
from browsing import ONE_DATABASE, Browser
from scenes import bring
from starlette.testclient import TestClient

from digest import pipeline, questions
from digest.web import search
from digest.web.app import make_app
from digest.workshop import Workshop


@pytest.fixture
def stocked(shop: Workshop, now: datetime) -> Workshop:
    """A store with papers on five topics, ready to be searched."""
    bring(shop, now)
    pipeline.run(shop, now)
    return shop


@pytest.mark.usefixtures("stocked")
def test_close_papers_come_with_the_reason_and_may_become_an_interest(browser: Browser) -> None:
    page = browser.get("/search?q=robot+arm+grasp+objects").text
    first = page[page.index('<ol class="papers"') :]
    assert first.index("Robot study") < first.index("</li>")
    assert re.search(r'class="why">(Very close|Close|Related)[.:]', first)
    assert "6 papers" in page
    assert 'href="/preferences/interests/new?text=robot+arm+grasp+objects"' in page
    assert 'value="robot arm grasp objects"' in page


@pytest.mark.usefixtures("stocked")
def test_nothing_close_is_said_to_be_so(browser: Browser) -> None:
    page = browser.get("/search?q=quux").text
    assert "Nothing comes close. The nearest three:" in page
    assert page.count("<h3") == 3


def test_without_a_question_it_says_what_may_be_asked(browser: Browser) -> None:
    page = browser.get("/search").text
    assert page.count('<li><a href="/search?q=') == len(search.EXAMPLES) == 3
    assert "What the search understands" in page


def test_without_vectors_it_looks_for_the_words_and_says_so(shop: Workshop, browser: Browser, now: datetime) -> None:
    assert "No papers" in browser.get("/search?q=robot").text
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    page = browser.get("/search?q=robot+grasp").text
    assert "hold all of your words" in page
    assert page.count("<h3") == 6
    assert 'class="why"' not in page


@pytest.mark.parametrize(
    ("asked", "message", "field"),
    [
        ("cat=cs.ZZ", "There is no arXiv category “cs.ZZ”", "cat"),
        ("from=yesterday", "Write the date as 2026-04-24", "from"),
        ("sort=best", "Choose an order", "sort"),
        ("page=11", "Only the 200 closest papers are listed", ""),
    ],
)
@ONE_DATABASE
def test_what_cannot_be_answered_is_said_at_its_field_with_the_entries_kept(
    browser: Browser, asked: str, message: str, field: str
) -> None:
    answer = browser.get(f"/search?q=%22%3E%3Cscript%3E&{asked}")
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert message in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;"' in answer.text
    assert "<script>" not in answer.text
    assert not field or (f'href="#{field}"' in answer.text and f'id="{field}"' in answer.text)


@pytest.mark.parametrize(
    "asked",
    [
        "q=" + quote("🙂" * 500),
        "q=a%00b%0d%0a&cat=%00",
        "q=%ff%fe&page=abc",
        "q=" + "long+words+" * 300,
        "q=a&q=b&cat=cs.CL,cs.LG&from=&sort=newest&page=-1",
        "q=the&unknown=1",
        "q=%F0%9F%98&from=0001-01-01",
    ],
)
@pytest.mark.usefixtures("stocked")
def test_odd_questions_break_nothing(browser: Browser, asked: str) -> None:
    answer = browser.get(f"/search?{asked}")
    assert answer.status_code == 200
    assert browser.client.head(f"/search?{asked}").status_code == 200
    assert ("first 500 characters" in answer.text) == ("long" in asked)


@ONE_DATABASE
@pytest.mark.usefixtures("stocked")
def test_a_network_that_searches_on_and_on_must_wait(browser: Browser) -> None:
    codes = [browser.get("/search?q=robot").status_code for _ in range(31)]
    assert codes[-2:] == [200, 429]
    assert browser.get("/search").status_code == 200


@ONE_DATABASE
def test_a_search_during_the_start_says_so_and_the_start_does_not_wait(
    stocked: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, warm_up = threading.Event(), questions.warm_up

    def slowly(shop: Workshop, now: datetime) -> None:
        ready.wait(30)
        warm_up(shop, now)

    monkeypatch.setattr(questions, "warm_up", slowly)
    monkeypatch.setattr(search, "PATIENCE", 0.0)
    with TestClient(make_app(stocked), base_url=stocked.settings.base_url) as client:
        early = client.get("/search?q=robot")
        assert (early.status_code, early.headers["retry-after"]) == (503, "10")
        assert "The search is still being loaded" in early.text
        assert "They are being worked out" in client.get("/papers/1").text
        ready.set()
        monkeypatch.setattr(search, "PATIENCE", 30.0)
        assert client.get("/search?q=robot").status_code == 200
        assert "They are being worked out" not in client.get("/papers/1").text
