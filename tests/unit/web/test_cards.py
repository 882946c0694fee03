"""Cards: a readable title, the beginning of the abstract, and what is told of a paper in words that are true."""

from datetime import datetime
from typing import Any

import pytest
from factories import make_paper

from digest.db import Database
from digest.papers.listing import Listed
from digest.ranking.search import Hit
from digest.tables import Paper
from digest.web import cards

BADGE = {"votes": 45, "hours": 30.2, "times": 3.21}


def told(counts: dict[str, int], readers: int = 0, facts: dict[str, Any] | None = None) -> str:
    return cards.tell(Listed(Paper(trend_facts=facts), counts, readers))


def test_attention_is_told_with_its_numbers_and_nought_is_left_out() -> None:
    assert told({}) == ""
    assert told({"votes": 0, "comments": 0}) == ""
    assert told({"comments": 1, "stars": 1200, "votes": 2}) == "2 votes, 1 comment, 1,200 stars."
    assert told({}, 1) == "1 reader here wants more like it."
    assert told({"votes": 1}, 12) == "1 vote. 12 readers here want more like it."


def test_a_paper_with_a_badge_is_called_trending_and_its_votes_are_told_once() -> None:
    words = told({"votes": 45, "stars": 3}, 0, BADGE)
    assert words == "Trending: 45 upvotes in 30 hours, 3.2 times what is usual by then. 3 stars."
    assert told({"votes": 45}, 0, BADGE | {"times": 1.1}) == "45 votes."


def test_only_what_trends_stands_out() -> None:
    facts = (BADGE, {"likely": True}, BADGE | {"votes": 3}, {"likely": False}, None)
    shown = [cards.Card(Paper(trend_facts=fact), "", "9 votes.").stands_out for fact in facts]
    assert shown == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("relevance", "phrases", "words"),
    [
        (6.0, (), "Very close."),
        (3.2, ("state space",), "Close: shares “state space”."),
        (1.5, ("a", "b", "c"), "Related: shares “a”, “b” and “c”."),
        (1.4, (), "Far."),
    ],
)
def test_how_close_a_paper_is_is_told_in_words(relevance: float, phrases: tuple[str, ...], words: str) -> None:
    assert cards.explain(Hit(Paper(), relevance, phrases)) == words


def test_a_card_has_the_first_authors_two_sentences_and_a_title_without_latex(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        authors = [f"Author {number}" for number in range(9)]
        text = "We prove it here at length. The gain is large and real. Nobody expected that. It is so."
        paper = make_paper(session, now, title=r"Erd\H{o}s and $\alpha$", authors=authors, abstract=text)
        [card] = cards.deal(session, [Listed(paper, {}, 0)], {paper.id: "Close."})
    assert card.title == "Erdős and α"
    assert (card.few_authors, card.author_count) == (authors[:5], 9)
    assert " ".join(card.abstract) == text
    assert card.abstract[0].endswith("real.")
    assert card.why == "Close."
