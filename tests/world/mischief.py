"""The faults: drawn by seed, a request at a time, and spells that last for hours or days. All end at `calm_from`."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from world.doors.door import HTML, Ask, Door, Page, Reply, View
from world.preprints import CATEGORIES
from world.world import World

# What any door may do with a request.
ON_THE_WAY = (
    "429",
    "403",
    "500",
    "503 with Retry-After",
    "huge Retry-After",
    "connection dropped",
    "truncated on the wire",
    "truncated text",
    "200 with HTML",
    "empty 200",
)
# What is done to the content of an answer; each door names those that it has.
IN_THE_ANSWER = (
    "empty feed",
    "Error entry",
    "expired token",
    "repeated page",
    "shifted row",
    "capped feed",
    "wrong total",
    "no posts found",
    "malformed record",
    "all unknown",
)
# What lasts.
SPELLS = ("outage", "stale door", "stale part", "index behind")
FAULTS = (*ON_THE_WAY, *IN_THE_ANSWER, *SPELLS)

_PARTS = {
    "oai": ("cs", "cs", "stat", "math", "physics:hep-th", "physics:astro-ph", "q-bio"),
    "atom": CATEGORIES,
    "biorxiv": ("biorxiv", "medrxiv"),
}
_STALE_DOORS = ("oai", "oai", "atom", "hf", "biorxiv", "openreview", "feed")
_PLAIN = "text/plain"


@dataclass(frozen=True)
class Spell:
    """A door, or one part of it, is out, or sees the world as it was `back` ago, and may bear the date of today."""

    name: str
    door: str
    part: str | None
    begins: datetime
    ends: datetime
    back: timedelta = timedelta()
    dated_now: bool = False

    def holds(self, part: str, ask: Ask, now: datetime) -> bool:
        """Whether it lies on a request for `part` of a door."""
        return self.begins <= now < self.ends and ask.door == self.door and self.part in (None, part)


class Mischief:
    """`rate` of the requests meet a fault; `without` names faults that never strike. `struck` counts what was done.

    The same seed does the same to the same requests in the same order.
    """

    def __init__(self, world: World, seed: int, rate: float = 0.1, without: Collection[str] = ()) -> None:
        unknown = set(without) - set(FAULTS)
        if unknown:
            raise ValueError(f"there are no such faults: {sorted(unknown)}")
        self.struck: Counter[str] = Counter()
        self._without = frozenset(without)
        self._rate = rate
        self._chance = Random(f"mischief {seed}")
        self.spells = _plan_spells(world, Random(f"spells {seed}"), self._without) if rate else []

    def answer(self, door: Door, view: View, ask: Ask) -> Reply:
        """What `door` replies to `ask`, if need be badly."""
        held = [spell for spell in self.spells if spell.holds(door.part(ask), ask, view.now)]
        if any(spell.name == "outage" for spell in held):
            return self._count("outage", Reply(b"Down for maintenance.", 503, _PLAIN))
        if refused := door.refuse(view, ask):
            return refused
        if view.now >= view.world.calm_from or not self._rate:
            return answer_truly(door, view, ask)
        view = self._take_back(door, view, ask, held)
        fault = self._draw(door)
        reply = self._bend(fault, door, view, ask) if fault in IN_THE_ANSWER else None
        if reply and fault:
            return self._count(fault, reply)
        reply = answer_truly(door, view, ask)
        return self._hinder(fault, reply) if fault in ON_THE_WAY else reply

    def _draw(self, door: Door) -> str | None:
        """A fault, as likely one of the door's own as one on the way."""
        if self._chance.random() >= self._rate:
            return None
        groups = [[fault for fault in group if fault not in self._without] for group in (ON_THE_WAY, door.faults)]
        left = [group for group in groups if group]
        return self._chance.choice(self._chance.choice(left)) if left else None

    def _count(self, fault: str, reply: Reply) -> Reply:
        self.struck[fault] += 1
        return reply

    def _take_back(self, door: Door, view: View, ask: Ask, held: Sequence[Spell]) -> View:
        """The view of who knows less; counted only if that makes a difference to the answer."""
        taken, names = view, []
        if ask.door == "query" and view.world.lag and "index behind" not in self._without:
            taken, names = replace(view, as_of=view.now - view.world.lag), ["index behind"]
        for spell in held:
            as_of = view.now - spell.back
            taken = replace(taken, as_of=as_of, dated=view.now if spell.dated_now else as_of)
            names = [spell.name]
        if taken is not view and door.rows(view, ask) != door.rows(taken, ask):
            self.struck.update(names)
        return taken

    def _bend(self, fault: str, door: Door, view: View, ask: Ask) -> Reply | None:
        """The answer with `fault` in it; None where it cannot have that."""
        if fault in {"Error entry", "expired token"}:
            return door.fail(fault, view, ask)
        rows = door.rows(view, ask)
        start, size = door.bounds(view, ask)
        items = [door.draw(view, ask, row) for row in rows[start : start + size]]
        if not items:
            return None
        page = Page(items, start, size, len(rows))
        if fault in {"repeated page", "shifted row"}:
            begin = _move(fault, page, rows)
            if begin is None:
                return None
            others = [door.draw(view, ask, row) for row in rows[begin : begin + size]]
            return door.bind(view, ask, replace(page, items=others))
        if fault == "malformed record":
            place = self._chance.randrange(len(items))
            items[place] = door.spoil(items[place], self._chance)
            return door.bind(view, ask, page)
        changed = self._shrink(fault, page)
        return door.bind(view, ask, changed) if changed else None

    def _shrink(self, fault: str, page: Page) -> Page | None:
        """A page that holds less than it should, or tells of more."""
        if fault == "empty feed" or (fault == "no posts found" and page.start):
            return replace(page, items=[])
        if fault == "capped feed" and len(page.items) > 1:
            return replace(page, items=page.items[: len(page.items) // 2])
        if fault == "wrong total":
            return replace(page, total=page.total + self._chance.randint(1, 40))
        if fault == "all unknown" and any(page.items):
            return replace(page, items=[None] * len(page.items))
        return None

    def _hinder(self, fault: str | None, reply: Reply) -> Reply:
        """What becomes of a good reply on the way."""
        if fault is None or (fault in {"truncated on the wire", "truncated text"} and len(reply.body) < 2):
            return reply
        end = self._chance.randrange(1, max(2, len(reply.body) - 1))
        wait = str(self._chance.randint(1, 30))
        return self._count(
            fault,
            {
                "429": Reply(b"Rate exceeded.", 429, _PLAIN),
                "403": Reply(b"Forbidden", 403, _PLAIN),
                "500": Reply(b"Internal Server Error", 500, _PLAIN),
                "503 with Retry-After": Reply(b"", 503, _PLAIN, {"Retry-After": wait}),
                "huge Retry-After": Reply(b"", 429, _PLAIN, {"Retry-After": "864000"}),
                "connection dropped": replace(reply, drop=0),
                "truncated on the wire": replace(reply, drop=end),
                "truncated text": replace(reply, body=reply.body[:end]),
                "200 with HTML": Reply(b"<!DOCTYPE html><html><body>Please wait.<br></body></html>", 200, HTML),
                "empty 200": replace(reply, body=b""),
            }[fault],
        )


def answer_truly(door: Door, view: View, ask: Ask) -> Reply:
    rows = door.rows(view, ask)
    start, size = door.bounds(view, ask)
    items = [door.draw(view, ask, row) for row in rows[start : start + size]]
    return door.bind(view, ask, Page(items, start, size, len(rows)))


def _move(fault: str, page: Page, rows: Sequence[Any]) -> int | None:
    """From where on the page's rows are taken instead; None where the fault cannot be.

    A row is passed over only if arXiv changes its paper again, so that it turns up once more on another day.
    """
    if not page.start:
        return None
    if fault == "repeated page":
        return max(0, page.start - page.size)
    *_, paper, event = rows[page.start]
    return page.start + 1 if event is not paper.events[-1] and page.start + 1 < len(rows) else None


def _plan_spells(world: World, chance: Random, without: Collection[str]) -> list[Spell]:
    every = ("oai", "atom", "query", "hf", "biorxiv", "openreview", "feed", "s2", "openalex")
    made = []
    for name, count in (("outage", 3), ("stale door", 3), ("stale part", 4)):
        for _ in range(count):
            door = chance.choice({"outage": every, "stale door": _STALE_DOORS, "stale part": tuple(_PARTS)}[name])
            begins = world.begins + (world.calm_from - world.begins) * chance.random()
            hours = chance.choice((6, 20, 30, 50, 72))
            made.append(
                Spell(
                    name,
                    door,
                    chance.choice(_PARTS[door]) if name == "stale part" else None,
                    begins,
                    min(begins + timedelta(hours=hours), world.calm_from),
                    timedelta(days=chance.randint(1, 3)),
                    chance.random() < 0.5,
                )
            )
    return [spell for spell in made if spell.name not in without]
