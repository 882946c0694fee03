"""Commands on what is trending: the list, the prior before any vote, and how well the trend foresees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digest.cli.output import JSON, Group, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from datetime import datetime

    from digest.papers.listing import Listed

ARCHIVE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Group)
def trends() -> None:
    """What is trending, and how well that is known."""


@trends.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A day (UTC); without one, the latest with papers.")
@click.option("--field", default="", help="Papers of a category only, as cs.SD or cs.")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 300), help="How many papers.")
@JSON
def top(day: datetime | None, field: str, count: int, as_json: bool) -> None:
    """The papers of a day with the most attention for their age."""
    from digest.clock import utc_now
    from digest.papers import listing
    from digest.papers.categories import parse_category

    shop, now = open_shop(), utc_now()
    category = parse_category(field) if field else ""
    with shop.database.session(write=False) as session:
        chosen = day.date() if day else listing.nearest_day(session, now.date())
        listed = listing.top(session, listing.day(chosen, now), category, count) if chosen else []
    rows = [_describe(one) for one in listed]
    if as_json:
        print_json(rows)
        return
    if chosen:
        click.echo(f"{chosen}{f', {category}' if category else ''}")
    noted = any(row["note"] for row in rows)
    names = ("votes", "hours", "times usual", *(["note"] if noted else []))
    shown = [(rank, *(_cell(row[name]) for name in names), row["title"]) for rank, row in enumerate(rows, 1)]
    print_table(("", *names, "title"), shown, "No papers then.")


def _describe(one: Listed) -> dict[str, Any]:
    """A paper in words and numbers; what is not known is None."""
    from digest.papers import trending

    facts = one.paper.trend_facts or {}
    notes = {
        "trending": trending.deserves_badge(facts),
        "likely to trend": trending.is_likely(facts),
        "no second source": facts.get("alone"),
    }
    return {
        "title": one.paper.title,
        "url": one.paper.url,
        "votes": facts.get("votes"),
        "source": facts.get("source"),
        "hours": _rounded(facts.get("hours"), 1),
        "times usual": _rounded(facts.get("times"), 2),
        "note": ", ".join(note for note, true in notes.items() if true),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _cell(value: object) -> object:
    return "–" if value is None else value


@trends.command()
@click.option("--archive", type=ARCHIVE, help="Fit on an archive of votes in place of this instance's own history.")
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file, and change nothing.")
def fit(archive: Path | None, write: Path | None) -> None:
    """Fit what is foreseen of a paper before any vote, on the counts that this instance has seen."""
    from digest.clock import utc_now
    from digest.evaluation import trends as measured
    from digest.papers import attention, prior

    shop, now = open_shop(), utc_now()
    if archive:
        past = measured.past_of(measured.read(archive), now)
    else:
        with shop.database.session(write=False) as session:
            past = attention.past_of_store(session, now)
    made = prior.fit(past, {"fitted_at": now.isoformat(), "from": archive.name if archive else "this instance"})
    if write:
        write.write_text(made.to_json() + "\n", encoding="utf-8")
    else:
        with shop.database.session() as session:
            attention.adopt(session, made, now)
    about = made.about
    click.echo(f"Fitted on {about['papers']} papers, listed {about['first_day']} to {about['last_day']}.")


@trends.command()
@click.argument("archive", type=ARCHIVE)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the results to an SVG file.")
@JSON
def evaluate(archive: Path, plot: Path | None, as_json: bool) -> None:
    """How well the trend foresees the votes of ARCHIVE, against raw votes and what other sites rank by.

    ARCHIVE is gzipped JSON Lines of papers with every count of their votes.
    """
    from digest.evaluation import charts
    from digest.evaluation import trends as measured

    scores = measured.evaluate(measured.read(archive))
    if plot:
        plot.write_text(charts.draw(scores), encoding="utf-8")
    if as_json:
        print_json([{"formula": one.name, **one.tell(), "pools": len(one.ndcg)} for one in scores])
        return
    base = scores[0]
    rows = [(one.name, *(f"{mean:.3f}" for mean in one.means), one.against(base)) for one in scores]
    print_table(("formula", "Spearman", "nDCG@10", "best 5", "Spearman more than raw votes (± s.e.)"), rows)
