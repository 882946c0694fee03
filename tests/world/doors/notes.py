"""OpenReview's notes (JSON, version 2 of its interface): every value of the content is wrapped."""

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any

from world.doors.door import Ask, Page, Plain, Reply, View, as_json, spoil_json
from world.words import abstract
from world.works import Note

VENUE = "Example.cc/2026/Conference"
INVITATION = f"{VENUE}/-/Submission"
_MOST = 1_000


class Notes(Plain):
    """`/openreview/notes?invitation=...` (or `content.venueid=`), by `offset` or `after`, as `sort` says."""

    name = "openreview"
    faults = ("empty feed", "repeated page", "malformed record")

    def refuse(self, _view: View, ask: Ask) -> Reply | None:
        if ask.path.strip("/") != "notes" or not {"invitation", "content.venueid", "id", "forum"} & set(ask.values):
            return Reply(as_json({"name": "NotFoundError", "message": "No such interface", "status": 404}), 404)
        if ask.number("limit", _MOST) > _MOST:
            return Reply(as_json({"name": "ValidationError", "message": "limit must be <= 1000", "status": 400}), 400)
        return None

    def rows(self, view: View, ask: Ask) -> Sequence[Note]:
        asked = ask.values
        if asked.get("invitation", INVITATION) != INVITATION or asked.get("content.venueid", VENUE) != VENUE:
            return []
        since = ask.number("mintcdate", 0)
        name = asked.get("id") or asked.get("forum")
        found = [n for n in view.world.notes if n.at <= view.as_of and _ms(n.at) >= since and name in (None, n.id)]
        field, _, way = asked.get("sort", "tcdate:desc").partition(":")
        found.sort(key=lambda n: (_changed(n, view) if "mdate" in field else n.at, n.id), reverse=way != "asc")
        after = next((k for k, note in enumerate(found, start=1) if note.id == asked.get("after")), 0)
        return found[after:]

    def bounds(self, _view: View, ask: Ask) -> tuple[int, int]:
        return ask.number("offset", 0), ask.number("limit", _MOST)

    def draw(self, view: View, _ask: Ask, row: Note) -> dict[str, Any]:
        return _draw(row, view)

    def bind(self, _view: View, _ask: Ask, page: Page) -> Reply:
        return Reply(as_json({"notes": page.items, "count": page.total}))

    def spoil(self, item: dict[str, Any], chance: Random) -> dict[str, Any]:
        if chance.random() < 0.3:
            return spoil_json(item, ("id", "content"), chance)
        return {**item, "content": spoil_json(item["content"], ("title", "abstract"), chance)}


def _changed(note: Note, view: View) -> datetime:
    return note.changed_at if note.changed_at <= view.as_of else note.at


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _draw(note: Note, view: View) -> dict[str, Any]:
    work, made = note.work, _ms(note.at)
    content: dict[str, Any] = {
        "title": work.title,
        "authors": list(work.authors),
        "authorids": [f"~{name.replace(' ', '_')}1" for name in work.authors],
        "keywords": ["counting", "seeds"],
        "TLDR": "One sentence.",
        "abstract": abstract(work.number),
        "pdf": f"/pdf/{note.id}.pdf",
        "venue": "Example 2026",
        "venueid": VENUE,
    }
    return {
        "id": note.id,
        "forum": note.id,
        "number": note.number,
        "version": 2,
        "domain": VENUE,
        "invitations": [INVITATION],
        "readers": ["everyone"],
        "writers": [VENUE],
        "signatures": [f"{INVITATION[:-10]}Submission{note.number}/Authors"],
        "cdate": made,
        "tcdate": made,
        "pdate": made,
        "mdate": _ms(_changed(note, view)),
        "tmdate": _ms(_changed(note, view)),
        "content": {name: {"value": value} for name, value in content.items()},
    }
