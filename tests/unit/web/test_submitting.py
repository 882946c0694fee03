"""Submitting a paper: to it when it is here, else it waits and the reader sees that it does."""

from datetime import datetime, timedelta

import pytest
from browsing import ONE_DATABASE, Browser
from factories import make_paper, make_subscriber
from scenes import rows

from digest.tables import PaperRequest
from digest.workshop import Workshop

ADA = "ada@example.org"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Browser:
    """The browser of a reader who is signed in."""
    with shop.database.session() as session:
        make_subscriber(session, now, email=ADA, next_edition_at=now + timedelta(days=1))
    browser.sign_in(ADA)
    return browser


def submit(browser: Browser, paper: str) -> tuple[int, str]:
    answer = browser.press("/submit", "Submit", paper=paper)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_only_readers_submit(browser: Browser) -> None:
    assert browser.get("/submit").headers["location"] == "/sign-in"
    assert browser.post("/submit", {"paper": "2605.00001"}).headers["location"] == "/sign-in"


def test_a_paper_that_is_here_is_shown(shop: Workshop, ada: Browser, now: datetime) -> None:
    with shop.database.session() as session:
        paper = make_paper(session, now, title="The one")
    here = (303, f"/papers/{paper.id}")
    assert submit(ada, f"https://arxiv.org/abs/2605.{paper.id + 1:05}") == here
    assert submit(ada, "the ONE") == here
    assert rows(shop, PaperRequest) == []


def test_a_paper_that_is_not_waits_and_is_listed_until_it_is_given_up(
    shop: Workshop, ada: Browser, now: datetime
) -> None:
    assert "Nothing is being looked up for you." in ada.get("/submit").text
    answer = ada.press("/submit", "Submit", paper="<b>Unknown</b> work")
    page = ada.land(answer).text
    assert "is being looked up" in page
    assert "&lt;b&gt;Unknown&lt;/b&gt; work" in page
    assert "Being looked up since" in page
    assert "arXiv is fetched" not in page
    with shop.database.session() as session:
        request = session.get_one(PaperRequest, rows(shop, PaperRequest)[0]["id"])
        request.gave_up_at = now
    assert "Not found, given up on" in ada.get("/submit").text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Name a paper"),
        ("https://evil.example/<script>", "Links must be to arxiv.org"),
        ("2605.00001 2605.00002", "Name one paper"),
        ("x" * 501, "Use 500 characters or fewer"),
    ],
)
@ONE_DATABASE
def test_what_names_no_paper_is_said_at_the_field(shop: Workshop, ada: Browser, typed: str, message: str) -> None:
    status, page = submit(ada, typed)
    assert status == 422
    assert "<title>Error: Submit a paper" in page
    assert 'href="#paper"' in page
    assert message in page
    assert "<script>" not in page
    assert rows(shop, PaperRequest) == []


@ONE_DATABASE
def test_a_stale_form_keeps_what_was_typed(shop: Workshop, ada: Browser) -> None:
    page = ada.get("/submit")
    ada.clock.move(hours=3)
    stale = ada.press(page, "Submit", paper="2605.77777")
    assert stale.status_code == 403
    assert 'value="2605.77777"' in stale.text
    assert rows(shop, PaperRequest) == []
