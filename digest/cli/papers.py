"""Commands on papers: search, similar, and the preview of an edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, Group, print_json, print_table, progress_bars
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.ranking.search import Hit

COUNT = click.option("--count", default=10, show_default=True, type=click.IntRange(1, 300), help="How many papers.")


@click.command()
@click.argument("email")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@JSON
def preview(email: str, open_it: bool, as_json: bool) -> None:
    """Render what EMAIL's next edition would be if it went out now. Nothing is sent, nothing counts as seen."""
    from digest import pipeline, questions
    from digest.clock import utc_now
    from digest.ranking import reasons
    from digest.subscribers import optin

    shop, now = open_shop(), utc_now()
    with shop.database.session(write=False) as session:
        subscriber = optin.find(session, email)
    with progress_bars() as progress:
        pipeline.prepare(shop, now, progress)
    draft = questions.preview(shop, now, subscriber)
    if as_json:
        print_json(
            [{"title": p.paper.title, "url": p.paper.url, "why": reasons.explain(p.reason)} for p in draft.picks]
        )
        return
    if draft.skip_reason:
        reason = draft.skip_reason.value.replace("_", " ")
        click.echo(f"No edition now: {reason} ({draft.considered} new papers). {questions.newest_paper(shop)}")
        return
    path = questions.write_preview(shop, now, subscriber, draft)
    print_table(
        ("", "paper"),
        [(rank, f"{p.paper.title}\n{reasons.explain(p.reason)}") for rank, p in enumerate(draft.picks, 1)],
    )
    click.echo(f"The mail: {path}")
    if open_it:
        click.launch(str(path))


@click.group(cls=Group)
def papers() -> None:
    """Search the stored papers, and find those like one of them."""


@papers.command()
@click.argument("text")
@COUNT
@JSON
def search(text: str, count: int, as_json: bool) -> None:
    """The papers that lie closest to TEXT, by the ranker that editions use."""
    from digest import pipeline, questions
    from digest.clock import utc_now

    shop = open_shop()
    with progress_bars() as progress:
        pipeline.prepare(shop, utc_now(), progress)
    _show(questions.search(shop, text, utc_now(), count), as_json)


@papers.command()
@click.argument("paper_id", metavar="ID")
@COUNT
@JSON
def similar(paper_id: str, count: int, as_json: bool) -> None:
    """The papers that lie closest to the paper ID (an arXiv id, a DOI, a link, or our number as “#12”)."""
    from digest import pipeline, questions
    from digest.clock import utc_now

    shop = open_shop()
    with progress_bars() as progress:
        pipeline.prepare(shop, utc_now(), progress)
    _show(questions.similar(shop, paper_id, utc_now(), count), as_json)


def _show(hits: list[Hit], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"id": h.paper.id, "title": h.paper.title, "url": h.paper.url, "relevance": round(h.relevance, 3)}
                for h in hits
            ]
        )
        return
    rows = [(f"#{hit.paper.id}", f"{hit.relevance:.1f}", f"{hit.paper.title}\n{hit.paper.url}".strip()) for hit in hits]
    print_table(("", "relevance", "title"), rows, "No papers found.")
