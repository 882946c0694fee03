"""bioRxiv's and medRxiv's details (JSON), by posting date; what `total` says need not be true."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from world.doors.door import Ask, Page, Plain, Reply, View, as_json, spoil_json
from world.making import SERVERS
from world.words import abstract, family_first
from world.works import Post

_FEWEST_PARTS = 3  # details, server, interval as Nd
Row = tuple[Post, int]  # and its version, from 1 on


class Posts(Plain):
    """`/biorxiv/details/{server}/{from}/{to}/{cursor}[/json]`, or `/{N}d[/{cursor}]`."""

    name = "biorxiv"
    faults = ("empty feed", "repeated page", "wrong total", "no posts found", "malformed record")

    def part(self, ask: Ask) -> str:
        return [*_parts(ask), "", ""][1]

    def refuse(self, view: View, ask: Ask) -> Reply | None:
        parts = _parts(ask)
        if len(parts) < _FEWEST_PARTS or parts[0] != "details" or parts[1] not in SERVERS or not _span(view, ask):
            return Reply(as_json({"messages": [{"status": "Error: no such interface"}], "collection": []}), 404)
        return None

    def rows(self, view: View, ask: Ask) -> Sequence[Row]:
        first, last = _span(view, ask) or (date.max, date.min)
        category = ask.values.get("category", "").replace("_", " ")
        found = [
            (post, version)
            for post in view.world.posts
            if post.server == self.part(ask) and category in ("", post.category)
            for version, at in enumerate(post.posted, start=1)
            if first <= at.date() <= last and at <= view.as_of
        ]
        return sorted(found, key=lambda row: row[0].posted[row[1] - 1])

    def bounds(self, view: View, ask: Ask) -> tuple[int, int]:
        return _cursor(ask), view.sizes.posts or view.world.posts_per_page

    def draw(self, view: View, _ask: Ask, row: Row) -> dict[str, Any]:
        return _draw(row[0], row[1], view)

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        if not page.items and (page.start or not page.total):
            return Reply(as_json({"messages": [{"status": "no posts found"}], "collection": []}))
        first, last = _span(view, ask) or (date.max, date.min)
        told: Callable[[int], str | int] = str if view.world.counts_are_text else int
        message = {
            "status": "ok",
            "category": "all",
            "interval": f"{first}:{last}",
            "funder": "all",
            "cursor": told(page.start),
            "count": len(page.items),
            "count_new_papers": told(sum(item.get("version") == "1" for item in page.items)),
            "total": told(page.total),
        }
        return Reply(as_json({"messages": [message], "collection": page.items}))

    def spoil(self, item: dict[str, Any], chance: Random) -> dict[str, Any]:
        return spoil_json(item, ("doi", "title", "abstract", "date"), chance)


def _parts(ask: Ask) -> list[str]:
    return [part for part in ask.path.split("/") if part and part != "json"]


def _span(view: View, ask: Ask) -> tuple[date, date] | None:
    """The first and the last day that are asked for."""
    parts = _parts(ask)
    try:
        if parts[2].endswith("d"):
            return view.now.date() - timedelta(days=int(parts[2][:-1])), view.now.date()
        return date.fromisoformat(parts[2]), date.fromisoformat(parts[3])
    except (ValueError, IndexError):
        return None


def _cursor(ask: Ask) -> int:
    parts = _parts(ask)
    place = 3 if parts[2].endswith("d") else 4
    return int(parts[place]) if len(parts) > place and parts[place].isdecimal() else 0


def _draw(post: Post, version: int, view: View) -> dict[str, Any]:
    work, day = post.work, post.posted[version - 1].date()
    published = post.published_at is not None and post.published_at <= view.as_of
    return {
        "doi": post.doi,
        "title": work.title,
        "authors": "; ".join(family_first(name) for name in work.authors),
        "author_corresponding": work.authors[-1],
        "author_corresponding_institution": "A Place",
        "date": day.isoformat() if post.padded else f"{day.year}-{day.month}-{day.day}",
        "version": str(version),
        "type": "new results",
        "license": "cc_by",
        "category": post.category,
        "jatsxml": f"https://www.biorxiv.org/content/early/{post.doi}.source.xml",
        "abstract": abstract(work.number, version) + ("\x07 & <p>more</p>" if work.number % 9 == 0 else ""),
        "published": post.published if published else "NA",
        "server": "bioRxiv" if post.server == "biorxiv" else "medRxiv",
    }
