"""The first steps: three pages, each of which may be passed over, and what is said on them counts at once."""

import re
from datetime import datetime
from typing import Any

import pytest
from browsing import ONE_DATABASE, Browser, Clock, forms_of, token_of
from factories import TOPICS, make_profile, make_subscriber
from interested import ADA, NASTY, Shown, come_in, stock
from scenes import everything, rows, sent

from digest.subscribers import profiles
from digest.tables import Feedback, PaperRequest, Profile, ProfileExample, Subscriber
from digest.workshop import Workshop

TOPICS_PAGE, RATE, DELIVERY = "/welcome/topics", "/welcome/rate", "/welcome/delivery"
ON, MORE = "Save and go on", "Save and show more"
BIBTEX = "@article{one, title = {Mamba study number 1}}\n@misc{two, eprint = {2401.99999}, archivePrefix = {arXiv}}"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    """Ada, signed in, without an interest; there are thirty new papers, and an edition of hers is due."""
    stock(shop, now)
    return come_in(shop, browser, now)


def interests(shop: Workshop) -> list[tuple[object, object]]:
    return [(row["name"], row["text"]) for row in rows(shop, Profile)]


def add(shop: Workshop, ada: Subscriber, *topics: str) -> list[int]:
    with shop.database.session() as session:
        return [make_profile(session, ada, topic).id for topic in topics]


def shown(page: str) -> dict[str, str]:
    """The papers that a page shows to be judged, by number, with the interest that each is shown for."""
    return dict(re.findall(r'name="interest-(\d+)" value="(\d*)"', page))


# All three


def test_who_confirms_is_welcomed_step_by_step(shop: Workshop, browser: Browser, now: datetime) -> None:
    stock(shop, now)
    page = browser.land(browser.subscribe("new@example.org"))
    assert "Step 1 of 3" in page.text
    page = browser.land(browser.press(page, "Go on", text=TOPICS["robot"]))
    assert "Step 2 of 3" in page.text
    first = next(iter(shown(page.text)))
    page = browser.land(browser.press(page, ON, **{f"paper-{first}": "want"}))
    assert "One vote is saved." in page.text
    assert "Step 3 of 3" in page.text
    page = browser.land(browser.press(page, "Save, and show me the next edition", hour="18", weekdays=["0", "4"]))
    assert "All is set: " in page.text
    row = rows(shop, Subscriber)[0]
    assert (row["hour"], row["weekdays"]) == (18, [0, 4])


@pytest.mark.usefixtures("ada")
def test_every_step_can_be_passed_over(shop: Workshop, browser: Browser) -> None:
    before = everything(shop)
    assert browser.get("/welcome").headers["location"] == TOPICS_PAGE
    for path, on in [(TOPICS_PAGE, RATE), (RATE, DELIVERY), (DELIVERY, "/preferences")]:
        page = browser.get(path)
        assert f'href="{on}"' in page.text
        assert Shown(page.text).repeated_ids == Shown(page.text).broken_links == []
    assert browser.press(TOPICS_PAGE, "Go on").headers["location"] == RATE
    assert browser.press(TOPICS_PAGE, "Go on", text=" ", liked="\r\n", author=" ").headers["location"] == RATE
    assert everything(shop) == before


@pytest.mark.parametrize("path", ["/welcome", TOPICS_PAGE, RATE, DELIVERY])
@ONE_DATABASE
def test_whoever_is_not_signed_in_is_sent_to_sign_in(shop: Workshop, browser: Browser, path: str) -> None:
    form = {"form_token": token_of(browser.get("/subscribe").text), "text": "Snakes", "paper-1": "want"}
    before = everything(shop)
    answer = browser.get(path)
    answer = browser.land(answer) if path == "/welcome" else answer
    assert answer.headers["location"] == "/sign-in"
    if path != "/welcome":
        assert browser.post(path, form).headers["location"] == "/sign-in"
    assert everything(shop) == before


# Step 1: what to read


@pytest.mark.usefixtures("ada")
def test_a_sentence_is_enough_and_brings_the_first_edition(shop: Workshop, browser: Browser) -> None:
    known = len(sent(shop))
    answer = browser.press(TOPICS_PAGE, "Go on", text=f" {TOPICS['robot']} ")
    assert answer.headers["location"] == RATE
    assert interests(shop) == [("A robot arm learns to grasp objects…", TOPICS["robot"])]
    browser.site.errands.wait()
    assert len(sent(shop)) == known + 1
    assert "Robot study" in browser.mails(ADA)[-1].text


@pytest.mark.usefixtures("ada")
def test_papers_are_enough_again_and_again(shop: Workshop, browser: Browser) -> None:
    for _ in range(2):
        assert browser.press(TOPICS_PAGE, "Go on", liked=BIBTEX).headers["location"] == RATE
    assert [name for name, _ in interests(shop)] == ["Example papers", "Example papers (2)"]
    assert len(rows(shop, ProfileExample)) == len(rows(shop, PaperRequest)) == 2
    page = browser.get(TOPICS_PAGE).text
    assert "You have said already: " in page
    assert "Example papers (2)</a>" in page


@pytest.mark.usefixtures("ada")
def test_an_author_is_enough_or_comes_beside(shop: Workshop, browser: Browser) -> None:
    browser.press(TOPICS_PAGE, "Go on", author="bob writer")
    assert interests(shop) == [("Bob Writer", "")]
    browser.press(TOPICS_PAGE, "Go on", text="Snakes", author="Bob Writer")
    assert [name for name, _ in interests(shop)] == ["Bob Writer", "Snakes", "Bob Writer (2)"]


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"text": "x" * 4_001}, "text", "Description must be 4,000 characters or fewer"),
        ({"liked": "https://evil.example/1"}, "liked", "Line 1: links must be to arxiv.org"),
        ({"author": "Nobody Known"}, "author", "No stored paper is by “Nobody Known”"),
        ({"author": "x" * 101}, "author", "Name must be 100 characters or fewer"),
        ({"text": "\u200b"}, "text", "Describe what you want to read"),
        ({"text": NASTY, "author": NASTY}, "author", "No stored paper is by “&lt;script&gt;"),
    ],
)
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_what_cannot_be_taken_is_told_and_nothing_is_stored(
    shop: Workshop, browser: Browser, fields: dict[str, str], field: str, told: str
) -> None:
    page = browser.get(TOPICS_PAGE)
    before = everything(shop)
    given = {"liked": "2605.00001"} | fields if "author" in fields else fields
    answer = browser.press(page, "Go on", **given)
    assert answer.status_code == 422
    assert "<title>Error: Welcome" in answer.text
    assert f'<a href="#{field}">{told}' in answer.text
    assert Shown(answer.text).broken_links == []
    assert "<script>alert" not in answer.text
    kept = forms_of(answer.text)[0].fields
    assert all(kept[name][0].replace("\r\n", "\n") == value.replace("\r\n", "\n") for name, value in given.items())
    assert everything(shop) == before


@ONE_DATABASE
def test_there_is_a_most_of_interests(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    with shop.database.session() as session:
        for number in range(9):
            make_profile(session, ada, name=f"Interest {number}")
    answer = browser.press(TOPICS_PAGE, "Go on", text="Snakes", author="Bob Writer")
    assert answer.status_code == 422
    assert '<a href="#author">You have 10 interests, and that is the most: remove one' in answer.text
    assert len(rows(shop, Profile)) == 9
    browser.press(TOPICS_PAGE, "Go on", text="Snakes")
    answer = browser.press(TOPICS_PAGE, "Go on", text="More")
    assert '<a href="#text">You have 10 interests' in answer.text
    assert len(rows(shop, Profile)) == 10


# Step 2: a few papers


def test_a_judged_paper_teaches_the_interest_that_it_was_shown_for(
    shop: Workshop, browser: Browser, ada: Subscriber
) -> None:
    own = {str(number) for number in add(shop, ada, "mamba", "robot")}
    page = browser.get(RATE)
    papers = shown(page.text)
    assert len(papers) == 10
    assert set(papers.values()) >= own
    matched = {number: interest for number, interest in papers.items() if interest}
    judged = dict(zip(matched, ["want", "not"] * 5, strict=False))
    answer = browser.press(page, ON, **{f"paper-{number}": value for number, value in judged.items()})
    assert answer.headers["location"] == DELIVERY
    assert f"{len(judged)} votes are saved." in browser.land(answer).text
    signs = {"want": 1, "not": -1}
    expected = {(int(number), int(matched[number]), signs[value]) for number, value in judged.items()}
    assert {(row["paper_id"], row["profile_id"], row["value"]) for row in rows(shop, Feedback)} == expected
    taught = {(row["paper_id"], row["profile_id"], row["sign"]) for row in rows(shop, ProfileExample)}
    assert taught == expected


def test_more_papers_are_others(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    add(shop, ada, "mamba", "robot")
    page = browser.get(RATE)
    judged = list(shown(page.text))[:4]
    answer = browser.press(page, MORE, **dict.fromkeys([f"paper-{number}" for number in judged], "want"))
    assert answer.headers["location"] == RATE
    page = browser.land(answer)
    assert "4 votes are saved." in page.text
    assert shown(page.text)
    assert not set(judged) & set(shown(page.text))


def test_not_to_know_is_no_vote(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    add(shop, ada, "mamba")
    answer = browser.press(RATE, ON)
    assert answer.headers["location"] == DELIVERY
    assert "saved" not in browser.land(answer).text
    assert rows(shop, Feedback) == []


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_without_an_interest_there_is_nothing_to_judge(browser: Browser) -> None:
    page = browser.get(RATE)
    assert "There is nothing to judge yet" in page.text
    assert f'href="{DELIVERY}"' in page.text
    assert forms_of(page.text) == []


@ONE_DATABASE
def test_a_form_that_lay_open_too_long_keeps_what_was_said(
    shop: Workshop, browser: Browser, ada: Subscriber, clock: Clock
) -> None:
    add(shop, ada, "mamba")
    topics, page = browser.get(TOPICS_PAGE), browser.get(RATE)
    first, second = [f"paper-{number}" for number in shown(page.text)][:2]
    clock.move(hours=3)
    answer = browser.press(page, ON, **{first: "want", second: "not"})
    assert answer.status_code == 403
    assert rows(shop, Feedback) == []
    kept = forms_of(answer.text)[0].fields
    assert (kept[first], kept[second]) == (["want"], ["not"])
    browser.press(answer, ON)
    assert len(rows(shop, Feedback)) == 2
    answer = browser.press(topics, "Go on", text="Snakes")
    assert answer.status_code == 403
    assert ">\nSnakes</textarea>" in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"paper-1": "want", "interest-1": "BOBS"},
        {"paper-1": "want", "interest-1": "<script>"},
        {"paper-1": "want", "interest-1": "9" * 40},
        {"paper-1": "want", "interest-1": "REMOVED"},
        {"paper-1": "want", "interest-1": ""},
        {"paper-1": ["want", "not", "want"]},
        {"paper-1": "love", "paper-": "1"},
        {"paper-99999": "want"},
        {"paper-" + "9" * 40: "want"},
        {"paper-²": "want"},
        {"paper--1": "not"},
        {"paper-<script>": "want"},
        {"paper-": "want"},
        {"paper-1 OR 1=1": "want"},
    ],
)
@ONE_DATABASE
def test_what_was_tampered_with_harms_nobody(
    shop: Workshop, browser: Browser, ada: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    (gone,) = add(shop, ada, "galaxy")
    with shop.database.session() as session:
        profiles.remove(session, session.get_one(Profile, gone), now)
        bob = make_subscriber(session, now, email="bob@example.org")
        bobs = make_profile(session, bob, "mamba").id
    fields = {name: {"BOBS": str(bobs), "REMOVED": str(gone)}.get(str(value), value) for name, value in fields.items()}
    token = token_of(browser.get(TOPICS_PAGE).text)
    answer = browser.post(RATE, {"form_token": token, **fields})
    assert answer.status_code in {303, 400}
    assert "<script>" not in answer.text.replace("<script src", "")
    assert rows(shop, ProfileExample) == []
    assert {row["subscriber_id"] for row in rows(shop, Feedback)} <= {ada.id}
    assert {row["profile_id"] for row in rows(shop, Feedback)} <= {None}


@ONE_DATABASE
def test_titles_and_names_are_text(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    with shop.database.session() as session:
        make_profile(session, ada, "mamba", name="<script>alert(1)</script>")
    for path in (TOPICS_PAGE, RATE):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert Shown(page).repeated_ids == []


@ONE_DATABASE
def test_looking_at_papers_is_counted_as_previews_are(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    add(shop, ada, "mamba")
    before = everything(shop)
    answers = [browser.get(RATE).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert everything(shop) == before


# Step 3: when


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_at_least_one_day_is_needed(shop: Workshop, browser: Browser) -> None:
    page = browser.get(DELIVERY)
    before = everything(shop)
    answer = browser.press(page, "Save, and show me the next edition", weekdays=None, hour="18")
    assert answer.status_code == 422
    assert '<a href="#weekdays">Choose at least one day</a>' in answer.text
    assert "<title>Error: Welcome, step 3" in answer.text
    assert '<option value="18" selected>' in answer.text
    assert everything(shop) == before
