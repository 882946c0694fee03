"""A journal's feed: `/feed` is RSS 2.0, `/feed/atom` is Atom 1.0. It holds the last entries alone."""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from random import Random

from world.doors.door import ATOM, Ask, Page, Plain, Reply, View, spoil_xml, xml_text
from world.words import abstract
from world.works import Entry


class Journal(Plain):
    """The newest entries first; older ones have rolled out."""

    name = "feed"
    faults = ("empty feed", "malformed record")

    def part(self, ask: Ask) -> str:
        return ask.path

    def rows(self, view: View, _ask: Ask) -> Sequence[Entry]:
        known = [entry for entry in view.world.entries if entry.at <= view.as_of]
        return known[: -view.sizes.journal - 1 : -1]

    def bounds(self, view: View, _ask: Ask) -> tuple[int, int]:
        return 0, view.sizes.journal

    def draw(self, _view: View, ask: Ask, row: Entry) -> str:
        return _draw_atom(row) if _is_atom(ask) else _draw_rss(row)

    def bind(self, view: View, ask: Ask, page: Page) -> Reply:
        items = "".join(page.items)
        if _is_atom(ask):
            text = (
                '<feed xmlns="http://www.w3.org/2005/Atom"><title>Journal of Numbers</title>'
                f"<id>https://journal.example/</id><updated>{_iso(view.dated)}</updated>\n{items}</feed>"
            )
            return Reply(f'<?xml version="1.0" encoding="utf-8"?>\n{text}'.encode(), kind=ATOM)
        text = (
            '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"><channel><title>Journal of Numbers</title>'
            f"<link>https://journal.example/</link><description>What is new</description>\n{items}</channel></rss>"
        )
        return Reply(f'<?xml version="1.0" encoding="utf-8"?>\n{text}'.encode(), kind="application/rss+xml")

    def spoil(self, item: str, chance: Random) -> str:
        return spoil_xml(item, ("title", "pubDate" if "<pubDate>" in item else "published"), chance)


def _is_atom(ask: Ask) -> bool:
    return ask.path == "atom" or ask.values.get("format") == "atom"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _draw_rss(entry: Entry) -> str:
    work = entry.work
    doi = f"<dc:identifier>doi:{entry.doi}</dc:identifier><prism:doi>{entry.doi}</prism:doi>" if entry.doi else ""
    return (
        f"<item><title>{xml_text(work.title)}</title><link>{entry.link}</link>"
        f'<guid isPermaLink="false">{entry.guid}</guid>'
        f"<description>{xml_text(f'<p>{abstract(work.number)}</p>')}</description>"
        + "".join(f"<dc:creator>{xml_text(name)}</dc:creator>" for name in work.authors)
        + f"{doi}<pubDate>{format_datetime(entry.at, usegmt=True)}</pubDate></item>\n"
    )


def _draw_atom(entry: Entry) -> str:
    work = entry.work
    return (
        f'<entry><title type="text">{xml_text(work.title)}</title><link rel="alternate" href="{entry.link}"/>'
        f"<id>{entry.guid}</id><published>{_iso(entry.at)}</published><updated>{_iso(entry.at)}</updated>"
        + "".join(f"<author><name>{xml_text(name)}</name></author>" for name in work.authors)
        + f'<summary type="html">{xml_text(f"<p>{abstract(work.number)}</p>")}</summary></entry>\n'
    )
