"""`digest explain`: the whole arithmetic of one paper's scores for one person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from digest.cli.output import JSON, print_json, print_table, progress_bars
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.ranking.arithmetic import Likeness
    from digest.ranking.explanations import Account, Explanation

COLUMNS = ("evidence", "share", "signal", "value", "mean", "dev", "z", "weight", "product")
VOTES = {1: "more like it", -1: "less like it"}


@click.command()
@click.argument("email")
@click.argument("paper", metavar="PAPER")
@click.option("--ranker", default="", metavar="NAME", help="By another ranker than the one in the settings.")
@JSON
def explain(email: str, paper: str, ranker: str, as_json: bool) -> None:
    """Show how PAPER comes by its scores for EMAIL, as things stand now, interest by interest.

    PAPER is an arXiv id, a DOI, a link, or our number as “#12”. Product = share x weight x z, with
    z = (value - mean) / deviation over the newest papers; the products add up to the likeness.
    """
    from digest import pipeline, questions
    from digest.clock import utc_now
    from digest.subscribers import optin

    shop, now = open_shop(), utc_now()
    with shop.database.session(write=False) as session:
        subscriber = optin.find(session, email)
    with progress_bars() as progress:
        pipeline.prepare(shop, now, progress)
    found = questions.explain(shop, now, subscriber, paper, ranker)
    if as_json:
        print_json(_as_data(found))
    else:
        _show(found)


def _show(found: Explanation) -> None:
    paper = found.paper
    click.secho(f"#{paper.id} {paper.title}", bold=True)
    click.echo(f"Announced on {paper.announced_at:%Y-%m-%d}. {_tell_trend(found)} Ranked by “{found.ranker}”.")
    for sent in found.sent:
        mail = f", mail {sent.state}" if sent.state else ""
        click.echo(
            f"Sent on {sent.day} at rank {sent.rank} by “{sent.ranker}”:"
            f" relevance {sent.relevance:.4f}, score {sent.score:.4f}{mail}."
        )
    if found.vote:
        click.echo(f"Voted: {VOTES[found.vote]}.")
    for limit in found.limits:
        click.secho(f"Not for the next edition: {limit}.", fg="yellow")
    for account in found.accounts:
        _show_account(account, searched=not found.limits)


def _tell_trend(found: Explanation) -> str:
    from digest.papers import trending
    from digest.ranking import reasons

    facts = found.paper.trend_facts
    if not facts:
        return "Nothing is known of its trend."
    if trending.deserves_badge(facts) or trending.is_likely(facts):
        return reasons.explain_trend(facts)
    known = {name: round(value, 2) if isinstance(value, float) else value for name, value in facts.items()}
    return f"No trend: {', '.join(f'{name} {value}' for name, value in known.items() if name != 'field')}."


def _show_account(account: Account, *, searched: bool) -> None:
    click.echo()
    click.secho(f"“{account.profile.name}”: score {account.score:.4f}", bold=True)
    if account.parts is not None:
        _show_parts(account.parts)
    print_table(("from the sum to the score", ""), _sum_rows(account))
    for line in _remarks(account):
        click.echo(line)
    if searched and account.matches and not account.found:
        click.echo("The search for candidates does not come upon it: too many vectors of new papers lie nearer.")


def _show_parts(parts: Likeness) -> None:
    from digest.evaluation.report import align

    rows = _part_rows(parts)
    told = align(COLUMNS, rows) if rows else "Nothing is said in this interest that papers can be like."
    click.echo(f"\n{told}\n")


def _part_rows(parts: Likeness) -> list[tuple[str, ...]]:
    """A row per signal that weighs something, and the sum."""
    rows = []
    for piece in parts.pieces:
        label = f"{piece.kind} ({piece.papers})" if piece.papers else piece.kind
        for place, part in enumerate(part for part in piece.parts if part.weight):
            first = ("", "") if place else (label, f"{piece.share:.2f}")
            numbers = (part.value, part.mean, part.deviation, part.z, part.weight, part.product)
            rows.append((*first, part.signal, *(f"{number:.3f}" for number in numbers)))
    return [*rows, ("sum", *[""] * 7, f"{parts.raw:.3f}")] if rows else []


def _sum_rows(account: Account) -> list[tuple[str, str]]:
    parts, share, balance = account.parts, account.standing, account.profile.balance
    rows = []
    if parts is not None:
        rows.append(("sum of the products", parts.raw))
        rows.append(("  less its mean over the crowd", parts.centre))
        rows.append(("  divided by its deviation", parts.scale))
    rows.append(("likeness", account.likeness))
    rows += [(f"+ {wish.kind} “{wish.name}”", wish.bonus) for wish in account.granted]
    rows.append((f"= relevance (matches from {_floor():.1f} on)", account.relevance))
    rows.append(("closeness, 1 / (1 + exp(2 - r))", account.closeness))
    rows.append(("trend", account.trend))
    rows.append((f"score, {1 - balance:.2f} x closeness + {balance:.2f} x trend", account.score))
    told = [(name, f"{number:9.4f}") for name, number in rows]
    return [*told, ("closer than", f"{share.further:4} of the newest {share.compared} papers ({share.share:.1%})")]


def _floor() -> float:
    from digest.ranking.scoring import FLOOR

    return FLOOR


def _remarks(account: Account) -> list[str]:
    lines = [f"Shut out: {limit}." for limit in account.limits]
    lines.append("It matches." if account.matches else "It does not match.")
    if account.nearest:
        lines.append(f"Nearest liked example: “{account.nearest.paper.title}” (cosine {account.nearest.cosine:.4f}).")
    if account.terms:
        lines.append("Lift, term by term: " + ", ".join(f"{term} {added:+.3f}" for term, added in account.terms) + ".")
    return lines


def _as_data(found: Explanation) -> dict[str, Any]:
    paper = found.paper
    return {
        "paper": {"id": paper.id, "title": paper.title, "url": paper.url, "announced_at": paper.announced_at},
        "trend": {"value": paper.trend, "facts": paper.trend_facts},
        "ranker": found.ranker,
        "floor": _floor(),
        "limits": found.limits,
        "sent": [asdict(sent) for sent in found.sent],
        "vote": found.vote,
        "interests": [_account_data(account) for account in found.accounts],
    }


def _account_data(account: Account) -> dict[str, Any]:
    near, parts, standing = account.nearest, account.parts, account.standing
    return {
        "profile": {"id": account.profile.id, "name": account.profile.name},
        "evidence": None if parts is None else [asdict(piece) for piece in parts.pieces],
        "sum": None if parts is None else {"raw": parts.raw, "centre": parts.centre, "scale": parts.scale},
        "likeness": account.likeness,
        "granted": [asdict(wish) for wish in account.granted],
        "relevance": account.relevance,
        "closer_than": {"further": standing.further, "compared": standing.compared, "share": standing.share},
        "closeness": account.closeness,
        "trend": account.trend,
        "balance": account.profile.balance,
        "score": account.score,
        "limits": account.limits,
        "matches": account.matches,
        "candidate": account.found,
        "nearest": near and {"id": near.paper.id, "title": near.paper.title, "cosine": near.cosine},
        "terms": [{"term": term, "added": added} for term, added in account.terms],
    }
