"""Feeds: Atom, RSS and JSON of what somebody's editions held, and of what is trending. They carry no personal links."""

import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from feedgenerator import Atom1Feed, Rss201rev2Feed
from starlette.responses import Response
from starlette.routing import Route

from digest.composing import archive
from digest.errors import InvalidRequest
from digest.papers import listing
from digest.papers.categories import parse_category
from digest.papers.latex import read_latex
from digest.ranking import reasons
from digest.subscribers.holders import find_holder
from digest.tables import Paper, Profile
from digest.web.answers import NotHere
from digest.web.cards import tell_rise
from digest.web.paging import with_query
from digest.web.site import Site
from digest.web.trending import LONGEST_CATEGORY, NAMES, around
from digest.web.visits import Visit, page_route

TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
TRENDING = 50  # papers in the feed of what is trending


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper in a feed; `key` is its for ever, so that no reader shows it twice."""

    key: str
    title: str
    url: str
    authors: Sequence[str]
    words: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed before it is written in one of the forms."""

    title: str
    home: str
    address: str
    entries: list[Entry]


def routes(site: Site) -> list[Route]:
    return [
        page_route(site, "/feeds/{name}", personal),
        page_route(site, "/trending.{form:str}", trending),
    ]


def personal(visit: Visit) -> Response:
    """The feed of a person's editions, or of one interest; its address is its key."""
    token, _, form = visit.path("name").rpartition(".")
    visit.limit("links")
    with visit.rows() as session:
        try:
            holder = find_holder(session, visit.site.shop.settings.signing_key, "feed", token, visit.now)
        except InvalidRequest as error:
            raise NotHere(
                "This feed has gone, or its address was changed: find the new one under Preferences."
            ) from error
        title = visit.site.name
        if holder.profile_id is not None:
            profile = session.get(Profile, holder.profile_id)
            if profile is None or profile.removed_at is not None:
                raise NotHere("The interest of this feed has been removed.")
            title = f"{title}: {profile.name}"
        found = archive.feed_entries(session, holder.subscriber.id, holder.profile_id)
    entries = [_entry(visit, one.paper, reasons.explain(one.item.reason), one.sent_at) for one in found]
    return write(visit, Feed(title, f"{_base(visit)}/editions", _here(visit), entries), form)


def trending(visit: Visit) -> Response:
    """The feed of the latest day that has trending papers, or of its week or month; of all fields or of one."""
    category = parse_category(visit.asked("cat")[:LONGEST_CATEGORY]) if visit.asked("cat") else ""
    view = visit.asked("view") if visit.asked("view") in NAMES else "day"
    with visit.rows() as session:
        day = listing.nearest_day(session, visit.now.date())
        period = around(visit, day, view).period if day else None
        listed = listing.top(session, period, category, TRENDING) if period else []
        risers = listing.late_risers(session, period, category) if period else []
    entries = [_entry(visit, one.paper, _told(one), one.paper.announced_at) for one in listed]
    entries += [_entry(visit, one.listed.paper, tell_rise(one), one.listed.paper.announced_at) for one in risers]
    title = f"{visit.site.name}: trending papers{f' in {category}' if category else ''}"
    asked = {"view": view if view != "day" else "", "cat": category}
    feed = Feed(
        title, with_query(f"{_base(visit)}/trending", {"cat": category}), with_query(_here(visit), asked), entries
    )
    return write(visit, feed, visit.path("form"))


def _told(one: listing.Listed) -> str:
    return f"{one.votes} votes." if one.votes is not None else ""


def _entry(visit: Visit, paper: Paper, why: str, moment: datetime) -> Entry:
    words = f"{why} {paper.abstract}".strip()
    url = paper.url or f"{_base(visit)}/papers/{paper.id}"
    key = f"{_base(visit)}/papers/{paper.id}"
    return Entry(key, read_latex(paper.title), url, paper.authors, words, moment)


def _base(visit: Visit) -> str:
    return visit.site.shop.settings.base_url


def _here(visit: Visit) -> str:
    return f"{_base(visit)}{visit.here}"


def write(visit: Visit, feed: Feed, form: str) -> Response:
    """The feed in its form; what has not changed since the reader's last look is not sent again."""
    if form not in TYPES:
        raise NotHere("Feeds are there as .atom, .rss and .json.")
    body = _json(feed) if form == "json" else _xml(feed, form)
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=600"}
    if feed.entries:
        headers["Last-Modified"] = format_datetime(_latest(feed).astimezone(UTC), usegmt=True)
    if tag in visit.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=TYPES[form], headers=headers)


def _latest(feed: Feed) -> datetime:
    return max(entry.moment for entry in feed.entries)


def _xml(feed: Feed, form: str) -> bytes:
    kind = Atom1Feed if form == "atom" else Rss201rev2Feed
    title = _clean(feed.title)
    made = kind(title=title, link=feed.home, description=title, feed_url=feed.address, language="en")
    for entry in feed.entries:
        made.add_item(
            title=_clean(entry.title),
            link=entry.url,
            description=html.escape(_clean(entry.words)),  # readers take it for HTML
            unique_id=entry.key,
            author_name=_clean(", ".join(entry.authors[:5])) or None,
            pubdate=entry.moment,
            updateddate=entry.moment,
        )
    return str(made.writeString("utf-8")).encode()


def _clean(text: str) -> str:
    """Without the characters that XML forbids."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def _json(feed: Feed) -> bytes:
    """JSON Feed 1.1 (jsonfeed.org)."""
    items: list[dict[str, Any]] = [
        {
            "id": entry.key,
            "url": entry.url,
            "title": entry.title,
            "content_text": entry.words,
            "date_published": entry.moment.isoformat(),
            "authors": [{"name": name} for name in entry.authors[:5]],
        }
        for entry in feed.entries
    ]
    whole = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.address,
        "items": items,
    }
    return json.dumps(whole, ensure_ascii=False).encode()
