"""Past editions: a page says what the mail said, votes are one press, and a mailed link signs nobody in."""

from datetime import date, datetime, timedelta

import pytest
from browsing import Browser, Clock, forms_of
from factories import make_edition, make_profile, make_subscriber
from scenes import bring, everything, rows
from sqlmodel import select

from digest import pipeline
from digest.composing import archive
from digest.tables import Edition, Feedback, Paper, ProfileExample, SkipReason, Subscriber
from digest.workshop import Workshop

ADA = "ada@example.org"
DAY = "/editions/2026-05-06"
NASTY = "<script>'\"&"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    """Ada, signed in, with two interests and no edition yet."""
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, confirmed_at=now, zone="Europe/Paris")
        make_profile(session, ada, "mamba", name=NASTY)
        make_profile(session, ada, "robot")
    browser.sign_in(ADA)
    return ada


@pytest.fixture
def mailed(shop: Workshop, ada: Subscriber, now: datetime) -> Subscriber:
    """The same, and her first edition has gone out."""
    bring(shop, now)
    pipeline.run(shop, now)
    return ada


def votes(shop: Workshop) -> list[tuple[object, object]]:
    return [(row["paper_id"], row["value"]) for row in rows(shop, Feedback)]


def test_before_the_first_edition_the_page_says_when_it_comes(
    browser: Browser, shop: Workshop, ada: Subscriber
) -> None:
    assert "Your first edition is due: it comes within minutes." in browser.get("/editions").text
    with shop.database.session() as session:
        session.get_one(Subscriber, ada.id).next_edition_at = datetime.fromisoformat("2026-05-11T05:00Z")
    page = browser.get("/editions").text
    assert 'first edition comes on <time datetime="2026-05-11T07:00:00+02:00">Monday 11 May at 07:00</time>' in page
    assert "(Europe/Paris)" in page
    assert not any(row.startswith("edition ") for row in everything(shop))


@pytest.mark.usefixtures("mailed")
def test_the_list_leads_to_the_edition(browser: Browser) -> None:
    page = browser.get("/editions").text
    assert f'<a href="{DAY}"><time datetime="2026-05-06">Wednesday 6 May 2026</time></a>' in page
    assert "10 papers" in page
    assert NASTY not in page


@pytest.mark.usefixtures("mailed")
def test_the_list_is_filtered_by_interest(browser: Browser) -> None:
    page = browser.get("/editions?interest=2").text
    assert '<a href="/editions?interest=2" aria-current="page">robot</a>' in page
    assert " for robot</span>" in page
    assert "10 papers" not in page
    assert "10 papers" in browser.get("/editions?interest=nonsense").text


def test_why_there_was_none_is_said(browser: Browser, shop: Workshop, ada: Subscriber, now: datetime) -> None:
    with shop.database.session() as session:
        for age, why in enumerate(SkipReason):
            make_edition(session, ada, now - timedelta(days=age), skip_reason=why)
    page = browser.get("/editions").text
    for words in archive.WHY_NONE.values():
        assert words in page
    assert DAY not in page
    assert archive.WHY_NONE[SkipReason.NO_NEW_PAPERS] in browser.get(DAY).text


def test_older_editions_are_a_page_further(browser: Browser, shop: Workshop, ada: Subscriber, now: datetime) -> None:
    with shop.database.session() as session:
        for age in range(archive.PAGE + 1):
            make_edition(session, ada, now - timedelta(days=age), skip_reason=SkipReason.NO_MATCH)
    older = f"/editions?before={date(2026, 5, 6) - timedelta(days=archive.PAGE - 1)}"
    page = browser.get("/editions").text
    assert f'href="{older}"' in page
    assert page.count("<time") == archive.PAGE
    assert browser.get(older).text.count("<li><span><time") == 1
    assert "There are no older editions." in browser.get("/editions?before=2020-01-01").text
    assert browser.get("/editions?before=x").status_code == 404


def test_the_page_says_what_the_mail_said(browser: Browser, mailed: Subscriber) -> None:
    mail = browser.mails(mailed.email)[-1].html
    page = browser.get(DAY).text
    for name in ('class="why"', 'class="title"', "<strong>"):
        assert page.count(name) == mail.count(name) > 0, name
    why = mail.partition('class="why"')[2].partition(">")[2].partition("<")[0]
    assert f'<p class="why">{why}</p>' in page
    assert NASTY not in page


def test_a_vote_is_one_press_and_is_taken_back_by_another(browser: Browser, shop: Workshop, mailed: Subscriber) -> None:
    page = browser.get(DAY)
    label = button(page.text, "More like this: ")
    assert votes(shop) == []
    answer = browser.press(page, label)
    ((paper, value),) = votes(shop)
    assert value == 1
    assert answer.headers["location"] == f"{DAY}#paper-{paper}"
    page = browser.land(answer)
    assert "Your vote counts from your next edition on." in page.text
    assert "You want more like this" in page.text
    assert rows(shop, ProfileExample)
    answer = browser.press(DAY, button(page.text, "Undo the vote on "))
    assert "Your vote is taken back." in browser.land(answer).text
    assert votes(shop) == rows(shop, ProfileExample) == []
    assert mailed.email not in page.text


@pytest.mark.usefixtures("mailed")
def test_a_vote_can_be_turned_round(browser: Browser, shop: Workshop) -> None:
    browser.press(DAY, button(browser.get(DAY).text, "Not for me: "))
    page = browser.get(DAY).text
    assert "<strong>Not for you" in page
    title = button(page, "Undo the vote on ").removeprefix("Undo the vote on ")
    browser.press(DAY, f"More like this: {title}")
    assert [value for _, value in votes(shop)] == [1]


def button(page: str, beginning: str) -> str:
    """The label of the first button that begins so."""
    labels = [one.label for form in forms_of(page) for one in form.buttons]
    return next(label for label in labels if label.startswith(beginning))


@pytest.mark.usefixtures("mailed")
@pytest.mark.parametrize("wrong", [{"paper": "999999"}, {"paper": "x"}, {"value": "most"}, {"paper": None}])
def test_votes_are_for_the_papers_of_the_edition(
    browser: Browser, shop: Workshop, wrong: dict[str, str | None]
) -> None:
    page = browser.get(DAY)
    assert browser.press(page, button(page.text, "Not for me: "), **wrong).status_code == 400
    assert votes(shop) == []


@pytest.mark.usefixtures("mailed")
def test_a_stale_page_votes_nothing_and_is_shown_anew(browser: Browser, shop: Workshop, clock: Clock) -> None:
    page = browser.get(DAY)
    label = button(page.text, "Not for me: ")
    clock.move(hours=3)
    answer = browser.press(page, label)
    assert answer.status_code == 403
    assert votes(shop) == []
    assert browser.press(answer, label).status_code == 303
    assert browser.get(f"{DAY}/vote").headers["location"] == DAY


@pytest.mark.usefixtures("mailed")
def test_a_vote_that_moved_to_the_merged_work_is_still_shown(browser: Browser, shop: Workshop) -> None:
    browser.press(DAY, button(browser.get(DAY).text, "More like this: "))
    with shop.database.session() as session:
        vote = session.exec(select(Feedback)).one()
        sheet = archive.read_sheet(session, session.get_one(Edition, vote.edition_id))
        work = next(paper for paper in session.exec(select(Paper)) if paper.id not in sheet.papers)
        sheet.papers[vote.paper_id].merged_into = work.id
        vote.paper_id = work.id
    assert "You want more like this" in browser.get(DAY).text


def test_what_muted_words_hid_is_told(browser: Browser, shop: Workshop, mailed: Subscriber) -> None:
    paper = rows(shop, Paper)[0]
    with shop.database.session() as session:
        edition = session.exec(select(Edition).where(Edition.subscriber_id == mailed.id)).one()
        edition.hidden = [{"paper": paper["id"], "profile": 2, "phrase": "benchmark"}]
    page = browser.get(DAY).text
    assert "Hidden by your muted words: 1" in page
    assert "(“benchmark” in “robot”)" in page


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("day", ["2026-05-05", "yesterday", "2026-13-01", "<script>"])
def test_a_day_without_an_edition_is_no_page(browser: Browser, day: str) -> None:
    for page in (f"/editions/{day}", f"/editions/{day}/vote"):
        answer = browser.get(page)
        assert answer.status_code == 404
        assert "<script>" not in answer.text


def test_nobody_reads_the_editions_of_others(browser: Browser, shop: Workshop, mailed: Subscriber) -> None:
    with shop.database.session() as session:
        make_subscriber(session, browser.clock.now, email="bob@example.org", confirmed_at=browser.clock.now)
    bob = browser.other()
    assert bob.get(DAY).headers["location"] == "/sign-in"
    bob.sign_in("bob@example.org")
    assert bob.get(DAY).status_code == 404
    assert mailed.email not in bob.get("/editions").text


# From the mail


def test_the_mail_is_read_in_the_browser_without_signing_in(
    browser: Browser, shop: Workshop, mailed: Subscriber
) -> None:
    somebody, link = browser.other(), browser.link("/edition/", mailed.email)
    before = everything(shop)
    answer = somebody.get(link)
    assert answer.status_code == 200
    assert somebody.cookies == {}
    assert answer.text.count('class="why"') > 0
    assert ADA not in answer.text
    assert "<form" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    vote = answer.text.partition(f'href="{browser.origin}/vote/')[2].partition('"')[0]
    assert somebody.get(f"/vote/{vote}").status_code == 200
    assert everything(shop) == before


def test_a_mailed_link_ends_after_a_year_and_with_the_edition(
    browser: Browser, shop: Workshop, mailed: Subscriber, clock: Clock
) -> None:
    link = browser.link("/edition/", mailed.email)
    assert browser.get(f"{link}x").status_code == 404
    clock.move(days=365)
    assert browser.get(link).status_code == 200
    clock.move(days=2)
    assert browser.get(link).status_code == 404
    clock.move(days=-300)
    with shop.database.session() as session:
        session.delete(session.exec(select(Edition)).one())
    assert browser.get(link).status_code == 404
