"""What the shell face prints: tables and JSON on stdout, progress and warnings on stderr."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Timer
from typing import Any

import click

from digest.errors import DigestError

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
SLOW = 1.0  # seconds after which a step gets a progress bar


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "Nothing there yet.") -> None:
    """A table for a person; `empty` is said instead when there are no rows."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo(empty)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        numbers = all(isinstance(row[place], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row), style=None)
    Console(highlight=False, emoji=False).print(table, markup=False)


def print_json(data: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def warn(text: str) -> None:
    click.secho(f"digest: {text}", fg="yellow", err=True)


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Gives a `pipeline.Progress` that draws a bar on a terminal for every step that takes longer than a second."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        timers: dict[str, tuple[TaskID, Timer]] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in timers:
                task = bars.add_task(name.replace("_", " "), total=total, visible=False)
                timers[name] = task, Timer(SLOW, partial(bars.update, task, visible=True))
                timers[name][1].start()
            task, timer = timers[name]
            bars.update(task, completed=done)
            if done == total:
                timer.cancel()
                bars.update(task, visible=False)

        try:
            yield advance
        finally:
            for _, timer in timers.values():
                timer.cancel()


class Group(click.Group):
    """A command group whose deliberate errors become one line on stderr and exit status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DigestError as error:
            click.secho(f"digest: {error}", fg="red", err=True)
            ctx.exit(2)
