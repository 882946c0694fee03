"""arXiv's query interface (Atom), asked for explicit ids."""

import re
from collections.abc import Sequence
from random import Random

from world.doors.door import ATOM, Ask, Page, Plain, Reply, View, spoil_xml, xml_text
from world.doors.harvest import comment
from world.words import abstract
from world.works import Event, Preprint

_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v([1-9]\d*))?")
_MOST = 2_000
Row = tuple[Preprint, Event]


class Query(Plain):
    """`/query?id_list=`. Unknown ids are left out of the answer. Searches are refused: nobody here should make one."""

    name = "query"
    faults = ("empty feed", "Error entry", "malformed record")

    def refuse(self, _view: View, ask: Ask) -> Reply | None:
        names = _names(ask)
        if "search_query" in ask.values or not names:
            return _error("this world is asked by id_list alone", 400)
        if wrong := next((name for name in names if not _ID.fullmatch(name)), None):
            return _error(f"incorrect id format for {wrong}", 400)
        return _error("max_results is too large", 400) if ask.number("max_results", 10) > _MOST else None

    def rows(self, view: View, ask: Ask) -> Sequence[Row]:
        found = []
        for name in dict.fromkeys(_names(ask)):
            match = _ID.fullmatch(name)
            paper = view.world.by_arxiv_id.get(match[1]) if match else None
            state = paper.state(view.as_of) if paper else None
            if match is None or paper is None or state is None:
                continue
            if match[2]:
                state = next((e for e in paper.events if e.version == int(match[2]) and e.at <= view.as_of), None)
            if state:
                found.append((paper, state))
        return found

    def bounds(self, _view: View, ask: Ask) -> tuple[int, int]:
        return ask.number("start", 0), ask.number("max_results", 10)

    def draw(self, _view: View, _ask: Ask, row: Row) -> str:
        paper, event = row
        if "query" not in event.drawn:
            event.drawn["query"] = _draw(paper, event)
        return event.drawn["query"]

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        return _bind(f"ArXiv Query: id_list={ask.values.get('id_list', '')}", f"{view.dated:%FT%TZ}", page)

    def spoil(self, item: str, chance: Random) -> str:
        return spoil_xml(item, ("title", "summary", "id", "published"), chance)

    def fail(self, fault: str, _view: View, _ask: Ask) -> Reply | None:
        return _error("the server is at the end of its capacity", 200) if fault == "Error entry" else None


def _names(ask: Ask) -> list[str]:
    return [name for part in ask.values.get("id_list", "").split(",") if (name := part.strip())]


def _error(why: str, status: int) -> Reply:
    entry = (
        f"<entry><id>http://arxiv.org/api/errors#{why.replace(' ', '_')}</id><title>Error</title>"
        f"<summary>{why}</summary><updated>2026-01-01T00:00:00-05:00</updated>"
        '<link href="http://arxiv.org/api/errors" rel="alternate" type="text/html"/>'
        "<author><name>arXiv api core</name></author></entry>"
    )
    bound = _bind("ArXiv Query", "2026-01-01T00:00:00-05:00", Page([entry], 0, 1, 1))
    return Reply(bound.body, status, ATOM)


def _bind(title: str, updated: str, page: Page) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">\n'
        f'<title type="html">{xml_text(title)}</title><id>http://arxiv.org/api/x</id><updated>{updated}</updated>'
        f"<opensearch:totalResults>{page.total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{page.start}</opensearch:startIndex>"
        f"<opensearch:itemsPerPage>{page.size}</opensearch:itemsPerPage>\n{''.join(page.items)}</feed>"
    )
    return Reply(text.encode(), kind=ATOM)


def _draw(paper: Preprint, event: Event) -> str:
    name = f"{paper.id}v{event.version}"
    number = paper.work.number
    extra = (
        f"<arxiv:doi>{event.doi}</arxiv:doi><arxiv:journal_ref>{event.journal}</arxiv:journal_ref>"
        f'<link title="doi" href="https://doi.org/{event.doi}" rel="related"/>'
    )
    return "".join(
        (
            f"<entry><id>http://arxiv.org/abs/{name}</id><updated>{event.dates[-1]:%FT%TZ}</updated>",
            f"<published>{event.dates[0]:%FT%TZ}</published><title>{xml_text(event.title)}</title>",
            f"<summary>{xml_text(abstract(number, event.version))}\n</summary>",
            *(f"<author><name>{xml_text(author)}</name></author>" for author in paper.work.authors),
            extra if event.doi else "",
            f"<arxiv:comment>{comment(event, number)}</arxiv:comment>",
            f'<link href="http://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>',
            f'<link title="pdf" href="http://arxiv.org/pdf/{name}" rel="related" type="application/pdf"/>',
            f'<arxiv:primary_category term="{event.categories[0]}" scheme="http://arxiv.org/schemas/atom"/>',
            *(f'<category term="{c}" scheme="http://arxiv.org/schemas/atom"/>' for c in sorted(event.categories)),
            '<category term="68T50; I.2.7" scheme="http://arxiv.org/schemas/atom"/>' if number % 7 == 0 else "",
            "</entry>\n",
        )
    )
