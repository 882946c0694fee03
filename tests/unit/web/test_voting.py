"""A vote from a mail: one press on the page, changeable, and only on the papers of its edition."""

from datetime import datetime

import pytest
from browsing import ONE_DATABASE, Browser, Clock
from editions import Sent, send_edition
from factories import make_paper
from scenes import everything, rows

from digest.tables import Feedback, ProfileExample
from digest.workshop import Workshop


@pytest.fixture
def sent(shop: Workshop, now: datetime) -> Sent:
    return send_edition(shop, now, "ada@example.org")


def votes(shop: Workshop) -> list[tuple[object, ...]]:
    return [(row["paper_id"], row["value"], row["reason"], row["profile_id"]) for row in rows(shop, Feedback)]


def test_a_vote_is_one_press_and_teaches_the_interest(shop: Workshop, browser: Browser, sent: Sent) -> None:
    paper = sent.papers[0]
    assert paper.title in browser.get(sent.vote(paper, "more")).text
    assert votes(shop) == []
    answer = browser.press(sent.vote(paper, "more"), "More like this")
    assert answer.status_code == 200
    assert "move up in “mamba”" in answer.text
    assert votes(shop) == [(paper.id, 1, "", sent.profile.id)]
    browser.press(sent.vote(paper, "more"), "More like this")
    assert len(votes(shop)) == 1


def test_a_vote_can_be_changed_and_taken_back(shop: Workshop, browser: Browser, sent: Sent) -> None:
    paper = sent.papers[1]
    browser.press(sent.vote(paper, "more"), "Not for me")
    answer = browser.press(sent.vote(paper, "less"), "Not for me", reason="quality")
    assert votes(shop) == [(paper.id, -1, "quality", sent.profile.id)]
    assert "taken back" in browser.press(answer, "Undo").text
    assert votes(shop) == []
    assert rows(shop, ProfileExample) == []
    assert "taken back" in browser.press(answer, "Undo").text


@ONE_DATABASE
def test_a_vote_for_less_says_what_moves_down(browser: Browser, sent: Sent) -> None:
    answer = browser.press(sent.vote(sent.papers[0], "less"), "Not for me")
    assert f"Papers like “{sent.papers[0].title}” move down in “mamba”" in answer.text


@ONE_DATABASE
def test_undoing_from_a_page_that_lay_open_is_asked_for_again_and_votes_for_nothing(
    shop: Workshop, browser: Browser, sent: Sent, clock: Clock
) -> None:
    voted = browser.press(sent.vote(sent.papers[0], "less"), "Not for me")
    clock.move(hours=3)
    answer = browser.press(voted, "Undo")
    assert answer.status_code == 403
    assert [value for _, value, _, _ in votes(shop)] == [-1]
    assert "taken back" in browser.press(answer, "Undo").text
    assert votes(shop) == []


def test_only_papers_of_the_edition_can_be_voted_on(
    shop: Workshop, browser: Browser, sent: Sent, now: datetime
) -> None:
    with shop.database.session() as session:
        other = make_paper(session, now)
    assert browser.get(sent.vote(other, "more")).status_code == 404
    assert browser.get(sent.vote(sent.papers[0], "most")).status_code == 404


@ONE_DATABASE
@pytest.mark.parametrize("reason", ["because", "x" * 5_000, "<script>", "topic\x00x"])
def test_what_is_no_reason_is_refused(shop: Workshop, browser: Browser, sent: Sent, reason: str) -> None:
    answer = browser.press(sent.vote(sent.papers[0], "less"), "Not for me", reason=reason)
    assert answer.status_code == 400
    assert votes(shop) == []


@ONE_DATABASE
def test_a_vote_needs_a_form_of_ours(shop: Workshop, browser: Browser, sent: Sent) -> None:
    before = everything(shop)
    assert browser.post(sent.vote(sent.papers[0], "more"), {}).status_code == 403
    assert browser.client.head(sent.vote(sent.papers[0], "more")).status_code == 200
    assert everything(shop) == before


@ONE_DATABASE
def test_titles_are_text(shop: Workshop, browser: Browser, sent: Sent) -> None:
    with shop.database.session() as session:
        session.get_one(type(sent.papers[0]), sent.papers[0].id).title = "<script>alert(1)</script> of $x^2$"
    for page in (browser.get(sent.vote(sent.papers[0], "more")), browser.press(sent.vote(sent.papers[0], "more"))):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text
