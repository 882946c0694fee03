"""`digest status`: is today all right, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from digest.advice import Advice
    from digest.health import Health

COLOURS = {"warn": "yellow", "fail": "red"}


@click.command()
@JSON
def status(as_json: bool) -> None:
    """Say in a screen whether today is all right, and if not, what to do. Exit status 1 when something fails."""
    from digest.advice import State, advise, summarise
    from digest.clock import utc_now
    from digest.health import measure

    shop = open_shop()
    with shop.database.session(write=False) as session:
        health = measure(session, utc_now())
    advice = advise(health)
    if as_json:
        print_json({"verdict": summarise(health, advice), "advice": [asdict(a) for a in advice], **asdict(health)})
    else:
        click.secho(summarise(health, advice), bold=True)
        _show(health, advice)
    if any(one.state is State.FAIL for one in advice):
        raise SystemExit(1)


def _show(health: Health, advice: list[Advice]) -> None:
    for one in advice:
        click.echo(f"\n{click.style(one.state.value, fg=COLOURS[one.state])}  {one.what}\n      → {one.mend}")
    click.echo()
    _show_sources(health)
    _show_backlog(health)
    told = ", ".join(f"{count} {outcome}" for outcome, count in health.mails.items() if count) or "none"
    click.echo(f"Mails in 24 hours: {told}.")
    when = f"next edition {_moment(health.next_due)}" if health.next_due else "no edition is due"
    click.echo(f"Active subscribers: {health.subscribers}; {when}.")


def _show_sources(health: Health) -> None:
    rows = [
        (name, _age(health.now - source.last_success) if source.last_success else "never", source.received, source.new)
        for name, source in health.sources.items()
    ]
    print_table(("source", "last read", "received", "new"), rows, empty="No source was asked in the last four days.")


def _show_backlog(health: Health) -> None:
    waiting = {name: backlog for name, backlog in health.backlog.items() if backlog.count}
    rows = [(name, backlog.count, _age(backlog.age(health.now))) for name, backlog in waiting.items()]
    print_table(("waiting", "how many", "oldest"), rows, empty="Nothing waits.")


def _age(age: timedelta) -> str:
    from digest.advice import say_age

    return say_age(age)


def _moment(moment: datetime) -> str:
    return f"{moment:%a %d %b %H:%M} UTC"
