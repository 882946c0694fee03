"""The live preview: the real ranker, the real mail, nothing stored; as a page, and as a part of one."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from browsing import ONE_DATABASE, Browser, Clock, forms_of
from factories import TOPICS, make_edition, make_profile
from interested import ALL, NASTY, Shown, check_policy, come_in, stock
from scenes import everything, rows
from sqlmodel import col, select

from digest import pipeline
from digest.mail import outbox
from digest.subscribers import feedback, profiles
from digest.subscribers.feedback import Vote
from digest.tables import EditionItem, Paper, Profile, Subscriber
from digest.workshop import Workshop

NEW, FIRST, PAGE = f"{ALL}/new", f"{ALL}/1", "/preferences/preview"
PART = {"HX_Request": "true"}
SHOW = "Show me my next edition first"
ROBOTS = TOPICS["robot"]


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    """Ada, signed in, with an interest in mambas that is number 1, and thirty new papers."""
    stock(shop, now)
    return come_in(shop, browser, now, "mamba")


def send(browser: Browser, page: str, part: bool = False, **fields: Any) -> Any:
    """What a press of Preview answers, or what the script asks for in its place."""
    opened = browser.get(page)
    form = next(form for form in forms_of(opened.text) if form.action == page)
    return browser.post(f"{page}/preview", form.fields | fields, **(PART if part else {}))


def titles(page: str) -> list[str]:
    return re.findall(r"\w+ study number \d+(?=</a></h2>)", Shown(page).letter)


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.usefixtures("ada")
def test_what_is_typed_is_tried_out_and_nothing_is_stored(shop: Workshop, browser: Browser, part: bool) -> None:
    browser.get(NEW)
    before = everything(shop)
    answer = send(browser, NEW, part, text=ROBOTS, liked="2401.99999")
    assert answer.status_code == 200
    assert {title.split()[0] for title in titles(answer.text)} >= {"Mamba", "Robot"}
    assert "Against what you have now: " in answer.text
    assert re.search(r"\d+ new", answer.text)
    assert send(browser, FIRST, part, text=ROBOTS).status_code == 200
    assert browser.get(PAGE).status_code == 200
    assert everything(shop) == before


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_part_is_no_page_and_a_page_is_whole(browser: Browser) -> None:
    part, page = send(browser, NEW, True, text=ROBOTS), send(browser, NEW, text=ROBOTS)
    assert "<html" not in part.text.replace(Shown(part.text).letter, "")
    assert "<form" not in part.text
    assert titles(part.text) == titles(page.text)
    assert Shown(page.text).repeated_ids == Shown(page.text).broken_links == []
    assert ">\nA robot arm learns" in page.text
    saved = browser.press(page, "Save")
    assert saved.headers["location"] == "/preferences"


@ONE_DATABASE
def test_an_unchanged_interest_changes_nothing_wherever_it_stands(
    shop: Workshop, browser: Browser, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        make_profile(session, ada, "robot")
        make_profile(session, ada, "robot", name="robots again")
    pipeline.prepare(shop, now)
    for number in (1, 2, 3):
        assert "The same as you would get now." in send(browser, f"{ALL}/{number}").text
    assert "The same as you would get now." not in send(browser, FIRST, active=[]).text
    assert "Mamba" not in str(titles(send(browser, FIRST, active=[]).text))


def test_what_was_saved_is_what_one_has_now(shop: Workshop, browser: Browser, ada: Subscriber, now: datetime) -> None:
    """Its words have their vectors at once, not with the next run only."""
    with shop.database.session() as session:
        session.get_one(Subscriber, ada.id).next_edition_at = now + timedelta(days=1)
    for page, button, fields in [
        (FIRST, "Save", {"text": ROBOTS}),
        (FIRST, "Copy", {}),
        (NEW, "Save", {"text": ROBOTS}),
    ]:
        assert browser.press(page, button, **fields).status_code == 303
        browser.site.errands.wait()
        assert "The same as you would get now." in send(browser, FIRST).text


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_what_muted_words_hide_and_what_just_missed_is_told(browser: Browser) -> None:
    page = send(browser, NEW, text=ROBOTS, muted="tactile").text
    assert "Hidden by your muted words: 6" in page
    assert "Robot" not in str(titles(page))
    assert "for “tactile”" in page
    missed = re.search(r"Just missed: (\d)", send(browser, NEW, text=ROBOTS).text)
    assert missed
    assert int(missed[1]) <= 5


def test_what_was_sent_or_judged_before_is_left_out_and_counted(
    shop: Workshop, browser: Browser, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        judged, known = session.exec(select(Paper).where(col(Paper.title).startswith("Mamba"))).all()[:2]
        feedback.vote(session, ada, Vote(judged, 1), now)
        edition = make_edition(session, ada, now)
        scores = {"rank": 1, "score": 1.0, "relevance": 1.0, "reason": {}}
        session.add(EditionItem(edition_id=edition.id, paper_id=known.id, profile_id=1, **scores))
    page = browser.get(PAGE).text
    assert {judged.title, known.title} & {*titles(page)} == set()
    assert "Mamba" in str(titles(page))
    assert "Sent to you before, and so left out: 1." in page


@pytest.mark.parametrize("path", [NEW, FIRST])
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_the_letter_has_its_styles_and_nothing_else_is_let_in(browser: Browser, path: str) -> None:
    opened, tried, stands = browser.get(path), send(browser, path, text=ROBOTS), browser.get(PAGE)
    for page in (tried, stands):
        check_policy(page.headers["content-security-policy"], page.text)
    check_policy(opened.headers["content-security-policy"], send(browser, path, True, text=ROBOTS).text)
    refused = browser.press(opened, "Save", text="", name="x")
    assert refused.headers["content-security-policy"] == opened.headers["content-security-policy"]
    frame = re.search(r"<iframe[^>]*>", tried.text)
    assert frame
    assert frame[0].endswith('sandbox="allow-popups allow-popups-to-escape-sandbox">')


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_the_letters_links_lead_to_papers_or_nowhere(browser: Browser) -> None:
    letter = Shown(browser.get(PAGE).text).letter
    assert '<base target="_blank">' in letter
    links = set(Shown(letter).links)
    assert {link.partition("2605")[0] for link in links if link.startswith("https://arxiv.org")}
    rest = {link for link in links if not link.startswith("https://arxiv.org/abs/2605.")}
    assert all(link == "#" or "/papers/" in link or "/similar/" in link for link in rest), rest


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_markup_is_text_also_in_the_letter(shop: Workshop, browser: Browser, part: bool) -> None:
    with shop.database.session() as session:
        for paper in session.exec(select(Paper)):
            paper.title, paper.abstract = f"{paper.title} {NASTY}", f"{NASTY} {paper.abstract}"
            paper.authors = ["<script>alert(2)</script>"]
    fields = {
        "name": "<script>alert(3)</script>\"'",
        "text": f"{ROBOTS} <script>alert(4)</script>",
        "muted": "<b>tactile",
    }
    answer = send(
        browser, NEW, part, **fields, authors="<script>alert(5)</script>", categories=["<script>alert(6)</script>"]
    )
    for text in (answer.text, Shown(answer.text).letter):
        assert text
        assert not re.search(r"<script>alert|<b>tactile", text)
    assert Shown(Shown(answer.text).letter).scripts == []
    assert "alert(3)" in Shown(answer.text).letter


@pytest.mark.usefixtures("ada")
def test_problems_are_told_and_the_rest_is_tried_out(shop: Workshop, browser: Browser) -> None:
    browser.get(NEW)
    before = everything(shop)
    fields = {"text": ROBOTS, "muted": "a", "name": "mamba"}
    page, part = send(browser, NEW, **fields), send(browser, NEW, True, **fields)
    assert (page.status_code, part.status_code) == (422, 200)
    assert "<title>Error: Preview of a new interest" in page.text
    assert '<a href="#muted">Line 1: “a” is too short' in page.text
    assert Shown(page.text).broken_links == []
    for answer in (page, part):
        assert "You already have an interest called mamba" in answer.text
        assert "Robot" in str(titles(answer.text))
    assert everything(shop) == before


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_part_that_cannot_be_made_says_why_in_a_line(browser: Browser, clock: Clock) -> None:
    """What is not fit for the place beside the form must not be put there: no page within the page."""
    opened = browser.get(FIRST)
    form = next(form for form in forms_of(opened.text) if form.action == FIRST)
    clock.move(hours=3)
    late = browser.post(f"{FIRST}/preview", form.fields, **PART)
    gone = browser.post(f"{ALL}/77/preview", form.fields, **PART)
    stranger = browser.other().post(f"{FIRST}/preview", form.fields, **PART)
    told = {403: "open for too long", 404: "not one of yours", 401: "not signed in any more"}
    for answer in (late, gone, stranger):
        assert told.pop(answer.status_code) in answer.text
        assert "<html" not in answer.text
        assert "<h1" not in answer.text
    assert told == {}


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_previews_are_counted(browser: Browser) -> None:
    page = browser.get(FIRST)
    form = next(form for form in forms_of(page.text) if form.action == FIRST)
    answers = [browser.post(f"{FIRST}/preview", form.fields, **PART) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert "You have asked too often." in answers[-1].text
    assert "<html" not in answers[-1].text
    assert browser.get(PAGE).status_code == 429
    assert browser.press("/try", SHOW, text=ROBOTS).status_code == 429
    assert browser.get(FIRST).status_code == 200


@ONE_DATABASE
def test_without_papers_it_says_so(shop: Workshop, browser: Browser, now: datetime) -> None:
    come_in(shop, browser, now, "mamba")
    for answer in (browser.get(PAGE), send(browser, NEW, text=ROBOTS), send(browser, FIRST, True)):
        assert answer.status_code == 200
        assert "No papers have arrived in the last seven days" in answer.text
        assert "<iframe" not in answer.text


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_what_comes_close_to_nothing_is_told(browser: Browser) -> None:
    page = send(browser, FIRST, text="", keywords="xylophone").text
    assert "Of 30 new papers none comes close enough." in page


def test_the_preview_is_what_then_goes_out(shop: Workshop, browser: Browser, ada: Subscriber, now: datetime) -> None:
    expected = titles(browser.get(PAGE).text)
    assert len(expected) > 4
    browser.site.errands.make_edition(ada.id)
    mail = browser.mails(ada.email)[-1]
    assert re.findall(r"\w+ study number \d+(?=</a></h2>)", mail.html) == expected
    with shop.database.session() as session:
        assert outbox.plan(session, now, shop.rules, ada.id) == []


# Before anybody has given an address


def test_a_stranger_sees_an_edition_of_their_sentence(shop: Workshop, browser: Browser, now: datetime) -> None:
    stock(shop, now)
    before = everything(shop)
    answer = browser.press("/try", SHOW, text=ROBOTS)
    assert answer.status_code == 200
    assert "Robot" in str(titles(answer.text))
    assert "Against what you have now" not in answer.text
    assert ">\nA robot arm learns" in answer.text
    check_policy(answer.headers["content-security-policy"], answer.text)
    assert Shown(answer.text).repeated_ids == Shown(answer.text).broken_links == []
    assert browser.get(f"/try?text={ROBOTS}").status_code == 200
    assert everything(shop) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [(" ", "Say in a sentence what you want to read"), ("x" * 4_001, "Description must be 4,000 characters or fewer")],
)
@ONE_DATABASE
def test_a_strangers_sentence_may_be_wrong(browser: Browser, text: str, told: str) -> None:
    answer = browser.press("/try", SHOW, text=text)
    assert answer.status_code == 422
    assert f'<a href="#text">{told}' in answer.text
    assert "<title>Error: " in answer.text
    assert Shown(answer.text).broken_links == []


@ONE_DATABASE
def test_a_strangers_markup_is_text(shop: Workshop, browser: Browser, now: datetime, clock: Clock) -> None:
    stock(shop, now)
    page = browser.get("/try")
    answer = browser.press(page, SHOW, text=f"{NASTY} {ROBOTS}")
    assert "<script>alert" not in answer.text + Shown(answer.text).letter
    clock.move(hours=3)
    late = browser.press(page, SHOW, text=NASTY, email=NASTY)
    assert late.status_code == 403
    assert "<script>alert" not in late.text
    assert "&lt;script&gt;alert" in late.text


@ONE_DATABASE
def test_nobody_sees_another_persons_preview(shop: Workshop, browser: Browser, now: datetime) -> None:
    come_in(shop, browser, now, "mamba")
    assert browser.other().get(PAGE).headers["location"] == "/sign-in"
    with shop.database.session() as session:
        profiles.remove(session, session.get_one(Profile, 1), now)
    assert browser.get(f"{FIRST}/preview").status_code == 404
    assert browser.get(PAGE).status_code == 200
    assert len(rows(shop, Profile)) == 1
