"""arXiv's announcement feeds (Atom): the current batch of a category, an archive, or several joined by `+`."""

from collections.abc import Sequence, Set
from datetime import timedelta
from random import Random

from world.doors.door import ATOM, Ask, Page, Plain, Reply, View, spoil_xml, xml_text
from world.moments import batch_day, midnight_in_new_york
from world.preprints import CATEGORIES
from world.words import abstract
from world.works import Event, Preprint

_ORDER = ("replace-cross", "replace", "cross", "new")  # the cap cuts from the end, so it takes what is new
_LAST_ANNOUNCED = 5  # versions later than this are not announced
Row = tuple[Preprint, Event, str]


class Announcements(Plain):
    """`/atom/cs.CL`. The type of an announcement depends on the categories that are asked for."""

    name = "atom"
    faults = ("empty feed", "capped feed", "Error entry", "malformed record")

    def part(self, ask: Ask) -> str:
        return ask.path

    def refuse(self, view: View, ask: Ask) -> Reply | None:
        return None if _wanted(ask) else self.fail("Error entry", view, ask)

    def rows(self, view: View, ask: Ask) -> Sequence[Row]:
        wanted = _wanted(ask)
        batch = view.world.by_day.get(batch_day(view.as_of), ())
        told = [(paper, event, kind) for paper, event in batch if (kind := _announce(event, wanted))]
        return sorted(told, key=lambda row: (_ORDER.index(row[2]), row[0].id))

    def bounds(self, view: View, _ask: Ask) -> tuple[int, int]:
        return 0, view.sizes.announcements

    def draw(self, view: View, _ask: Ask, row: Row) -> str:
        paper, event, kind = row
        if kind not in event.drawn:
            event.drawn[kind] = _draw(paper, event, kind)
        return event.drawn[kind].replace("{midnight}", midnight_in_new_york(view.dated).isoformat())

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        asked = xml_text(ask.path.replace("+", ", "))
        return _bind(view, ask, f"{asked} updates on arXiv.org", "".join(page.items))

    def spoil(self, item: str, chance: Random) -> str:
        return spoil_xml(item, ("title", "summary", "id", "arxiv:announce_type", "published"), chance)

    def fail(self, fault: str, view: View, ask: Ask) -> Reply | None:
        if fault != "Error entry":
            return None
        return _bind(view, ask, f"Feed error for query: http://rss.arxiv.org/atom/{xml_text(ask.path)}", "")


def _wanted(ask: Ask) -> frozenset[str]:
    """The categories that a query names; empty when it names one that there is not."""
    found: set[str] = set()
    for name in ask.path.replace("%2B", "+").split("+"):
        named = {c for c in CATEGORIES if name in (c, c.partition(".")[0])}
        if not named:
            return frozenset()
        found |= named
    return frozenset(found)


def _announce(event: Event, wanted: Set[str]) -> str | None:
    """How an event is announced to who asks for `wanted`; None when it is not."""
    first, others = event.categories[0], event.categories[1:]
    if event.kind == "cross":
        return "cross" if first not in wanted and not wanted.isdisjoint(event.added) else None
    if event.kind == "edit" or event.version > _LAST_ANNOUNCED:
        return None
    if first in wanted:
        return "new" if event.kind == "new" else "replace"
    if any(category in wanted for category in others):
        return "cross" if event.kind == "new" else "replace-cross"
    return None


def _draw(paper: Preprint, event: Event, kind: str) -> str:
    name = f"{paper.id}v{event.version}"
    text = abstract(paper.work.number, event.version)
    authors = ", ".join(paper.work.authors)
    extra = f"<arxiv:journal_reference>{event.journal}</arxiv:journal_reference>" if event.journal else ""
    return "".join(
        (
            f"<entry><id>oai:arXiv.org:{name}</id><title>{xml_text(event.title)}</title>",
            "<updated>{midnight}</updated>",
            f'<link href="https://arxiv.org/abs/{paper.id}" rel="alternate" type="text/html"/>',
            f"<summary>arXiv:{name} Announce Type: {kind} \nAbstract: {xml_text(text)}</summary>",
            *(f'<category term="{category}"/>' for category in event.categories),
            "<published>{midnight}</published>",
            f"<arxiv:announce_type>{kind}</arxiv:announce_type>",
            "<dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>",
            extra,
            f"<arxiv:DOI>{event.doi}</arxiv:DOI>" if event.doi else "",
            f"<dc:creator>{xml_text(authors)}</dc:creator></entry>\n",
        )
    )


def _bind(view: View, ask: Ask, title: str, entries: str) -> Reply:
    made = midnight_in_new_york(view.dated)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">\n'
        f"<id>http://rss.arxiv.org/atom/{xml_text(ask.path)}</id><title>{title}</title>"
        f"<updated>{(view.dated - timedelta(seconds=7)).isoformat()}</updated>"
        f'<link href="http://rss.arxiv.org/atom/{xml_text(ask.path)}" rel="self" type="application/atom+xml"/>'
        f"<subtitle>{title} e-print archive.</subtitle><published>{made.isoformat()}</published>\n{entries}</feed>"
    )
    return Reply(text.encode(), kind=ATOM)
