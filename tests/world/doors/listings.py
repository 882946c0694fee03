"""Hugging Face's daily papers (JSON): the listing of a day as it is now, page by page."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from world.doors.door import Ask, Page, Plain, Reply, View, as_json, spoil_json
from world.words import abstract
from world.works import Listing


class Listings(Plain):
    """`/hf?date=&p=&limit=`. A day fills while it lasts; a day to come is refused."""

    name = "hf"
    faults = ("empty feed", "repeated page", "malformed record")

    def refuse(self, view: View, ask: Ask) -> Reply | None:
        day = _read_day(view, ask)
        if day is None or day > view.now.date() or not 1 <= ask.number("limit", 50) <= 100:
            return Reply(as_json({"error": "Invalid date or limit"}), 400)
        return None

    def rows(self, view: View, ask: Ask) -> Sequence[Listing]:
        day = _read_day(view, ask)
        return [held for held in view.world.listings if held.day == day and held.at <= view.as_of]

    def bounds(self, _view: View, ask: Ask) -> tuple[int, int]:
        limit = ask.number("limit", 50)
        return ask.number("p", 0) * limit, limit

    def draw(self, view: View, _ask: Ask, row: Listing) -> dict[str, Any]:
        return _draw(row, view.as_of)

    def bind(self, _view: View, _ask: Ask, page: Page) -> Reply:
        return Reply(as_json(page.items))

    def spoil(self, item: dict[str, Any], chance: Random) -> dict[str, Any]:
        if chance.random() < 0.3:
            return spoil_json(item, ("paper",), chance)
        name = chance.choice(("id", "title", "summary", "publishedAt"))
        if name == "id":  # as a number it has lost its zeros
            return {**item, "paper": {**item["paper"], "id": float(item["paper"]["id"])}}
        spoilt = {**item, "paper": spoil_json(item["paper"], (name,), chance)}
        return {key: value for key, value in spoilt.items() if key not in {"title", "summary", "publishedAt"}}


def _read_day(view: View, ask: Ask) -> date | None:
    try:
        return date.fromisoformat(ask.values.get("date", view.now.date().isoformat()))
    except ValueError:
        return None


def _draw(held: Listing, at: datetime) -> dict[str, Any]:
    work, first = held.paper.work, held.paper.events[0]
    person = {
        "_id": f"{work.number:024x}",
        "avatarUrl": "/avatars/1.svg",
        "fullname": "A Reader",
        "name": f"reader{work.number % 50}",
        "isPro": False,
        "followerCount": work.number % 90,
    }
    paper: dict[str, Any] = {
        "id": held.paper.id,
        "authors": [
            {"_id": f"{work.number:020x}{k:04x}", "name": name, "hidden": False} for k, name in enumerate(work.authors)
        ],
        "publishedAt": _moment(first.dates[0]),
        "submittedOnDailyAt": _moment(held.at),
        "title": work.title,
        "submittedOnDailyBy": person,
        "summary": abstract(work.number) + ("\x00\x1b and more" if work.number % 11 == 0 else ""),
        "upvotes": held.votes(at),
        "discussionId": f"{work.number:024x}",
    }
    if held.stars is not None:
        paper |= {"githubRepo": f"https://github.com/example/{work.number}", "githubStars": held.stars}
    if work.number % 3 == 0:
        paper |= {"ai_summary": "One sentence.", "ai_keywords": ["counting", "seeds"], "projectPage": None}
    return {
        "paper": paper,
        "publishedAt": _moment(first.dates[0]),
        "title": work.title,
        "summary": paper["summary"],
        "thumbnail": f"https://thumbnails.example/{held.paper.id}.png",
        "numComments": held.votes(at) // 6 + 1,
        "submittedBy": person,
        "isAuthorParticipating": work.number % 4 == 0,
    }


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
