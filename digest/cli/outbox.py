"""Commands for the mail that waits: status, retry, hold, release, pause, resume."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, Group, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.mail.control import Status

WHO = click.argument("email", required=False)
ALL = click.option("--all", "everybody", is_flag=True, help="For all recipients.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only count the messages that would be changed.")


@click.group(cls=Group)
def outbox() -> None:
    """Mail that is promised and not yet accepted: see it, hold it, let it go."""


@outbox.command()
@JSON
def status(as_json: bool) -> None:
    """Messages of two days by state, what keeps them back, and those in trouble."""
    from digest.clock import utc_now
    from digest.mail import control

    shop = open_shop()
    with shop.database.session(write=False) as session:
        found = control.status(session, shop.rules, utc_now())
    if as_json:
        print_json(asdict(found) | {"closed": found.closed.model_dump() if found.closed else None})
        return
    _show(found)


def _show(found: Status) -> None:
    click.echo(
        ", ".join(f"{count:,} {state}" for state, count in found.counts.items() if count) or "The outbox is empty."
    )
    if found.closed is not None:
        forever = found.closed.name == "mail"
        until = "`digest outbox resume`" if forever else f"{found.closed.closed_until:%Y-%m-%d %H:%M:%S} UTC"
        what = "All mail is paused" if forever else "The mail server is left alone"
        click.secho(f"{what} until {until}: {found.closed.reason}", fg="yellow")
    if found.cap is not None:
        click.echo(f"Warming up: at most {found.cap:,} editions today.")
    for domain, rate in found.slowed:
        click.echo(f"{domain} asked for less: {rate:.0f} mails a minute at present.")
    rows = [(t.recipient, t.kind, t.state, t.attempt, f"{t.next_at:%m-%d %H:%M}", t.reply) for t in found.troubled]
    if rows:
        print_table(("recipient", "kind", "state", "tries", "next or last", "reply"), rows)


@outbox.command()
@WHO
@ALL
@DRY_RUN
def retry(email: str | None, everybody: bool, dry_run: bool) -> None:
    """Try deferred messages at once; for a named EMAIL also what was refused."""
    _change("retry", email, everybody, dry_run)


@outbox.command()
@WHO
@ALL
@DRY_RUN
def hold(email: str | None, everybody: bool, dry_run: bool) -> None:
    """Keep messages back until `digest outbox release`."""
    _change("hold", email, everybody, dry_run)


@outbox.command()
@WHO
@ALL
@DRY_RUN
def release(email: str | None, everybody: bool, dry_run: bool) -> None:
    """Let held messages go with the next run; one that is older than 20 hours expires."""
    _change("release", email, everybody, dry_run)


def _change(what: str, email: str | None, everybody: bool, dry_run: bool) -> None:
    from digest.clock import utc_now
    from digest.errors import InvalidRequest
    from digest.mail import control
    from digest.subscribers.optin import parse_address

    if bool(email) == everybody:
        raise InvalidRequest(f"Say whose: digest outbox {what} EMAIL, or digest outbox {what} --all.")
    recipient = parse_address(email) if email else None
    with open_shop().database.session() as session:
        if dry_run:
            number = control.count(session, what, recipient)
        else:
            number = control.change(session, what, recipient, utc_now())
    done = {"retry": "to be tried again", "hold": "held", "release": "released"}[what]
    would = "would be " if dry_run else ""
    click.echo(f"{number:,} message{'' if number == 1 else 's'} {would}{done}.")


@outbox.command()
@click.option("--reason", default="the operator asked for it", show_default=True, help="Shown by `outbox status`.")
def pause(reason: str) -> None:
    """Let no mail go out, whoever sends it, until `digest outbox resume`."""
    from digest.mail import pacing

    with open_shop().database.session() as session:
        pacing.pause(session, reason)
    click.echo("No mail goes out until: digest outbox resume")


@outbox.command()
def resume() -> None:
    """Let mail go out again, and try a relay again that was left alone."""
    from digest.mail import pacing

    with open_shop().database.session() as session:
        pacing.resume(session)
    click.echo("Mail goes out again with the next run.")
