"""The edition's mail: what the template shows of each paper, and the links, signed for one person."""

from dataclasses import dataclass
from datetime import date
from email.headerregistry import Address
from functools import lru_cache

from digest import templating, tokens
from digest.composing.messages import (
    Message,
    Sender,
    isolate,
    list_headers,
    make_message_id,
    render,
    unsubscribe_mailbox,
)
from digest.composing.sheets import Sheet
from digest.papers import sentences, trending
from digest.papers.latex import read_latex
from digest.ranking import reasons
from digest.tables import Edition, EditionItem, Paper

EXCERPT_LENGTH = 460  # characters of an abstract in the mail
MOST_AUTHORS = 5
NOWHERE = "#"
REMEMBERED = 4096  # papers whose parts are not made anew for the next reader
SOURCES = {"arxiv": "arXiv", "huggingface": "Hugging Face", "files": "your files", "sample": "arXiv"}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an excerpt; the highlight is set in bold."""

    text: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Pieces of an abstract, and the same as the lines of a text mail."""

    parts: tuple[Part, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as the template shows it; `reason` is empty where `trend` says it all."""

    paper_id: int
    rank: int
    title: str
    url: str
    authors: str
    origin: str
    excerpt: Excerpt
    reason: str
    trend: str
    outside: bool
    more_url: str
    less_url: str
    similar_url: str


def compose(sender: Sender, sheet: Sheet, message_id: str = "", *, live: bool = True) -> Message:
    """The mail of an edition; one that is not `live` is only looked at, and its personal links lead nowhere."""
    subscriber, edition = sheet.subscriber, sheet.edition
    links = _Links(sender, sheet) if live else _DeadLinks(sender, sheet)
    entries = [_entry(sheet, item, links) for item in sheet.items]
    subject, text, html = render(
        "edition",
        {
            "entries": entries,
            "updates": sheet.updates,
            "interests_url": links.interests if is_popular(sheet) else "",
            "weekly": sheet.is_weekly,
            "period": "this week" if sheet.is_weekly else "today",
            "date": ("Week to " if sheet.is_weekly else "") + long_date(edition.edition_date),
            "summary": summarise(sheet),
            "email": subscriber.email,
            "interests": [isolate(profile.name) for profile in sheet.profiles.values()],
            "chosen": say_chosen(edition.considered, len(entries)),
            "lexical_only": edition.encoder == "",
            "failed_sources": name_sources(edition),
            "manage_url": links.manage,
            "unsubscribe_url": links.unsubscribe,
            "browser_url": links.browser,
            "postal_address": sender.postal_address,
            "sender_name": sender.address.display_name or sender.address.domain,
        },
    )
    return Message(
        recipient=Address(subscriber.name, addr_spec=subscriber.email),
        subject=subject,
        text=text,
        html=html,
        date=edition.created_at,
        message_id=message_id or make_message_id(sender, edition.edition_date, subscriber.id, edition.id),
        headers=list_headers(sender, links.unsubscribe, unsubscribe_mailbox(sender, subscriber.id)),
    )


def list_entries(sender: Sender, sheet: Sheet) -> list[Entry]:
    """The papers of an edition for a page, which says of them what the mail said."""
    links = _Links(sender, sheet)
    return [_entry(sheet, item, links) for item in sheet.items]


def name_sources(edition: Edition) -> list[str]:
    """The sources that could not be read for an edition, as people know them."""
    return [SOURCES.get(name, name) for name in edition.failed_sources]


def say_chosen(considered: int, count: int) -> str:
    """Of how many new papers the edition's were chosen."""
    if count:
        return f"These papers were chosen from {considered} new ones."
    return f"Of {considered} new papers none came close enough." if considered else "There were no new papers."


class _Links:
    """The links of one edition; each token is signed for one purpose and holds ids, never an address.

    All votes share a token: it names the edition, and the page behind it lets vote on that edition's papers only.
    """

    def __init__(self, sender: Sender, sheet: Sheet) -> None:
        self._sender = sender
        self._who = {"s": sheet.subscriber.id, "k": sheet.subscriber.link_key}
        self._edition = {**self._who, "e": sheet.edition.id, "d": sheet.edition.edition_date.isoformat()}

        self.manage = self._signed("manage", self._edition)
        self.unsubscribe = self._signed("unsubscribe", self._who)
        self.interests = f"{sender.base_url}/preferences/interests/new"
        self.browser = self._signed("edition", self._edition)
        self._vote = self._signed("vote", self._edition)

    def vote(self, paper_id: int, value: str) -> str:
        return f"{self._vote}/{paper_id}/{value}"

    def similar(self, paper_id: int) -> str:
        return f"{self._sender.base_url}/papers/{paper_id}/similar"

    def _signed(self, purpose: tokens.Purpose, payload: dict[str, object]) -> str:
        return f"{self._sender.base_url}/{purpose}/{tokens.sign(self._sender.signing_key, purpose, payload)}"


class _DeadLinks(_Links):
    """Nothing is signed: what is shown to somebody who tries out interests must neither vote nor unsubscribe."""

    def vote(self, paper_id: int, value: str) -> str:  # noqa: ARG002
        return NOWHERE

    def _signed(self, purpose: tokens.Purpose, payload: dict[str, object]) -> str:  # noqa: ARG002
        return NOWHERE


def _entry(sheet: Sheet, item: EditionItem, links: _Links) -> Entry:
    paper = sheet.papers[item.paper_id]
    trend = item.reason["trend"]
    return Entry(
        paper_id=paper.id,
        rank=item.rank,
        title=isolate(read_title(paper.title)),
        url=paper.url,
        authors=list_authors(tuple(paper.authors), paper.author_count),
        origin=_origin(paper),
        excerpt=excerpt(paper.abstract, item.highlight),
        reason="" if trend and item.reason["kind"] == "popular" else reasons.explain(item.reason),
        trend=reasons.explain_trend(trend) if trend else "",
        outside=item.reason["kind"] == "trending",
        more_url=links.vote(paper.id, "more"),
        less_url=links.vote(paper.id, "less"),
        similar_url=links.similar(paper.id),
    )


@lru_cache(maxsize=REMEMBERED)
def read_title(title: str) -> str:
    return read_latex(title)


@lru_cache(maxsize=REMEMBERED)
def list_authors(authors: tuple[str, ...], count: int) -> str:
    """The first authors, and how many more there are of `count`."""
    shown = [isolate(author) for author in authors[:MOST_AUTHORS]]
    more = max(count, len(authors)) - len(shown)
    if not shown:
        return f"{more} authors" if more > 1 else ""
    return f"{', '.join(shown)} and {more} more" if more > 0 else ", ".join(shown)


def _origin(paper: Paper) -> str:
    known, announced = paper.published_on, f"announced {short_date(paper.announced_at.date())}"
    day = short_date(known) if known else announced
    parts = [SOURCES.get(paper.source, paper.source), day, ", ".join(paper.categories[:3])]
    return " · ".join(part for part in parts if part)


@lru_cache(maxsize=REMEMBERED)
def excerpt(abstract: str, highlight: str) -> Excerpt:
    """The abstract's beginning with the highlight in it, whole sentences while they fit; gaps are marked."""
    pieces = sentences.split(abstract)
    chosen = pieces.index(highlight) if highlight in pieces else -1
    kept = {0, chosen} if chosen >= 0 else {0}
    room = EXCERPT_LENGTH - sum(len(pieces[place]) for place in kept)
    for place in sorted(range(len(pieces)), key=lambda place: (abs(place - max(chosen, 0)), place)):
        if place not in kept and len(pieces[place]) <= room:
            kept.add(place)
            room -= len(pieces[place])
    parts: list[Part] = []
    for place in sorted(kept):
        gap = bool(parts) and place - 1 not in kept
        parts.append(Part(f"{'… ' if gap else ''}{templating.shorten(pieces[place], EXCERPT_LENGTH)}", place == chosen))
    if len(pieces) - 1 not in kept:
        parts.append(Part("…", bold=False))
    words = " ".join(f"*{part.text}*" if part.bold else part.text for part in parts)
    return Excerpt(tuple(parts), templating.wrap(words, "   "))


def count_papers(count: int) -> str:
    return f"{count} paper{'s' if count > 1 else ''}"


def is_popular(sheet: Sheet) -> bool:
    """Whether the edition holds what others notice, because nothing is known of what its reader wants."""
    return any(item.reason["kind"] == "popular" for item in sheet.items)


def summarise(sheet: Sheet) -> str:
    """What is in the edition, in one line: how many papers for which interest."""
    if is_popular(sheet):
        return _summarise_popular(sheet)
    counts: dict[str, int] = {}
    for item in sheet.items:
        outside = item.reason["kind"] == "trending"
        name = "from outside your interests" if outside else f"for {isolate(item.reason['profile'])}"
        counts[name] = counts.get(name, 0) + 1
    total = len(sheet.items)
    if not total:
        return f"No new paper came close to your interests {'this week' if sheet.is_weekly else 'today'}."
    head = count_papers(total)
    if len(counts) == 1:
        return f"{head} {next(iter(counts))}."
    parts = [f"{count} {name}" for name, count in counts.items()]
    return f"{head}: {', '.join(parts[:-1])} and {parts[-1]}."


def _summarise_popular(sheet: Sheet) -> str:
    """Trending is only what may be called so."""
    total, period = len(sheet.items), "this week" if sheet.is_weekly else "today"
    hot = sum(trending.deserves_badge(item.reason["trend"]) for item in sheet.items)
    if hot == total:
        return f"Trending {period}: {count_papers(total)}."
    if hot:
        return f"Trending {period}: {count_papers(hot)}, and {total - hot} more of the new ones."
    return f"Nothing is trending {period} yet: {count_papers(total)} of the new ones."


def long_date(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_date(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
