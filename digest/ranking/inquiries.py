"""What somebody looks for on a page of their own words, and the page of papers that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlmodel import Session

from digest.embeddings import lexical
from digest.embeddings.encoder import Vectors
from digest.embeddings.shelf import Filter
from digest.embeddings.vectors import paper_text
from digest.errors import InvalidRequest
from digest.papers import keywords
from digest.papers.categories import parse_category
from digest.ranking import reasons, scoring
from digest.ranking.search import Desk, Hit, ask_text, search_shelf

DEPTH = 200  # the closest papers, which are scored in both views; nobody reads on
LONGEST_TEXT = 500  # characters
NEAREST_ANYWAY = 3
SORTS = ("relevance", "newest")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is looked for: a text, within categories (`cs` stands for every `cs.*`), announced on `since` or later."""

    text: str
    categories: tuple[str, ...] = ()
    since: date | None = None
    sort: str = "relevance"
    page: int = 1
    size: int = 20

    @property
    def asked(self) -> str:
        """As much of the text as is looked for."""
        return " ".join(self.text.split())[:LONGEST_TEXT]


@dataclass(frozen=True, slots=True)
class Results:
    """A page of `total` papers that match (DEPTH stands for that many or more), and what is to be said of it.

    `cut`: the text was too long to be looked for as a whole. `weak`: nothing matches, these are the nearest anyway.
    `keywords_only`: there are no vectors to search by; the newest with all the words, without a relevance (nought).
    """

    hits: list[Hit]
    total: int
    more: bool
    cut: bool = False
    weak: bool = False
    keywords_only: bool = False


def check(inquiry: Inquiry) -> Inquiry:
    """The inquiry with categories as the arXiv spells them; raises InvalidRequest when it cannot be answered."""
    if not inquiry.asked:
        raise InvalidRequest("Say what to look for, in your own words.")
    if inquiry.sort not in SORTS:
        raise InvalidRequest(f"Results come by {' or '.join(SORTS)}, not by “{inquiry.sort}”.")
    if inquiry.page < 1 or inquiry.size < 1 or inquiry.page * inquiry.size > DEPTH:
        raise InvalidRequest(f"Only the {DEPTH} closest papers are listed: say more exactly what to look for.")
    return replace(inquiry, categories=tuple(map(parse_category, inquiry.categories)))


def answer(session: Session, inquiry: Inquiry, desk: Desk, vector: Vectors) -> Results:
    """The page that a checked inquiry asks for; `vector` is the embedding of its text."""
    wanted = Filter(inquiry.categories, inquiry.since)
    near = search_shelf(session, desk, ask_text(inquiry.asked, vector), DEPTH, wanted)
    matches = [hit for hit in near if hit.relevance >= scoring.FLOOR]
    if not matches:
        return replace(_page(near[:NEAREST_ANYWAY], inquiry, desk), weak=True)
    if inquiry.sort == "newest":
        matches.sort(key=lambda hit: (hit.paper.announced_at, hit.paper.id), reverse=True)
    return _page(matches, inquiry, desk)


def answer_by_words(session: Session, inquiry: Inquiry) -> Results:
    """The page without vectors: the newest papers that hold every word, but the stop words, of the text."""
    words = lexical.surface(inquiry.asked)
    content = [word for word in words if word not in lexical.STOP_WORDS] or list(words)
    found = keywords.find(session, content, inquiry.categories, inquiry.since, DEPTH) if content else []
    return replace(_page([Hit(paper, 0.0) for paper in found], inquiry), keywords_only=True)


def _page(hits: Sequence[Hit], inquiry: Inquiry, desk: Desk | None = None) -> Results:
    end = inquiry.page * inquiry.size
    page = list(hits[end - inquiry.size : end])
    if desk is not None:
        page = [replace(hit, phrases=_phrases(desk, hit, inquiry)) for hit in page]
    return Results(page, len(hits), more=len(hits) > end, cut=len(" ".join(inquiry.text.split())) > LONGEST_TEXT)


def _phrases(desk: Desk, hit: Hit, inquiry: Inquiry) -> tuple[str, ...]:
    return tuple(reasons.shared_words(desk.sample, paper_text(hit.paper), inquiry.asked, ""))
