"""Papers as pages show them: a readable title, the first authors, two sentences, and what is told of them in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlmodel import Session

from digest.papers import links, listing, sentences, signals
from digest.papers.latex import read_latex
from digest.papers.links import Link
from digest.papers.listing import Listed, Riser
from digest.papers.trending import deserves_badge, is_likely
from digest.ranking import reasons, scoring
from digest.ranking.search import Hit
from digest.tables import Paper
from digest.web import sparkline
from digest.web.sparkline import Sparkline

FEW_AUTHORS = 5
LEAD = 2  # sentences of an abstract that are seen at once
CLOSE = ((5.0, "Very close"), (3.0, "Close"), (scoring.FLOOR, "Related"))  # from which relevance on
FAR = "Far"


@dataclass(frozen=True, slots=True)
class Card:
    """`told` is how much attention the paper has, `why` the reason that it is shown for; either may be empty.

    `curve` is how its votes grew, where that is shown.
    """

    paper: Paper
    title: str
    told: str
    why: str = ""
    links: list[Link] = field(default_factory=list)
    curve: Sparkline | None = None

    @property
    def stands_out(self) -> bool:
        return deserves_badge(self.paper.trend_facts) or is_likely(self.paper.trend_facts)

    @property
    def few_authors(self) -> list[str]:
        return self.paper.authors[:FEW_AUTHORS]

    @property
    def author_count(self) -> int:
        return max(self.paper.author_count, len(self.paper.authors))

    @property
    def abstract(self) -> tuple[str, str]:
        """Its first sentences, and the rest."""
        pieces = sentences.split(self.paper.abstract)
        return " ".join(pieces[:LEAD]), " ".join(pieces[LEAD:])


def deal(session: Session, listed: Sequence[Listed], why: Mapping[int, str] | None = None) -> list[Card]:
    """A card for each listed paper, with the reasons of `why` by paper id."""
    found = links.find(session, [one.paper for one in listed])
    given = why or {}
    return [
        Card(one.paper, read_latex(one.paper.title), tell(one), given.get(one.paper.id, ""), found[one.paper.id])
        for one in listed
    ]


def add_curves(session: Session, dealt: Sequence[Card]) -> list[Card]:
    """The same cards with the curves of their votes."""
    grown = signals.histories(session, [card.paper.id for card in dealt])
    return [replace(card, curve=sparkline.draw(grown.get(card.paper.id, []))) for card in dealt]


def deal_risers(session: Session, risers: Sequence[Riser]) -> list[Card]:
    """A card with its curve for each paper that rose late, and by how much."""
    why = {one.listed.paper.id: tell_rise(one) for one in risers}
    return add_curves(session, deal(session, [one.listed for one in risers], why))


def tell_rise(one: Riser) -> str:
    return f"Rose late: from {count_words(one.before, 'vote')} to {one.after:,}."


def deal_hits(session: Session, hits: Sequence[Hit], *, by_meaning: bool = True) -> list[Card]:
    """A card for each paper that was found, with how close it is; words alone tell nothing of that."""
    why = {hit.paper.id: explain(hit) for hit in hits} if by_meaning else {}
    return deal(session, listing.read(session, [hit.paper.id for hit in hits]), why)


def tell(one: Listed) -> str:
    """The attention that a paper has, in words with numbers; what was never counted, or is nought, is left out."""
    facts = one.paper.trend_facts
    is_trending = deserves_badge(facts)
    speaks = facts and (is_trending or is_likely(facts))
    counts = [
        count_words(one.counts[kind], kind.removesuffix("s"))
        for kind in ("votes", "comments", "stars", "citations")
        if one.counts.get(kind) and not (is_trending and kind == "votes")
    ]
    parts = [
        reasons.explain_trend(facts) if facts and speaks else "",
        f"{', '.join(counts)}." if counts else "",
        f"{count_words(one.readers, 'reader')} here want{'s' if one.readers == 1 else ''} more like it."
        if one.readers
        else "",
    ]
    return " ".join(filter(None, parts))


def explain(hit: Hit) -> str:
    """How close a paper is, in words, and the phrases that it shares."""
    close = next((words for floor, words in CLOSE if hit.relevance >= floor), FAR)
    if not hit.phrases:
        return f"{close}."
    quoted = [f"“{phrase}”" for phrase in hit.phrases]
    listed = " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
    return f"{close}: shares {listed}."


def count_words(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def day_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
