"""What a door (one of the world's interfaces) is given and gives: questions, rows, pages, replies."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from random import Random
from typing import Any, Protocol
from urllib.parse import parse_qsl

from world.world import World

XML, ATOM, JSON, HTML = "text/xml", "application/atom+xml", "application/json", "text/html"
# What no XML can hold; the rest that is odd is left in.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Ask:
    """A request: `path` without the door's own first segment."""

    method: str
    door: str
    path: str
    query: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    @cached_property
    def values(self) -> dict[str, str]:
        return dict(self.pairs)

    def number(self, name: str, default: int) -> int:
        text = self.values.get(name, "")
        return int(text) if text.isdecimal() else default


@dataclass(frozen=True)
class Reply:
    """`drop`: how many bytes go out before the connection breaks, of the length announced; None is all of them."""

    body: bytes
    status: int = 200
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: int | None = None


@dataclass(frozen=True)
class Sizes:
    """How much a door gives at once. `posts` None is what the world's bioRxiv gives."""

    harvest: int = 100
    announcements: int = 2_000
    posts: int | None = None
    journal: int = 40


@dataclass(frozen=True)
class View:
    """The world at `now`, as a door sees it that knows of nothing later than `as_of` and bears the date of `dated`."""

    world: World
    now: datetime
    as_of: datetime
    dated: datetime
    sizes: Sizes

    def late(self, **changes: Any) -> "View":
        return replace(self, **changes)


@dataclass(frozen=True)
class Page:
    """Some drawn rows, from `start` on, of `total`; `size` is what a full page holds."""

    items: list[Any]
    start: int
    size: int
    total: int


class Door(Protocol):
    """An interface of the world. A fault works on its rows, its items or its reply, never inside it."""

    @property
    def name(self) -> str: ...

    @property
    def faults(self) -> tuple[str, ...]:
        """Those that only some doors have."""
        ...

    def part(self, ask: Ask) -> str:
        """What of the door is asked for: the set, the category, the server; what may be stale by itself."""
        ...

    def refuse(self, view: View, ask: Ask) -> Reply | None:
        """The answer to a request that is wrong."""
        ...

    def rows(self, view: View, ask: Ask) -> Sequence[Any]:
        """Everything that answers the request, over all its pages."""
        ...

    def bounds(self, view: View, ask: Ask) -> tuple[int, int]:
        """Where the page begins, and how many rows it may hold."""
        ...

    def draw(self, view: View, ask: Ask, row: Any) -> Any:
        """A row as text (XML) or value (JSON)."""
        ...

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        """A page's reply."""
        ...

    def spoil(self, item: Any, chance: Random) -> Any:
        """An item that lacks something it needs."""
        ...

    def fail(self, fault: str, view: View, ask: Ask) -> Reply | None:
        """The door's own way to tell an error: `Error entry` or `expired token`; None where it has none."""
        ...


class Plain:
    """What most doors have in common."""

    def part(self, _ask: Ask) -> str:
        return ""

    def refuse(self, _view: View, _ask: Ask) -> Reply | None:
        return None

    def fail(self, _fault: str, _view: View, _ask: Ask) -> Reply | None:
        return None


def xml_text(text: str) -> str:
    """`text` as it may stand between tags and in attributes."""
    plain = _NOT_XML.sub("", text).replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace(">", "&gt;").replace('"', "&quot;")


def spoil_xml(item: str, tags: Sequence[str], chance: Random) -> str:
    """`item` with the content of one of `tags` gone, or a word in its place that is no id and no date."""
    tag = chance.choice(tags)
    word = chance.choice(("", "???"))
    return re.sub(rf"<{tag}>.*?</{tag}>", f"<{tag}>{word}</{tag}>", item, flags=re.DOTALL)


def spoil_json(item: dict[str, Any], names: Sequence[str], chance: Random) -> dict[str, Any]:
    """`item` without one of `names`, or with null or a number there."""
    name, how = chance.choice(names), chance.choice(("gone", None, 7))
    kept = {key: value for key, value in item.items() if key != name}
    return kept if how == "gone" else {**kept, name: how}


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
