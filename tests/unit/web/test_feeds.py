"""Feeds: three forms of the same, without a personal link, and nothing twice."""

import json
from datetime import datetime, timedelta

import pytest
from browsing import ONE_DATABASE, Browser
from defusedxml import ElementTree
from editions import Sent, send_edition
from factories import make_paper

from digest import tokens
from digest.papers.signals import note_listings
from digest.subscribers.holders import sign_feed
from digest.tables import Paper, Profile, Signal, Subscriber
from digest.workshop import Workshop

ADA = "ada@example.org"


@pytest.fixture
def sent(shop: Workshop, now: datetime) -> Sent:
    return send_edition(shop, now, ADA)


def feed(sent: Sent, form: str, profile: int | None = None) -> str:
    return f"/feeds/{sign_feed(sent.secret, sent.subscriber, profile)}.{form}"


def test_all_three_forms_tell_the_same(browser: Browser, sent: Sent) -> None:
    titles = [paper.title for paper in sent.papers]
    atom = ElementTree.fromstring(browser.get(feed(sent, "atom")).text)
    name = "{http://www.w3.org/2005/Atom}"
    assert [entry.findtext(f"{name}title") for entry in atom.iter(f"{name}entry")] == titles
    rss = ElementTree.fromstring(browser.get(feed(sent, "rss")).text)
    assert [item.findtext("title") for item in rss.iter("item")] == titles
    made = browser.get(feed(sent, "json"))
    assert made.headers["content-type"] == "application/feed+json"
    assert [item["title"] for item in json.loads(made.text)["items"]] == titles


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_no_feed_holds_an_address_or_a_link_that_does_something(browser: Browser, sent: Sent, form: str) -> None:
    text = browser.get(feed(sent, form)).text
    for word in (ADA, "/vote/", "/unsubscribe/", "/manage/", sent.subscriber.link_key):
        assert word not in text


@ONE_DATABASE
@pytest.mark.parametrize("form", ["atom", "rss"])
def test_what_an_abstract_says_is_no_html_for_feed_readers(
    shop: Workshop, browser: Browser, sent: Sent, form: str
) -> None:
    with shop.database.session() as session:
        session.get_one(Paper, sent.papers[0].id).abstract = "If a<b then <img src=https://spy.example/x.gif> & so on."
    told = [one.text or "" for one in ElementTree.fromstring(browser.get(feed(sent, form)).text).iter()]
    assert any("a&lt;b then &lt;img src=https://spy.example/x.gif&gt; &amp; so on." in text for text in told)
    assert not any("<img" in text for text in told)


@ONE_DATABASE
def test_what_has_not_changed_is_not_sent_again(browser: Browser, sent: Sent) -> None:
    first = browser.get(feed(sent, "atom"))
    again = browser.get(feed(sent, "atom"), If_None_Match=first.headers["etag"])
    assert (again.status_code, again.text) == (304, "")
    assert again.headers["content-security-policy"]
    assert first.headers["last-modified"].endswith("GMT")


@ONE_DATABASE
def test_a_feed_ends_with_its_key_and_its_interest(shop: Workshop, browser: Browser, sent: Sent) -> None:
    whole, one = feed(sent, "atom"), feed(sent, "atom", sent.profile.id)
    assert "Paper Digest: mamba" in browser.get(one).text
    with shop.database.session() as session:
        session.get_one(Profile, sent.profile.id).removed_at = sent.edition.created_at
    assert (browser.get(one).status_code, browser.get(whole).status_code) == (404, 200)
    with shop.database.session() as session:
        session.get_one(Subscriber, sent.subscriber.id).feed_key = tokens.draw_key()
    assert browser.get(whole).status_code == 404


@ONE_DATABASE
@pytest.mark.parametrize("ending", ["", ".", ".xml", ".atom.rss", ".atom/"])
def test_another_form_is_no_page(browser: Browser, sent: Sent, ending: str) -> None:
    assert browser.get(feed(sent, "atom").removesuffix(".atom") + ending).status_code == 404
    assert browser.get(f"/trending.{ending.strip('./') or 'xml'}x").status_code == 404


@ONE_DATABASE
@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_odd_titles_make_no_broken_feed(shop: Workshop, browser: Browser, sent: Sent, form: str) -> None:
    with shop.database.session() as session:
        paper = session.get_one(Paper, sent.papers[0].id)
        paper.title, paper.abstract = "A \x0b<b>&]]>\ufffe title", "\x1b[31m ]]> <script>"
    text = browser.get(feed(sent, form)).text
    items = json.loads(text)["items"] if form == "json" else list(ElementTree.fromstring(text).iter())
    assert len(items) >= 3


@ONE_DATABASE
def test_what_is_trending_has_a_feed_also_when_nothing_is(browser: Browser) -> None:
    for form in ("atom", "rss", "json"):
        assert browser.get(f"/trending.{form}").status_code == 200


def test_the_feed_of_what_is_trending_may_be_of_a_week_and_a_field(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    with shop.database.session() as session:
        make_paper(session, now, title="Of today", categories=["cs.SD"])
        make_paper(session, now, title="Of Monday", categories=["cs.SD"], announced_at=now - timedelta(days=2))
        make_paper(session, now, title="Elsewhere", categories=["cs.CL"])
        late = make_paper(session, now, title="Late one", categories=["cs.SD"], announced_at=now - timedelta(days=9))
        note_listings(session, {(late.id, "hf"): now.date()})
        session.add(Signal(paper_id=late.id, source="hf", kind="votes", observed_at=now, value=40))

    def titles(query: str) -> list[str]:
        return [item["title"] for item in json.loads(browser.get(f"/trending.json{query}").text)["items"]]

    assert titles("?cat=cs.SD") == ["Of today", "Late one"]
    assert titles("?cat=cs.SD&view=week") == ["Of today", "Of Monday", "Late one"]
    assert set(titles("?view=nonsense")) == {"Of today", "Elsewhere", "Late one"}
    told = json.loads(browser.get("/trending.json?cat=cs.SD&view=week").text)
    assert told["feed_url"].endswith("/trending.json?view=week&cat=cs.SD")
    assert told["title"].endswith("trending papers in cs.SD")
    assert "Rose late: from 0 votes to 40." in told["items"][-1]["content_text"]
