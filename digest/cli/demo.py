"""`digest demo`: one day of the whole system on the sample papers, with three sample subscribers."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from digest.cli.output import progress_bars
from digest.cli.runs import judge, show_reports
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from pathlib import Path

    from digest.subscribers.optin import Newcomer
    from digest.subscribers.profiles import Interest
    from digest.workshop import Workshop

MOMENT = datetime(2026, 4, 24, 12, 0, tzinfo=UTC)  # the sample's last day, after its votes were counted


@click.command()
def demo() -> None:
    """Take the sample papers through a whole day and write three people's editions to a folder.

    Uses DIGEST_DATA_DIR, or `demo` in the platform's data folder. Needs no network. A second run sends nothing new.
    """
    from digest import pipeline

    shop = open_shop(data_dir=_data_dir(), database_url="", transport="folder", sources=["sample"], poll_minutes=1)
    _check_folder(shop)
    with progress_bars() as progress:
        loaded = pipeline.run(shop, MOMENT, upto="ingest", progress=progress)
        _add_people(shop)
        reports = [*loaded, *pipeline.run(shop, MOMENT, progress=progress)[len(loaded) :]]
    show_reports(reports, as_json=False)
    judge(shop, MOMENT, reports)
    _say_what_is_next(shop, sum(report.counts["sent"] for report in reports))


def _data_dir() -> Path:
    from pathlib import Path

    from platformdirs import user_data_path

    return Path(os.environ.get("DIGEST_DATA_DIR") or user_data_path("digest") / "demo")


def _people() -> dict[Newcomer, list[Interest]]:
    from digest.subscribers.optin import Newcomer
    from digest.subscribers.profiles import Interest

    return {
        Newcomer("ada@example.org", "Ada", "Europe/Paris", 7, active=True): [
            Interest(
                "Lean inference", "making large language model inference cheaper: quantization, KV cache, pruning"
            ),
            Interest(
                "Robot learning", "robots that learn manipulation from demonstrations, vision-language-action models"
            ),
        ],
        Newcomer("emmy@example.org", "Emmy", "America/New_York", 8, papers=8, active=True): [
            Interest(
                "Markets and mechanisms",
                "Game theory and mechanism design: auctions, matching markets, voting and fair division.",
                balance=0.15,
            ),
        ],
        Newcomer("grace@example.org", "Grace", "Asia/Tokyo", 9, active=True): [
            Interest("Codes and channels", liked=("2604.17426", "2604.18335", "2604.19035"), muted=("quantization",)),
        ],
    }


def _check_folder(shop: Workshop) -> None:
    """Refuse a data folder that holds anybody else: this must never touch a real service."""
    from digest.errors import InvalidRequest

    known = _known(shop)
    if strangers := known - {newcomer.email for newcomer in _people()}:
        raise InvalidRequest(
            f"{shop.data_dir} holds {len(strangers)} subscribers of its own: set DIGEST_DATA_DIR to another folder."
        )


def _known(shop: Workshop) -> set[str]:
    from digest.subscribers import optin

    with shop.database.session(write=False) as session:
        return {subscriber.email for subscriber in optin.listing(session)}


def _add_people(shop: Workshop) -> None:
    """Add whoever of the three is not there yet."""
    from digest.subscribers import optin, profiles

    known = _known(shop)
    for newcomer, interests in _people().items():
        if newcomer.email in known:
            continue
        with shop.database.session() as session:
            subscriber = optin.add(session, newcomer, MOMENT)
            for interest in interests:
                profiles.add(session, subscriber, interest, MOMENT)


def _say_what_is_next(shop: Workshop, sent: int) -> None:
    folder = shop.settings.outbox_dir.absolute()
    pages = sorted(folder.glob("*.html"))
    click.echo(f"{sent} editions were sent just now." if sent else "Nothing new to send: every edition is out already.")
    click.echo("\nThe mail lies in")
    for page in pages:
        click.echo(f"  {page}")
    program = f"DIGEST_DATA_DIR={shop.data_dir} {sys.argv[0]}"
    click.echo(
        "\nNext:  open one of these pages in a browser, or its .eml in a mail program"
        f'\n       {program} papers search "speculative decoding"'
        f"\n       {program} subscribers list"
        "\n       the README's sixty-second tour, for a service of your own"
        f"\nThe links in the mail lead to its pages while this runs:  {program} serve"
    )
