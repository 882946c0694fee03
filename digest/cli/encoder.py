"""Commands on the encoder: which one is in force, and how another one takes over."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from digest.cli.output import JSON, Group, print_json, print_table, progress_bars, warn
from digest.cli.shop import open_shop, stop_when_told

if TYPE_CHECKING:
    from digest.embeddings.encoder import EncoderSpec
    from digest.embeddings.succession import Progress
    from digest.workshop import Workshop

MEGA = 1e6


@click.group(cls=Group)
def encoder() -> None:
    """See which encoder is in force, and let another one take over while editions go out."""


@encoder.command()
@JSON
def status(as_json: bool) -> None:
    """Say which encoder is in force, and how far the one is that is being prepared."""
    from digest.embeddings import succession
    from digest.workshop import settings_spec

    shop = open_shop(quiet=True)
    with shop.database.session(write=False) as session:
        found = succession.read(session)
        progress = succession.measure(session, found.prepared) if found and found.prepared else None
    asked = settings_spec(shop.settings)
    notice = shop.notice()
    if as_json:
        print_json(
            {
                "in_force": asdict(found.current if found else asked),
                "since": found.since if found else None,
                "prepared": asdict(found.prepared) if found and found.prepared else None,
                "asked_at": found.asked_at if found else None,
                "progress": asdict(progress) if progress else None,
                "notice": notice,
            }
        )
        return
    since = f"since {found.since:%Y-%m-%d %H:%M} UTC" if found else "from the first paper on"
    click.echo(f"In force: {_said(found.current if found else asked)}, {since}.")
    if found and found.prepared and progress:
        click.echo(f"Being prepared: {_said(found.prepared)}. {_say_progress(progress)}")
    if notice:
        warn(notice)


@encoder.command()
@click.argument("name", required=False)
@click.option("--dimension", type=click.IntRange(0), help="Keep only so many numbers of a vector; 0 keeps all.")
@click.option("--wait", is_flag=True, help="Prepare it here and now, beside what runs, and return once it is in force.")
def switch(name: str | None, dimension: int | None, wait: bool) -> None:
    """Let the encoder NAME take over as soon as it has embedded what the present one has.

    NAME is a sentence-transformers model, a folder that holds one, or `none`; without NAME, the one of the settings.
    Editions go out by the present encoder meanwhile. The work is done by `digest up` or the workers, a part with each
    pass; whatever is interrupted goes on where it was.

    Example: digest encoder switch intfloat/e5-base-v2
    """
    from digest.clock import utc_now
    from digest.embeddings import succession

    shop = open_shop(quiet=True)
    wanted = _wanted(shop, name, dimension)
    _check_loads(shop, wanted)
    with shop.database.session() as session:
        succession.ask(session, wanted, utc_now())
        progress = succession.measure(session, wanted)
    click.echo(f"{_said(wanted)} is being prepared. {_say_progress(progress)}")
    if wait:
        _prepare(shop, wanted)
    else:
        click.echo("`digest up` or the workers do it from now on; `digest encoder status` tells how far they are.")


def _prepare(shop: Workshop, wanted: EncoderSpec) -> None:
    from digest import pipeline
    from digest.clock import utc_now

    stop_when_told(shop)
    with progress_bars() as progress:
        pipeline.succeed(shop, utc_now(), progress)
    click.echo(f"{_said(wanted)} is in force.")


@encoder.command()
def cancel() -> None:
    """Prepare no encoder any longer. Its vectors stay until they are forgotten."""
    from digest.embeddings import succession

    with open_shop(quiet=True).database.session() as session:
        given_up = succession.cancel(session)
    click.echo(f"{_said(given_up)} is not prepared any longer.")


@encoder.command("list")
@JSON
def list_encoders(as_json: bool) -> None:
    """List the encoders that have vectors here, and the room that these take."""
    from digest.embeddings import succession

    with open_shop(quiet=True).database.session(write=False) as session:
        found = succession.holdings(session)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.encoder, one.dimension, one.papers, f"{one.size / MEGA:.1f}") for one in found]
    print_table(("encoder", "numbers", "papers", "MB"), rows, empty="No paper was embedded yet.")


@encoder.command()
@click.argument("name")
def forget(name: str) -> None:
    """Remove the vectors of the encoder NAME, which is not in use (any more)."""
    from digest.embeddings import succession

    with open_shop(quiet=True).database.session() as session:
        count = succession.forget(session, name)
    click.echo(f"The vectors of {count} papers by {name} are gone.")


def _wanted(shop: Workshop, name: str | None, dimension: int | None) -> EncoderSpec:
    """What is asked for: prompts and path of the settings go with the encoder of the settings."""
    from digest.embeddings.encoder import EncoderSpec
    from digest.workshop import settings_spec

    own = settings_spec(shop.settings)
    spec = own if name in {None, own.name} else EncoderSpec(str(name))
    return spec if dimension is None else replace(spec, dimension=dimension)


def _check_loads(shop: Workshop, spec: EncoderSpec) -> None:
    """Raises ConfigurationError for an encoder that cannot be had here: it would be waited for in vain."""
    from digest.errors import ConfigurationError

    if spec.name != "none" and shop.load_encoder(spec) is None:
        raise ConfigurationError(f"The weights of {spec.name} cannot be had here: name a folder, or let the hub be.")


def _said(spec: EncoderSpec) -> str:
    return spec.identity or "none (words alone)"


def _say_progress(progress: Progress) -> str:
    left = [
        _counted(progress.papers_left, "paper"),
        _counted(progress.profiles_left, "profile"),
    ]
    todo = " and ".join(part for part in left if part)
    return f"{progress.papers:,} papers done; {todo or 'nothing'} to go."


def _counted(count: int, what: str) -> Any:
    return f"{count:,} {what if count == 1 else f'{what}s'}" if count else ""
