"""What is trending by day, week and month: in order, in words, with a way on from wherever one is."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from browsing import ONE_DATABASE, Browser
from factories import make_paper, make_subscriber

from digest.papers.signals import note_listings
from digest.tables import Feedback, Paper, Signal
from digest.workshop import Workshop

DAY = timedelta(days=1)


def bring(shop: Workshop, now: datetime, count: int = 1, **fields: object) -> list[Paper]:
    with shop.database.session() as session:
        return [make_paper(session, now, **fields) for _ in range(count)]


def test_the_latest_day_is_shown_with_ranks_reasons_and_links(shop: Workshop, browser: Browser, now: datetime) -> None:
    facts = {"votes": 45, "hours": 30.0, "times": 3.0}
    with shop.database.session() as session:
        make_paper(session, now, title="Calm <i>one</i>")
        names = [f"Author {number}" for number in range(8)]
        hot = make_paper(session, now, title="Hot $\\alpha$", trend=0.9, trend_facts=facts, authors=names)
        hot.categories = ["cs.CL"]
        session.add(Signal(paper_id=hot.id, source="hf", kind="votes", observed_at=now, value=45))
        reader = make_subscriber(session, now)
        session.add(Feedback(subscriber_id=reader.id, paper_id=hot.id, value=1, created_at=now))
    page = browser.get("/trending").text
    assert "<title>Trending on 6 May 2026 –" in page
    assert page.index("Hot α") < page.index("Calm &lt;i&gt;one&lt;/i&gt;")
    assert "Trending: 45 upvotes in 30 hours, 3 times what is usual by then." in page
    assert "1 reader here wants more like it." in page
    assert "Author 4 and others, 8 authors" in page
    assert (
        '<link rel="alternate" type="application/atom+xml" title="Trending on 6 May 2026" href="/trending.atom">'
        in page
    )
    assert 'href="/trending/2026-05-05" rel="prev">Before: 5 May 2026<' in page
    assert "After:" not in page


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ("day=2026-05-05", "/trending/2026-05-05"),
        ("day=2026-05-05&view=week&cat=cs.CL", "/trending/week/2026-W19?cat=cs.CL"),
        ("day=2026-05-05&view=month&cat=", "/trending/month/2026-05"),
        ("day=2026-05-05&view=%0d%0aX:y", "/trending/2026-05-05"),
        ("day=2026-05-05&cat=%0d%0aX:y", "/trending/2026-05-05?cat=X%3Ay"),
    ],
)
@ONE_DATABASE
def test_a_day_that_was_picked_has_an_address_of_its_own(browser: Browser, asked: str, address: str) -> None:
    answer = browser.get(f"/trending?{asked}")
    assert (answer.status_code, answer.headers["location"]) == (303, address)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/trending/2026-05-06", "Trending on 6 May 2026"),
        ("/trending/week/2026-W19", "Trending in the week from 4 May 2026"),
        ("/trending/month/2026-05", "Trending in May 2026"),
    ],
)
def test_each_view_has_its_papers_its_title_and_its_neighbours(
    shop: Workshop, browser: Browser, now: datetime, path: str, title: str
) -> None:
    bring(shop, now, title="Here it is")
    page = browser.get(path).text
    assert f"<h1>{title}</h1>" in page
    assert "Here it is" in page
    assert 'rel="prev"' in page
    assert browser.get(page.split('rel="prev"')[0].rpartition('href="')[2].partition('"')[0]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/trending/2026-05-09",
        "/trending/1980-01-01",
        "/trending/2026-02-30",
        "/trending/today",
        "/trending/20260506",
        "/trending/week/2026-W54",
        "/trending/week/2027-W01",
        "/trending/week/9999-W99",
        "/trending/week/19",
        "/trending/month/2026-13",
        "/trending/month/0000-01",
        "/trending/month/may",
        "/trending?day=yesterday",
        "/trending/" + quote("𝟚𝟘𝟚𝟞-𝟘𝟝-𝟘𝟞"),
    ],
)
@ONE_DATABASE
def test_a_time_that_cannot_have_papers_is_no_page(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Try the search" in answer.text


def test_an_empty_day_leads_to_the_nearest_with_papers(shop: Workshop, browser: Browser, now: datetime) -> None:
    assert "There are no papers yet" in browser.get("/trending").text
    bring(shop, now - 3 * DAY)
    page = browser.get("/trending/2026-05-06").text
    assert "No paper was announced then" in page
    assert 'href="/trending/2026-05-03"' in page


def test_a_category_narrows_the_list_and_an_empty_one_leads_back(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    bring(shop, now, title="On language", categories=["cs.CL"])
    bring(shop, now, title="On groups", categories=["math.GR"])
    page = browser.get("/trending/2026-05-06?cat=cs").text
    assert "On language" in page
    assert "On groups" not in page
    assert '<option value="math">' in page
    assert 'href="/trending/week/2026-W19?cat=cs"' in page
    empty = browser.get("/trending/2026-05-06?cat=cs.cv").text
    assert "No paper in cs.CV was announced then" in empty
    assert browser.get("/trending?cat=" + quote("<b>🙂")).status_code == 400


@ONE_DATABASE
def test_a_long_list_comes_in_pages_with_ranks_that_go_on(shop: Workshop, browser: Browser, now: datetime) -> None:
    bring(shop, now, 30, categories=["cs.CL"])
    first, second = browser.get("/trending?cat=cs.CL").text, browser.get("/trending?cat=cs.CL&page=2").text
    assert 'href="/trending/2026-05-06?cat=cs.CL&amp;page=2" rel="next"' in first
    assert first.count("<h3") == 25
    assert second.count("<h3") == 5
    assert '<ol class="papers" start="26">' in second
    assert browser.get("/trending?page=3").status_code == 404
    assert browser.client.head("/trending").status_code == 200


@ONE_DATABASE
def test_papers_of_last_night_stand_on_their_utc_day(shop: Workshop, browser: Browser) -> None:
    bring(shop, datetime(2026, 5, 5, 23, 59, tzinfo=UTC) + timedelta(hours=2), title="Late one")
    assert "Late one" in browser.get("/trending/2026-05-05").text


def test_papers_have_the_curve_of_their_votes_and_late_risers_a_section(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    with shop.database.session() as session:
        new = make_paper(session, now, title="New one", categories=["cs.SD"])
        late = make_paper(session, now, title="Late one", announced_at=now - 5 * DAY, categories=["cs.CL"])
        note_listings(session, {(late.id, "hf"): (now - 5 * DAY).date()})
        for paper, days, value in ((new, 0.1, 2), (new, 0.05, 7), (late, 2, 4), (late, 0.1, 60)):
            moment = now - days * DAY
            session.add(Signal(paper_id=paper.id, source="hf", kind="votes", observed_at=moment, value=value))
    page = browser.get("/trending/2026-05-06").text
    assert f'<title id="spark-{new.id}">Votes rose from 2 to 7 between' in page
    assert page.index("New one") < page.index("Late risers</h2>") < page.index("Late one")
    assert "Rose late: from 4 votes to 60." in page
    assert "Late risers" not in browser.get("/trending/2026-05-06?cat=cs.SD").text
    assert "Late risers" not in browser.get("/trending/month/2026-05").text
    assert 'href="/trending.atom?view=week&amp;cat=cs.SD"' in browser.get("/trending/week/2026-W19?cat=cs.SD").text


def test_what_is_likely_to_trend_is_said_without_a_number(shop: Workshop, browser: Browser, now: datetime) -> None:
    bring(shop, now, trend=0.7, trend_facts={"prior": 2.4, "likely": True})
    page = browser.get("/trending").text
    assert "Likely to trend: papers like it did before." in page
    assert "2.4" not in page
