"""`digest evaluate --live`: what readers' votes say of the editions that went out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from digest.cli.output import print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.evaluation.live import Group, Quality, Share
    from digest.evaluation.teams import Comparison

COLUMNS = ("papers", "voted on", "votes", "for more")


def tell(days: int, as_json: bool) -> None:
    """Say how readers voted on the editions of so many days, and which ranker they prefer."""
    from digest.clock import utc_now
    from digest.evaluation.live import measure

    shop = open_shop()
    with shop.database.session(write=False) as session:
        found = measure(session, utc_now(), days)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)


def _show(found: Quality) -> None:
    if not found.editions:
        click.echo(
            f"No edition of the last {found.days} days counts yet ({found.unsettled} of the last 24 hours do not)."
        )
        return
    click.echo(
        f"{found.editions} editions to {found.readers} readers in {found.days} days: {found.votes} votes of"
        f" {found.voters} readers, {found.votes_per_edition:.2f} an edition."
    )
    click.echo(f"Editions with a vote: {_say(found.with_votes)}. Votes for more: {_say(found.up)}.")
    if not found.conclusive:
        click.secho("These are few votes: take nothing here for settled.", fg="yellow")
    for title, groups in (("interest", found.by_age), ("rank", found.by_rank), ("picked by", found.by_ranker)):
        print_table((title, *COLUMNS), [_row(group) for group in groups])
    for comparison in found.comparisons:
        click.echo(_tell(comparison))


def _row(group: Group) -> tuple[object, ...]:
    return group.name, group.voted.total, _say(group.voted), group.up.total, _say(group.up)


def _say(share: Share) -> str:
    """“62 % (48 to 75)”, or a dash where there is nothing to take a share of."""
    if share.value is None or share.low is None or share.high is None:
        return "–"
    return f"{share.value:.0%} ({share.low * 100:.0f} to {share.high * 100:.0f})".replace("%", " %")


def _tell(found: Comparison) -> str:
    """How one ranker did against another, in two lines."""
    games = f"{found.wins} editions won, {found.losses} lost, {found.ties} tied, by {found.readers} readers"
    bounds = f"{found.low:.2f} to {found.high:.2f}"
    doubt = "nobody prefers one of them" if found.p is None else f"sign test over readers p = {found.p:.3f}"
    return f"{found.first} against {found.second}: {games}.\n  Preference {found.preference:.2f} ({bounds}); {doubt}."
