"""`digest status`: whether today is all right, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from datetime import datetime

    from digest.advice import Advice
    from digest.health import Health

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@JSON
def status(as_json: bool) -> None:
    """Say in one screen whether today is all right, and if not, what to do. Exit status 1 when something fails."""
    from digest.advice import FAIL, OK, advise, verdict
    from digest.clock import utc_now
    from digest.health import measure

    shop = open_shop()
    health = measure(shop, utc_now())
    advice = advise(health)
    if as_json:
        told = [asdict(one) for one in advice]
        print_json({"verdict": verdict(advice), "advice": told, "health": asdict(health)})
    else:
        click.secho(advice[0].detail if advice[0].state == OK else verdict(advice), bold=True)
        _show_advice(advice if len(advice) > 1 else [])
        _show_sources(health)
        _show_work(health)
    if any(one.state == FAIL for one in advice):
        raise SystemExit(1)


def _show_advice(advice: list[Advice]) -> None:
    for one in advice:
        click.echo(f"{click.style(f'{one.state:<5}', fg=COLOURS[one.state])} {one.what}: {one.detail}")
        if one.mend:
            click.echo(f"      → {one.mend}")


def _show_sources(health: Health) -> None:
    rows = [(name, _ago(health, one.success_at), one.received, one.new) for name, one in health.sources.items()]
    print_table(("source", "last read", "received in 24 h", "new"), rows, empty="DIGEST_SOURCES names no source.")


def _show_work(health: Health) -> None:
    """What waits, by stage, and in the scaled form the queues; then the mails by outcome."""
    rows = [(name, backlog.count, _ago(health, backlog.oldest, "")) for name, backlog in health.backlogs.items()]
    print_table(("stage", "waiting", "the oldest since"), rows)
    if health.scaled:
        queues = [
            (name, queue.waiting, queue.running, _ago(health, queue.waiting_since, ""))
            for name, queue in health.queues.items()
        ]
        print_table(("queue", "waiting", "running", "the oldest since"), queues)
    mails = [(outcome, count) for outcome, count in health.mails.items() if count]
    print_table(("mails in 24 h", "how many"), mails, empty="No mail in 24 hours.")


def _ago(health: Health, moment: datetime | None, never: str = "never") -> str:
    from digest.advice import say_age

    return f"{say_age(health.age(moment))} ago" if moment else never
