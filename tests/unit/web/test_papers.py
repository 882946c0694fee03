"""The page of a paper: all that is known of it, what is like it, and a vote that says what learns from it."""

import json
import re
from datetime import datetime, timedelta

import pytest
from browsing import ONE_DATABASE, Browser
from factories import make_paper, make_profile, make_subscriber
from scenes import bring, rows
from sqlmodel import select

from digest import pipeline
from digest.tables import Feedback, Paper, PaperExternalId, ProfileExample, Signal, Subscriber
from digest.workshop import Workshop

ADA = "ada@example.org"


def add_ada(shop: Workshop, now: datetime, *topics: str) -> Subscriber:
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, next_edition_at=now + timedelta(days=1))
        for topic in topics:
            make_profile(session, ada, topic)
    return ada


def add_paper(shop: Workshop, now: datetime, **fields: object) -> Paper:
    with shop.database.session() as session:
        return make_paper(session, now, **fields)


def test_a_paper_is_shown_with_all_that_is_known(shop: Workshop, browser: Browser, now: datetime) -> None:
    names = [f"Author {number}" for number in range(34)]
    paper = add_paper(shop, now, title="On <b>$\\beta$</b>", authors=names, author_count=40, categories=["cs.CL"])
    with shop.database.session() as session:
        for hours, votes in ((0, 2), (30, 9)):
            moment = now + timedelta(hours=hours)
            session.add(Signal(paper_id=paper.id, source="hf", kind="votes", observed_at=moment, value=votes))
    page = browser.get(f"/papers/{paper.id}").text
    assert "On &lt;b&gt;β&lt;/b&gt;" in page
    assert "<summary>4 more authors</summary>" in page
    assert "and 6 more" in page
    assert 'href="https://arxiv.org/pdf/2605.00001"' in page
    assert "9 votes." in page
    assert f'<title id="spark-{paper.id}">Votes rose from 2 to 9 between 6 May 2026 and 7 May 2026.</title>' in page
    assert f'<link rel="canonical" href="{shop.settings.base_url}/papers/{paper.id}">' in page
    assert "style=" not in page
    assert "More like this" not in page


def test_search_engines_are_told_of_it_and_nothing_breaks_out_of_the_block(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    paper = add_paper(shop, now, title="A </script><script>alert(1)</script>", abstract="It's & <!-- so.")
    page = browser.get(f"/papers/{paper.id}").text
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    facts = json.loads(block[1])
    assert facts["@type"] == "ScholarlyArticle"
    assert facts["headline"] == "A </script><script>alert(1)</script>"
    assert facts["abstract"] == "It's & <!-- so."
    assert "<script>alert" not in page


def test_one_count_makes_no_curve(shop: Workshop, browser: Browser, now: datetime) -> None:
    paper = add_paper(shop, now)
    with shop.database.session() as session:
        session.add(Signal(paper_id=paper.id, source="hf", kind="votes", observed_at=now, value=3))
    assert "<svg" not in browser.get(f"/papers/{paper.id}").text


def test_similar_papers_come_with_how_close_they_are(shop: Workshop, browser: Browser, now: datetime) -> None:
    bring(shop, now)
    pipeline.run(shop, now)
    robots = [row for row in rows(shop, Paper) if str(row["title"]).startswith("Robot")]
    for path in (f"/papers/{robots[0]['id']}", f"/papers/{robots[0]['id']}/similar"):
        alike = browser.get(path).text
        alike = alike[alike.index('<ol class="papers"') :]
        assert alike.index("Robot study") < alike.index("</li>")
        assert 'class="why">' in alike
        assert alike.count("<li>\n<h") == 10


def test_a_merged_paper_leads_to_the_one_that_was_kept(shop: Workshop, browser: Browser, now: datetime) -> None:
    kept = add_paper(shop, now)
    gone = add_paper(shop, now, merged_into=kept.id)
    for tail in ("", "/similar"):
        answer = browser.get(f"/papers/{gone.id}{tail}")
        assert (answer.status_code, answer.headers["location"]) == (308, f"/papers/{kept.id}{tail}")


def test_a_name_leads_to_the_number(shop: Workshop, browser: Browser, now: datetime) -> None:
    paper = add_paper(shop, now)
    with shop.database.session() as session:
        session.add(PaperExternalId(paper_id=paper.id, scheme="doi", value="10.1234/a/b", source="files"))
    for name in ("arxiv/2605.00001", "arxiv/2605.00001v3", "doi/10.1234/A/b", "doi/10.48550/arXiv.2605.00001"):
        answer = browser.get(f"/papers/{name}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/papers/{paper.id}")


@pytest.mark.parametrize(
    "path",
    ["77", "0", "9" * 40, "77/similar", "arxiv/2605.99999", "arxiv/nonsense", "doi/x", "doi/10.1234/%00", "isbn/1"],
)
def test_what_is_not_here_suggests_the_search(browser: Browser, path: str) -> None:
    answer = browser.get(f"/papers/{path}")
    assert answer.status_code == 404
    assert 'href="/search"' in answer.text


def test_a_vote_says_what_learns_from_it_and_can_be_changed_and_taken_back(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    paper, _ = add_paper(shop, now), add_ada(shop, now, "mamba")
    browser.sign_in(ADA)
    page = browser.get(f"/papers/{paper.id}")
    assert "“More like this” teaches your interest “mamba”." in page.text
    assert rows(shop, Feedback) == []
    assert "/preferences/interests/new?author=Ada+Author1" in page.text
    answer = browser.press(page, "More like this")
    page = browser.land(answer)
    assert "Papers like this one move up in “mamba”, from your next edition on." in page.text
    assert [(row["value"], row["paper_id"]) for row in rows(shop, Feedback)] == [(1, paper.id)]
    assert len(rows(shop, ProfileExample)) == 1
    page = browser.land(browser.press(page, "Not for me"))
    assert "Remembered: this paper does not come again." in page.text
    assert [row["value"] for row in rows(shop, Feedback)] == [-1]
    page = browser.land(browser.press(page, "Take my vote back"))
    assert "Your vote is taken back." in page.text
    assert (rows(shop, Feedback), rows(shop, ProfileExample)) == ([], [])


@ONE_DATABASE
def test_a_vote_needs_a_reader_a_fresh_form_and_a_value(shop: Workshop, browser: Browser, now: datetime) -> None:
    paper, _ = add_paper(shop, now), add_ada(shop, now, "mamba")
    address = f"/papers/{paper.id}/vote"
    assert browser.get(address).headers["location"] == "/sign-in"
    assert browser.post(address, {"value": "more"}).headers["location"] == "/sign-in"
    browser.sign_in(ADA)
    page = browser.get(address)
    assert page.status_code == 200
    browser.clock.move(hours=3)
    stale = browser.press(page, "More like this")
    assert stale.status_code == 403
    assert "More like this" in stale.text
    assert browser.press(address, "More like this", value="<script>").status_code == 200
    assert rows(shop, Feedback) == []
    assert browser.press(stale, "More like this").status_code == 303


@ONE_DATABASE
def test_a_reader_who_votes_on_and_on_must_wait(shop: Workshop, browser: Browser, now: datetime) -> None:
    paper, _ = add_paper(shop, now), add_ada(shop, now)
    browser.sign_in(ADA)
    page = browser.get(f"/papers/{paper.id}/vote")
    shop.settings.limits.append("votes=2/hour")
    browser.site.rates.__init__(shop.settings)  # type: ignore[misc]
    codes = [browser.press(page, "Not for me").status_code for _ in range(3)]
    assert codes == [303, 303, 429]
    with shop.database.session(write=False) as session:
        assert len(session.exec(select(Feedback)).all()) == 1
