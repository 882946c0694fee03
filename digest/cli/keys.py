"""Commands on the keys to the programming interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from digest.cli.output import JSON, Group, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from digest.tables import ApiKey


@click.group(cls=Group)
def keys() -> None:
    """Create, list and revoke keys to the programming interface."""


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="What it may do: read, subscribers or send; may be given again.")
def create_key(name: str, scopes: tuple[str, ...]) -> None:
    """Create a key and print it, this once.

    Example: digest keys create newsroom --scope read --scope send

    \b
    read         papers, what is trending, and the search
    subscribers  subscribers and their interests, read and written, and previews
    send         an edition, sent now
    """
    from digest.clock import utc_now
    from digest.subscribers import keys as kept

    with open_shop().database.session() as session:
        secret = kept.create(session, name, scopes, utc_now())
    click.echo("Keep this key well: it is not shown again.", err=True)
    click.echo(secret)


@keys.command("list")
@JSON
def list_keys(as_json: bool) -> None:
    """List the keys, what they may do, and when they were used."""
    from digest.subscribers import keys as kept

    with open_shop().database.session(write=False) as session:
        rows = [_key(key) for key in kept.listing(session)]
    if as_json:
        print_json(rows)
        return
    cells = [[row["name"], ", ".join(row["scopes"]), row["created_at"], row["used_at"] or "never"] for row in rows]
    print_table(("name", "scopes", "created", "used"), cells, "No keys yet: digest keys create NAME --scope read")


@keys.command("revoke")
@click.argument("name")
def revoke_key(name: str) -> None:
    """End a key: whoever has it is refused from now on."""
    from digest.subscribers import keys as kept

    with open_shop().database.session() as session:
        kept.revoke(session, name)
    click.echo(f"The key “{name}” is revoked.")


def _key(key: ApiKey) -> dict[str, Any]:
    """A key as it may be shown: its secret is not even stored."""
    used = f"{key.used_at:%Y-%m-%d %H:%M} UTC" if key.used_at else ""
    return {"name": key.name, "scopes": key.scopes, "created_at": f"{key.created_at:%Y-%m-%d}", "used_at": used}
