"""The pages of interests: made, changed, copied, removed and brought back by whom they belong to, and nobody else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from browsing import ONE_DATABASE, Browser, Clock, forms_of, token_of
from factories import make_edition, make_paper, make_profile, make_subscriber
from httpx2 import Response
from interested import ALL, NASTY, Shown, come_in, stock
from scenes import everything, rows, sent
from sqlmodel import select

from digest.papers.categories import CATEGORIES
from digest.subscribers import feedback, profiles
from digest.subscribers.feedback import Vote
from digest.tables import Feedback, Paper, PaperRequest, Profile, ProfileExample, Subscriber
from digest.workshop import Workshop

NEW, FIRST = f"{ALL}/new", f"{ALL}/1"
BIBTEX = """@article{one, title = {Mamba study number 1}, author = {Ada Author1}}
@misc{two, title = {On Things Nobody Has Stored}, eprint = {2401.99999}, archivePrefix = {arXiv}}
"""


@pytest.fixture
def papers(shop: Workshop, now: datetime) -> list[Paper]:
    with shop.database.session() as session:
        return [make_paper(session, now) for _ in range(3)]


@pytest.fixture
def ada(shop: Workshop, browser: Browser, papers: list[Paper], now: datetime) -> Subscriber:
    """Ada, signed in, with an interest in mambas that is number 1."""
    assert len(papers) == 3
    return come_in(shop, browser, now, "mamba")


def stored(shop: Workshop, number: int = 1) -> dict[str, Any]:
    return next(row for row in rows(shop, Profile) if row["id"] == number)


def newest(shop: Workshop) -> dict[str, Any]:
    return rows(shop, Profile)[-1]


def examples(shop: Workshop, profile: int) -> list[tuple[object, object, object]]:
    listed = [row for row in rows(shop, ProfileExample) if row["profile_id"] == profile]
    return [(row["paper_id"], row["sign"], row["origin"]) for row in listed]


def vote(shop: Workshop, ada: Subscriber, value: int, now: datetime, paper: Paper | None = None) -> None:
    """A vote of Ada’s on a paper, or on number 1, that teaches her first interest."""
    with shop.database.session() as session:
        paper = paper or session.get_one(Paper, 1)
        feedback.vote(session, ada, Vote(paper, value, profile_id=1), now)


def is_told(answer: Response, field: str, message: str) -> bool:
    """Whether a message stands at its field, in the summary, and in the title."""
    return (
        answer.status_code == 422
        and "<title>Error: " in answer.text
        and (f'<a href="#{field}">{message}</a>' if field else f"<li>{message}</li>") in answer.text
        and (not field or f'id="{field}-error"' in answer.text)
        and not Shown(answer.text).broken_links
    )


# Making one


@pytest.mark.usefixtures("ada")
def test_one_sentence_is_enough(shop: Workshop, browser: Browser) -> None:
    answer = browser.press(NEW, "Save", text="Robots that learn to grasp from a few demonstrations")
    assert answer.headers["location"] == "/preferences"
    assert "“Robots that learn to grasp from a few…” is saved." in browser.land(answer).text
    row = newest(shop)
    assert (row["text"], row["balance"], row["weight"], row["active"], row["categories"]) == (
        "Robots that learn to grasp from a few demonstrations",
        0.3,
        1.0,
        True,
        [],
    )


@pytest.mark.usefixtures("ada")
def test_everything_that_was_said_is_stored_and_shown_again(shop: Workshop, browser: Browser) -> None:
    said = {
        "name": "Grasping",
        "text": "Robots\r\nthat grasp",
        "against": "soft robots",
        "authors": "Ada Author1\r\nBob Writer",
        "categories": ["cs.RO", "math"],
        "required": "grasp",
        "muted": "survey\r\nbenchmark until 2026-12-31",
        "keywords": "tactile",
        "balance": "mostly trending",
    }
    browser.press(NEW, "Save", **said, active=None)
    row = newest(shop)
    assert (row["name"], row["text"], row["against"]) == ("Grasping", "Robots\nthat grasp", "soft robots")
    assert (row["required"], row["keywords"], row["authors"]) == (["grasp"], ["tactile"], ["Ada Author1", "Bob Writer"])
    assert (row["muted"], row["muted_until"]) == (["survey", "benchmark"], {"benchmark": "2026-12-31"})
    assert (row["categories"], row["balance"], row["active"]) == (["cs.RO", "math"], 0.45, False)
    browser.site.errands.wait()
    before = everything(shop)
    page = browser.get(f"{ALL}/2")
    (form,) = [form for form in forms_of(page.text) if form.action == f"{ALL}/2"]
    shown = {
        name: "\r\n".join(values).replace("\n", "\r\n").replace("\r\r", "\r") for name, values in form.fields.items()
    }
    assert {name: shown[name] for name in said if name != "categories"} == {
        name: value for name, value in said.items() if name != "categories"
    }
    assert form.fields["categories"] == ["cs.RO", "math"]
    assert browser.press(page, "Save").status_code == 303
    assert everything(shop) == before


@pytest.mark.usefixtures("ada")
def test_papers_are_enough_and_unknown_ones_are_looked_for_later(
    shop: Workshop, browser: Browser, papers: list[Paper]
) -> None:
    answer = browser.press(NEW, "Save", name="Pasted", liked=BIBTEX, disliked="2605.00002")
    assert answer.status_code == 303
    assert examples(shop, 2) == [(papers[0].id, 1, "chosen"), (papers[1].id, -1, "chosen")]
    assert [(row["profile_id"], row["sign"]) for row in rows(shop, PaperRequest)] == [(2, 1)]
    page = browser.get(f"{ALL}/2").text
    assert "Mamba study number 1" in page
    assert "2401.99999 On Things Nobody Has Stored" in page


@pytest.mark.usefixtures("ada")
def test_who_writes_is_enough(shop: Workshop, browser: Browser, papers: list[Paper]) -> None:
    answer = browser.press(NEW, "Make an interest of their papers", author="bob writer")
    assert answer.headers["location"] == f"{ALL}/2"
    assert "“Bob Writer” is saved, with their papers as examples." in browser.land(answer).text
    assert {paper for paper, _, _ in examples(shop, 2)} == {paper.id for paper in papers}


@pytest.mark.parametrize(
    ("author", "told"),
    [
        (NASTY, "No stored paper is by “&lt;script&gt;"),
        (" ", "Enter the name of an author"),
        ("x" * 101, "Name must be 100 characters or fewer"),
    ],
)
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_an_author_of_nothing_is_told_and_kept(browser: Browser, shop: Workshop, author: str, told: str) -> None:
    page = browser.get(NEW)
    before = everything(shop)
    answer = browser.press(page, "Make an interest of their papers", author=author)
    assert answer.status_code == 422
    assert f'<a href="#author">{told}' in answer.text
    assert "<script>alert" not in answer.text
    assert Shown(answer.text).broken_links == []
    assert everything(shop) == before


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_other_pages_suggest_an_interest(browser: Browser, shop: Workshop) -> None:
    before = everything(shop)
    page = browser.get(f"{NEW}?text=%3Cscript%3Ealert(1)%3C/script%3E&author=Ada%20%22Author1").text
    form = forms_of(page)[0]
    assert form.fields["text"] == ["<script>alert(1)</script>"]
    assert "<script>alert" not in page
    assert form.fields["authors"] == ['Ada "Author1']
    assert "Error: " not in page
    assert browser.get(f"{NEW}?text={'x' * 6_000}").text.count("x" * 4_001) == 0
    assert everything(shop) == before


def test_the_first_interest_brings_the_first_edition_at_once(shop: Workshop, browser: Browser, now: datetime) -> None:
    stock(shop, now)
    come_in(shop, browser, now)
    known = len(sent(shop))
    browser.press(NEW, "Save", text="selective state space models of linear cost")
    browser.site.errands.wait()
    assert len(sent(shop)) == known + 1
    assert "Mamba study" in browser.mails("ada@example.org")[-1].text


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_there_is_a_most_of_interests(shop: Workshop, browser: Browser, ada: Subscriber) -> None:
    with shop.database.session() as session:
        for number in range(9):
            make_profile(session, ada, name=f"Interest {number}")
    full = "You have 10 interests, and that is the most: remove one"
    answer = browser.press(NEW, "Save", text="One more")
    assert is_told(answer, "", full)
    assert ">\nOne more</textarea>" in answer.text
    assert is_told(browser.press(NEW, "Make an interest of their papers", author="Bob Writer"), "author", f"{full}.")
    assert "10 interests, and that is the most" in browser.press(FIRST, "Copy").text
    assert len(rows(shop, Profile)) == 10


# What cannot be taken

WRONG = [
    ({"name": "x" * 81}, "name", "Name must be 80 characters or fewer"),
    ({"name": "Mamba", "text": "Snakes"}, "name", "You already have an interest called Mamba"),
    ({"text": "", "liked": "2605.00001"}, "name", "Enter a name for this interest"),
    ({"text": "x" * 4_001}, "text", "Description must be 4,000 characters or fewer"),
    ({"against": "x" * 1_001}, "against", "“Not this” must be 1,000 characters or fewer"),
    (
        {"liked": "2605.00001\r\n\r\nhttps://evil.example/1"},
        "liked",
        "Line 3: links must be to arxiv.org, huggingface.co, alphaxiv.org or doi.org",
    ),
    ({"liked": "\r\n".join(f"Paper {n}" for n in range(51))}, "liked", "51 papers are too many: 50 is the most"),
    (
        {"liked": "2605.00001", "disliked": "2605.00001"},
        "disliked",
        "Line 1: this paper is one of the example papers, too",
    ),
    ({"categories": ["cs.LG", "cs.XX"]}, "categories", "Select a category from the list"),
    ({"required": "grasp\r\na"}, "required", "Line 2: “a” is too short, use 2 characters or more"),
    ({"muted": "soon until 2026-02-30"}, "muted", "Line 1: “2026-02-30” is not a day, write it as 2026-12-31"),
    ({"keywords": "\r\n".join(f"word {n}" for n in range(51))}, "keywords", "Use 50 lines or fewer"),
    ({"authors": "x" * 101}, "authors", "Line 1: write a name of 100 characters or fewer"),
    ({"balance": "sideways"}, "balance", "Select how much trending papers count"),
    (
        {"text": " ", "name": "Empty"},
        "",
        "Describe what you want to read, or give an example paper, category or author",
    ),
    (
        {"text": "\u200b", "name": "Unseen"},
        "",
        "Describe what you want to read, or give an example paper, category or author",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{field}-{message[:12]}" for _, field, message in WRONG])
@pytest.mark.parametrize("page", [NEW, f"{ALL}/2"])
@ONE_DATABASE
def test_what_cannot_be_taken_is_told_at_its_field_and_all_entries_are_kept(
    shop: Workshop, browser: Browser, ada: Subscriber, page: str, wrong: tuple[dict[str, Any], str, str]
) -> None:
    fields, field, message = wrong
    with shop.database.session() as session:
        make_profile(session, ada, "robot")
    opened = browser.get(page)
    before = everything(shop)
    given = {"name": "", "text": "Snakes", "muted": "survey"} | fields
    answer = browser.press(opened, "Save", **given)
    assert is_told(answer, field, message)
    kept = next(form for form in forms_of(answer.text) if form.action == page).fields
    for name, value in given.items():
        if name == "categories":
            assert kept[name] == ["cs.LG"]  # what is no category has no box
        elif name != "balance":
            assert kept[name][0].replace("\r\n", "\n") == value.replace("\r\n", "\n")
    assert everything(shop) == before


@pytest.mark.parametrize("page", [NEW, FIRST])
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_markup_in_any_field_is_text(shop: Workshop, browser: Browser, page: str) -> None:
    fields = dict.fromkeys(("text", "against", "liked", "disliked", "authors", "required", "muted", "keywords"), NASTY)
    answer = browser.press(page, "Save", name=NASTY, categories=NASTY, balance=NASTY, **fields)
    assert answer.status_code == 422
    saved = browser.press(page, "Save", name="<script>'\"", text=NASTY, authors="<b>", keywords="<script>")
    assert saved.status_code == 303
    number = rows(shop, Profile)[-1]["id"]
    pages = [answer, browser.land(saved), browser.get(f"{ALL}/{number}"), browser.get(f"{ALL}/{number}/delete")]
    for shown in pages:
        assert "<script>alert" not in shown.text
        assert "<script>'" not in shown.text
        assert "<b>" not in shown.text
        assert Shown(shown.text).repeated_ids == []


@pytest.mark.parametrize("page", [NEW, FIRST])
@pytest.mark.usefixtures("ada")
def test_a_form_that_lay_open_too_long_is_shown_again(
    shop: Workshop, browser: Browser, clock: Clock, page: str
) -> None:
    opened = browser.get(page)
    before = rows(shop, Profile)
    clock.move(hours=3)
    for button in ("Save", "Preview"):
        answer = browser.press(opened, button, text="Snakes", categories=["cs.RO"])
        assert answer.status_code == 403
        assert ">\nSnakes</textarea>" in answer.text
        assert 'value="cs.RO" checked' in answer.text
    assert rows(shop, Profile) == before
    assert browser.press(answer, "Save").status_code == 303
    assert "Snakes" in [row["text"] for row in rows(shop, Profile)]


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_page_is_small_and_every_id_is_there_once(browser: Browser) -> None:
    for path in (NEW, FIRST, f"{ALL}/author", f"{FIRST}/delete"):
        page = browser.get(path).text
        assert Shown(page).repeated_ids == Shown(page).broken_links == []
        assert len(page) < 60_000
    assert browser.get(NEW).text.count('name="categories"') == len(CATEGORIES)
    answer = browser.press(NEW, "Save", categories=sorted(CATEGORIES), name="All")
    assert answer.status_code == 303


# Changing one


@pytest.mark.usefixtures("ada")
def test_what_only_the_shell_sets_survives(shop: Workshop, browser: Browser) -> None:
    with shop.database.session() as session:
        profile = session.get_one(Profile, 1)
        profile.balance, profile.weight = 0.2, 2.5
    assert browser.press(FIRST, "Save", text="Snakes").status_code == 303
    assert (stored(shop)["balance"], stored(shop)["weight"], stored(shop)["text"]) == (0.2, 2.5, "Snakes")
    browser.press(FIRST, "Save", balance="only trending", active=None)
    assert (stored(shop)["balance"], stored(shop)["weight"], stored(shop)["active"]) == (0.6, 2.5, False)


def test_votes_are_shown_and_can_be_taken_back(
    shop: Workshop, browser: Browser, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    assert "Nothing yet." in browser.get(FIRST).text
    for paper, value in zip(papers, (1, -1, 1), strict=True):
        vote(shop, ada, value, now, paper)
    page = browser.get(FIRST).text
    assert page.count("More like <a") == 2
    assert page.count("Less like <a") == 1
    answer = browser.press(FIRST, f"Take back the vote on “{papers[1].title}”")
    assert "The vote is taken back." in browser.land(answer).text
    assert {row["paper_id"] for row in rows(shop, Feedback)} == {papers[0].id, papers[2].id}
    assert len(examples(shop, 1)) == 2
    assert (
        "“mamba” has forgotten your votes."
        in browser.land(browser.press(FIRST, "Forget all votes of this interest")).text
    )
    assert examples(shop, 1) == []
    assert len(rows(shop, Feedback)) == 2
    assert "Nothing yet." in browser.get(FIRST).text


@ONE_DATABASE
def test_what_muted_words_hid_is_told_for_a_month(
    shop: Workshop, browser: Browser, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    assert "Nothing that would have come to you" in browser.get(FIRST).text
    with shop.database.session() as session:
        session.get_one(Paper, papers[0].id).title = NASTY
        for paper, days, profile in [(papers[0], 1, 1), (papers[1], 31, 1), (papers[2], 2, 9)]:
            when = now - timedelta(days=days)
            hidden = [{"paper": paper.id, "profile": profile, "phrase": "<i>"}]
            make_edition(session, ada, when, hidden=hidden, edition_date=when.date())
    page = browser.get(FIRST).text
    assert 'for “&lt;i&gt;”, <time datetime="2026-05-05">5 May</time>' in page
    assert "<script>alert" not in page
    assert papers[1].title not in page
    assert papers[2].title not in page


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_paper_that_nobody_finds_is_told(shop: Workshop, browser: Browser, now: datetime) -> None:
    browser.press(FIRST, "Save", liked="2401.99999\r\n<script>alert(1)</script>")
    assert "No paper was found" not in browser.get(FIRST).text
    with shop.database.session() as session:
        for request in session.exec(select(PaperRequest)):
            request.gave_up_at = now
    page = browser.get(FIRST).text
    assert "No paper was found for “2401.99999”" in page
    assert "<script>alert" not in page
    browser.press(FIRST, "Save")
    assert "No paper was found" not in browser.get(FIRST).text


# Copying, removing, restoring


@pytest.mark.usefixtures("ada")
def test_a_copy_is_another_interest(shop: Workshop, browser: Browser) -> None:
    answer = browser.press(FIRST, "Copy")
    assert "This is “mamba (2)”, a copy." in browser.land(answer).text
    assert [row["name"] for row in rows(shop, Profile)] == ["mamba", "mamba (2)"]


def test_a_removed_interest_can_be_brought_back(
    shop: Workshop, browser: Browser, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    vote(shop, ada, 1, now)
    assert "Remove “mamba”?" in browser.get(f"{FIRST}/delete").text
    answer = browser.press(f"{FIRST}/delete", "Remove")
    hub = browser.land(answer)
    assert "“mamba” is removed. You can bring it back for 30 days" in hub.text
    assert stored(shop)["removed_at"] == browser.clock.now
    assert browser.get(FIRST).status_code == 404
    assert browser.press(NEW, "Save", name="mamba", text="Snakes").status_code == 303
    answer = browser.press("/preferences", f"{FIRST}/restore")
    assert "“mamba (2)” is back." in browser.land(answer).text
    assert (stored(shop)["removed_at"], stored(shop)["active"]) == (None, True)
    assert examples(shop, 1) == [(papers[0].id, 1, "vote")]


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_removed_interest_that_finds_no_room_stays_away(
    shop: Workshop, browser: Browser, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        profiles.remove(session, session.get_one(Profile, 1), now)
    hub = browser.get("/preferences")
    with shop.database.session() as session:
        for number in range(10):
            make_profile(session, ada, name=f"Interest {number}")
    assert "that is the most: remove one first." in browser.press(hub, f"{FIRST}/restore").text
    assert stored(shop)["removed_at"] == now


# Who may do what

BUTTONS = ("copy", "votes", "votes/1")
POSTED = ("", "/preview", "/copy", "/delete", "/restore", "/votes", "/votes/1")


@pytest.mark.parametrize("button", BUTTONS)
@ONE_DATABASE
def test_a_button_that_is_pressed_too_late_does_nothing_and_says_so(
    shop: Workshop, browser: Browser, ada: Subscriber, clock: Clock, button: str
) -> None:
    vote(shop, ada, 1, clock.now)
    opened = browser.get(FIRST)
    before = [rows(shop, table) for table in (Profile, Feedback, ProfileExample)]
    clock.move(hours=3)
    answer = browser.press(opened, f"{FIRST}/{button}")
    assert answer.headers["location"] == FIRST
    assert "This form was open for too long." in browser.land(answer).text
    assert [rows(shop, table) for table in (Profile, Feedback, ProfileExample)] == before


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_removing_and_restoring_too_late_does_nothing(shop: Workshop, browser: Browser, clock: Clock) -> None:
    opened = browser.get(f"{FIRST}/delete")
    clock.move(hours=3)
    answer = browser.press(opened, "Remove")
    assert answer.status_code == 403
    assert stored(shop)["removed_at"] is None
    hub = browser.land(browser.press(answer, "Remove"))
    clock.move(hours=3)
    answer = browser.press(hub, f"{FIRST}/restore")
    assert "This form was open for too long." in browser.land(answer).text
    assert stored(shop)["removed_at"] is not None


@pytest.mark.parametrize("tail", POSTED)
@ONE_DATABASE
def test_looking_changes_nothing(shop: Workshop, browser: Browser, ada: Subscriber, now: datetime, tail: str) -> None:
    vote(shop, ada, 1, now)
    with shop.database.session() as session:
        profiles.remove(session, make_profile(session, ada, "robot"), now)
    before = everything(shop)
    for path in (f"{ALL}/2{tail}" if tail == "/restore" else FIRST + tail, f"{NEW}/preview", f"{ALL}/author", NEW):
        answer = browser.get(f"{path}?text=Snakes&author=Bob+Writer&name=Snakes")
        if answer.status_code == 303:
            answer = browser.land(answer)
        assert answer.status_code == 200
        assert "<form" in answer.text
    assert everything(shop) == before


@pytest.fixture
def bobs(shop: Workshop, now: datetime) -> list[int]:
    """The numbers of two interests of Bob's: one that lives, and one that is removed."""
    with shop.database.session() as session:
        bob = make_subscriber(session, now, email="bob@example.org", confirmed_at=now)
        alive, removed = make_profile(session, bob, name="Bob’s secret"), make_profile(session, bob, "galaxy")
        profiles.remove(session, removed, now)
        feedback.vote(session, bob, Vote(make_paper(session, now), 1, profile_id=alive.id), now)
    return [alive.id, removed.id]


@pytest.mark.parametrize("tail", POSTED)
@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_somebody_elses_interest_is_not_there(shop: Workshop, browser: Browser, bobs: list[int], tail: str) -> None:
    form = {"form_token": token_of(browser.get(NEW).text), "text": "Taken over", "name": "Mine"}
    before = everything(shop)
    for number in (*bobs, 10**17):
        for answer in (browser.get(f"{ALL}/{number}{tail}"), browser.post(f"{ALL}/{number}{tail}", form)):
            assert answer.status_code == 404
            assert "secret" not in answer.text
    assert everything(shop) == before


@pytest.mark.usefixtures("ada")
@ONE_DATABASE
def test_a_vote_of_somebody_else_cannot_be_taken_back(shop: Workshop, browser: Browser, bobs: list[int]) -> None:
    assert bobs
    paper = rows(shop, Feedback)[0]["paper_id"]
    form = {"form_token": token_of(browser.get(FIRST).text)}
    before = everything(shop)
    assert browser.post(f"{FIRST}/votes/{paper}", form).status_code == 303
    assert browser.post(f"{FIRST}/votes/{10**17}", form).status_code == 400
    assert everything(shop) == before


@pytest.mark.parametrize("path", [NEW, f"{NEW}/preview", f"{ALL}/author", *(FIRST + tail for tail in POSTED)])
@ONE_DATABASE
def test_whoever_is_not_signed_in_is_sent_to_sign_in(shop: Workshop, browser: Browser, path: str) -> None:
    fields = {"form_token": token_of(browser.get("/subscribe").text), "text": "Snakes"}
    before = everything(shop)
    ask: list[Callable[[], Response]] = [lambda: browser.get(path), lambda: browser.post(path, fields)]
    for answer in (one() for one in ask):
        assert answer.headers["location"] == "/sign-in"
    assert everything(shop) == before
