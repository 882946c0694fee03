"""The command `digest`. Heavy libraries are imported inside the commands, so that --help answers at once."""

import click

from digest import __version__
from digest.cli import (
    bounces,
    demo,
    doctor,
    encoder,
    evaluate,
    explain,
    keys,
    outbox,
    papers,
    people,
    runs,
    services,
    status,
    trends,
)
from digest.cli.output import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="digest %(version)s")
def cli() -> None:
    """Trending papers in your inbox, personal.

    \b
    A first look:      digest demo
    One pass:          digest run
    Day after day:     digest up
    Is all well?       digest status, digest doctor
    """


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(f"digest {__version__}")


for command in (
    demo.demo,
    runs.run,
    runs.migrate,
    runs.ingest,
    people.subscribers,
    people.profiles,
    keys.keys,
    papers.preview,
    explain.explain,
    papers.papers,
    trends.trends,
    outbox.outbox,
    bounces.bounces,
    bounces.suppressions,
    runs.send_test,
    status.status,
    doctor.doctor,
    encoder.encoder,
    evaluate.evaluate,
    services.up,
    services.serve,
    services.schedule,
    services.worker,
    services.beat,
):
    cli.add_command(command)


def main() -> None:
    cli(prog_name="digest")
