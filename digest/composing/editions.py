"""The edition's mail: what the template shows of each paper, and the links, signed for one person."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from email.headerregistry import Address

from sqlmodel import Session, col, select

from digest import tokens
from digest.composing.messages import (
    Message,
    Sender,
    list_headers,
    make_message_id,
    render,
    shorten,
    unsubscribe_mailbox,
)
from digest.papers import sentences
from digest.papers.latex import read_latex
from digest.ranking import reasons
from digest.tables import Edition, EditionItem, OutboxMessage, Paper, Profile, Subscriber

EXCERPT_LENGTH = 460  # characters of an abstract in the mail
MOST_AUTHORS = 5
SOURCES = {"arxiv": "arXiv", "huggingface": "Hugging Face", "files": "your files", "sample": "arXiv"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows of one edition."""

    subscriber: Subscriber
    edition: Edition
    items: list[EditionItem]
    papers: dict[int, Paper]
    profiles: dict[int, Profile]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an excerpt; the highlight is set in bold."""

    text: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as the template shows it."""

    rank: int
    title: str
    url: str
    authors: str
    origin: str
    excerpt: list[Part]
    reason: str
    trend: str
    outside: bool
    more_url: str
    less_url: str
    similar_url: str


def plan(session: Session, only: int | None = None) -> list[int]:
    """Messages that were promised for an edition and are not written yet."""
    query = select(OutboxMessage.id).where(col(OutboxMessage.content).is_(None)).order_by(col(OutboxMessage.id))
    return list(session.exec(query if only is None else query.where(OutboxMessage.subscriber_id == only)))


def load_sheets(session: Session, ids: Sequence[int]) -> Iterator[tuple[OutboxMessage, Sheet]]:
    """Promised messages that are not written yet, each with its edition; one query per table for all of them."""
    waiting = select(OutboxMessage, Edition).join(Edition, col(Edition.id) == col(OutboxMessage.edition_id))
    waiting = waiting.where(col(OutboxMessage.id).in_(ids), col(OutboxMessage.content).is_(None))
    found = session.exec(waiting.order_by(col(OutboxMessage.id)).with_for_update(of=OutboxMessage)).all()
    editions = [edition for _, edition in found]
    items: dict[int, list[EditionItem]] = defaultdict(list)
    for item in session.exec(
        select(EditionItem)
        .where(col(EditionItem.edition_id).in_(e.id for e in editions))
        .order_by(col(EditionItem.rank))
    ):
        items[item.edition_id].append(item)
    paper_ids = {item.paper_id for listed in items.values() for item in listed}
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(paper_ids)))}
    people = {edition.subscriber_id for edition in editions}
    subscribers = {row.id: row for row in session.exec(select(Subscriber).where(col(Subscriber.id).in_(people)))}
    profiles: dict[int, dict[int, Profile]] = defaultdict(dict)
    for profile in session.exec(
        select(Profile).where(col(Profile.subscriber_id).in_(people)).order_by(col(Profile.id))
    ):
        profiles[profile.subscriber_id][profile.id] = profile
    for row, edition in found:
        who = edition.subscriber_id
        yield row, Sheet(subscribers[who], edition, items[edition.id], papers, profiles[who])


def compose(sender: Sender, sheet: Sheet, message_id: str = "") -> Message:
    """The mail of an edition."""
    subscriber, edition = sheet.subscriber, sheet.edition
    links = _Links(sender, sheet)
    entries = [_entry(sheet, item, links) for item in sheet.items]
    subject, text, html = render(
        "edition",
        {
            "entries": entries,
            "date": long_date(edition.edition_date),
            "summary": summarise(sheet),
            "name": subscriber.name,
            "email": subscriber.email,
            "interests": [profile.name for profile in sheet.profiles.values()],
            "considered": edition.considered,
            "lexical_only": edition.encoder == "",
            "failed_sources": [SOURCES.get(name, name) for name in edition.failed_sources],
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


class _Links:
    """The links of one edition; each token is signed for one purpose and holds ids, never an address."""

    def __init__(self, sender: Sender, sheet: Sheet) -> None:
        self._sender = sender
        self._who = {"s": sheet.subscriber.id, "k": sheet.subscriber.link_key}
        self._edition = {**self._who, "e": sheet.edition.id, "d": sheet.edition.edition_date.isoformat()}

    @property
    def manage(self) -> str:
        return self._signed("manage", self._edition)

    @property
    def unsubscribe(self) -> str:
        return self._signed("unsubscribe", self._who)

    @property
    def browser(self) -> str:
        return self._signed("edition", self._edition)

    def vote(self, paper_id: int, value: str) -> str:
        return f"{self._signed('vote', {**self._edition, 'p': paper_id})}?as={value}"

    def similar(self, paper_id: int) -> str:
        return f"{self._sender.base_url}/papers/{paper_id}/similar"

    def _signed(self, purpose: tokens.Purpose, payload: dict[str, object]) -> str:
        return f"{self._sender.base_url}/{purpose}/{tokens.sign(self._sender.signing_key, purpose, payload)}"


def _entry(sheet: Sheet, item: EditionItem, links: _Links) -> Entry:
    paper = sheet.papers[item.paper_id]
    trend = item.reason["trend"]
    return Entry(
        rank=item.rank,
        title=read_latex(paper.title),
        url=paper.url,
        authors=list_authors(paper),
        origin=_origin(paper),
        excerpt=excerpt(paper.abstract, item.highlight),
        reason=reasons.explain(item.reason),
        trend=reasons.explain_trend(trend) if trend else "",
        outside=item.reason["kind"] == "trending",
        more_url=links.vote(paper.id, "more"),
        less_url=links.vote(paper.id, "less"),
        similar_url=links.similar(paper.id),
    )


def list_authors(paper: Paper) -> str:
    """The first authors, and how many more there are."""
    shown = paper.authors[:MOST_AUTHORS]
    more = max(paper.author_count, len(paper.authors)) - len(shown)
    if not shown:
        return f"{more} authors" if more > 1 else ""
    return f"{', '.join(shown)} and {more} more" if more > 0 else ", ".join(shown)


def _origin(paper: Paper) -> str:
    known, announced = paper.published_on, f"announced {short_date(paper.announced_at.date())}"
    day = short_date(known) if known else announced
    parts = [SOURCES.get(paper.source, paper.source), day, ", ".join(paper.categories[:3])]
    return " · ".join(part for part in parts if part)


def excerpt(abstract: str, highlight: str) -> list[Part]:
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
        parts.append(Part(f"{'… ' if gap else ''}{shorten(pieces[place], EXCERPT_LENGTH)}", place == chosen))
    if len(pieces) - 1 not in kept:
        parts.append(Part("…", bold=False))
    return parts


def summarise(sheet: Sheet) -> str:
    """What is in the edition, in one line: how many papers for which interest."""
    counts: dict[str, int] = {}
    for item in sheet.items:
        outside = item.reason["kind"] == "trending"
        name = "from outside your interests" if outside else f"for {item.reason['profile']}"
        counts[name] = counts.get(name, 0) + 1
    total = len(sheet.items)
    head = f"{total} paper{'s' if total > 1 else ''}"
    if len(counts) == 1:
        return f"{head} {next(iter(counts))}."
    parts = [f"{count} {name}" for name, count in counts.items()]
    return f"{head}: {', '.join(parts[:-1])} and {parts[-1]}."


def long_date(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_date(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
