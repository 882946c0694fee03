"""Commands on what comes back: the bounce mailbox and the suppression list."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from digest.cli.output import JSON, Group, print_json, print_table, warn
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.mail.suppression import Listed


@click.group(cls=Group)
def bounces() -> None:
    """Read the mail that came back."""


@bounces.command("poll")
@JSON
def poll_bounces(as_json: bool) -> None:
    """Take what is new in the bounce mailbox (DIGEST_BOUNCE_MAILBOX) and act on it.

    Example, in a crontab: */10 * * * * digest bounces poll
    """
    from digest import returns
    from digest.clock import utc_now

    counts = returns.poll(open_shop(), utc_now())
    if as_json:
        print_json(dict(sorted(counts.items())))
        return
    print_table(("outcome", "letters"), sorted(counts.items()), "No new mail.")


@click.group(cls=Group)
def suppressions() -> None:
    """List, add, remove and import addresses never to be mailed."""


@suppressions.command("list")
@JSON
def list_suppressions(as_json: bool) -> None:
    """List the suppressed addresses. They are kept as hashes: an address is shown where a subscriber has it."""
    from digest.mail import suppression

    with open_shop().database.session(write=False) as session:
        rows = [_entry(listed) for listed in suppression.listing(session)]
    if as_json:
        print_json(rows)
        return
    cells = [[row["address"] or f"{row['digest'][:16]}…", row["since"], row["reason"]] for row in rows]
    print_table(("address", "since", "reason"), cells, "No address is suppressed.")


@suppressions.command("add")
@click.argument("email")
@click.option("--reason", default="by hand", show_default=True, help="Why; the first reason stays.")
def add_suppression(email: str, reason: str) -> None:
    """Never mail an address again."""
    from digest.clock import utc_now
    from digest.mail import suppression
    from digest.subscribers import optin

    address = optin.parse_address(email)
    with open_shop().database.session() as session:
        added = suppression.suppress_all(session, [(address, reason)], utc_now())
    click.echo(f"{address} is suppressed." if added else f"{address} was suppressed already.")


@suppressions.command("remove")
@click.argument("email")
def remove_suppression(email: str) -> None:
    """Allow mail to an address again, and forget its bounces."""
    from digest.mail import suppression
    from digest.subscribers import optin

    address = optin.parse_address(email)
    with open_shop().database.session() as session:
        suppression.remove(session, address)
    click.echo(f"{address} may be mailed again.")


@suppressions.command("import")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@click.option("--dry-run", is_flag=True, help="Only say what would be added.")
def import_suppressions(file: TextIO, dry_run: bool) -> None:
    """Add the addresses of FILE (“-” is standard input): one a line, or `address,reason`; # begins a comment.

    Lines that hold no address are named, the others are taken; the exit status is then 1.
    """
    from digest.clock import utc_now
    from digest.mail import suppression

    wanted = suppression.read_list(file.read())
    with open_shop().database.session(write=not dry_run) as session:
        new = suppression.count_new(session, wanted.entries)
        if not dry_run:
            suppression.suppress_all(session, wanted.entries, utc_now())
    for number, line in wanted.bad:
        warn(f"line {number} holds no address: {line[:80]}")
    click.echo(f"{len(wanted.entries)} addresses, {new} of them new.{' Nothing was added.' if dry_run else ''}")
    if wanted.bad:
        click.get_current_context().exit(1)


def _entry(listed: Listed) -> dict[str, str]:
    since = f"{listed.since:%Y-%m-%d %H:%M} UTC"
    return {"digest": listed.digest, "address": listed.address, "reason": listed.reason, "since": since}
