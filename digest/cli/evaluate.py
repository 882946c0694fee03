"""`digest evaluate`: how well the ranking finds what people really liked, beside the methods of others, or live."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digest.cli.live import tell
from digest.cli.output import JSON, print_json, progress_bars
from digest.errors import InvalidRequest

if TYPE_CHECKING:
    from digest.embeddings.encoder import Encoder
    from digest.evaluation.comparison import Bench
    from digest.evaluation.conditions import Conditions
    from digest.evaluation.vectors import Cache
    from digest.settings import Settings

DAYS = 90


@click.command()
@click.argument("dataset_dir", type=click.Path(path_type=Path), required=False)
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method; may be repeated.")
@click.option("--users", type=click.IntRange(1), help="Only so many users, drawn by hash.")
@click.option("--likes", type=click.IntRange(0), help="Only so many liked papers of each user who likes ten or more.")
@click.option("--phrases", default=0, type=click.IntRange(0), help="Add the user's most characteristic terms as words.")
@click.option("--sentence", is_flag=True, help="With --likes 0: the title of a liked paper is all that a user says.")
@click.option("--cold-start", is_flag=True, help="From a sentence to ten liked papers, with three phrases and without.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="With --cold-start: draw it to this SVG.")
@click.option("--highlight", is_flag=True, help="Measure the sentence that mails set in bold instead of rankings.")
@click.option("--live", is_flag=True, help="Instead of a set: how readers voted on the editions that went out.")
@click.option("--days", type=click.IntRange(2, 3650), help="With --live: editions of so many days back; 90 by default.")
@JSON
def evaluate(
    dataset_dir: Path | None, methods: tuple[str, ...], plot: Path | None, as_json: bool, **options: Any
) -> None:
    """Rank the held-out papers of DATASET_DIR for each of its users, and measure who finds what they liked.

    The folder holds papers.jsonl.gz and users.jsonl.gz; the encoder is the one of the settings. Nothing is stored but
    embeddings, in the data folder. With --live there is no folder: the votes on editions, but for those of the last 24
    hours, say how good they were, and which ranker readers prefer. Opens are not known.
    """
    from digest.evaluation.conditions import Conditions

    cold_start, highlight, live, days = (options.pop(name) for name in ("cold_start", "highlight", "live", "days"))
    under = Conditions(**options)
    if live or days or dataset_dir is None:
        _check_live(dataset_dir, live, [*methods, plot, cold_start, highlight, under != Conditions()])
        tell(days or DAYS, as_json)
        return
    _check(under, cold_start, plot)
    if highlight and (cold_start or methods):
        raise InvalidRequest("--highlight measures sentences, not rankings: leave out --method and --cold-start.")
    bench = _open(dataset_dir)
    if highlight:
        _judge(bench, under, as_json)
    else:
        (_draw if cold_start else _compare)(bench, methods, under, plot, as_json)


def _check_live(dataset_dir: Path | None, live: bool, others: list[Any]) -> None:
    if not live and dataset_dir is None:
        raise InvalidRequest("Name a folder with a set: digest evaluate DATASET_DIR. Or use --live.")
    if not live:
        raise InvalidRequest("--days says how far --live looks back: add it.")
    if dataset_dir is not None or any(others):
        raise InvalidRequest("--live looks at the editions that went out: leave out all but --days and --json.")


def _check(under: Conditions, cold_start: bool, plot: Path | None) -> None:
    from digest.evaluation import conditions

    conditions.check(under)
    if cold_start and under != conditions.Conditions(users=under.users):
        raise InvalidRequest("--cold-start sets --likes, --phrases and --sentence itself: leave them out.")
    if plot and not cold_start:
        raise InvalidRequest("--plot draws what --cold-start measures: add it.")


def _open(dataset_dir: Path) -> Bench:
    from digest.evaluation import comparison, datasets
    from digest.settings import load

    dataset = datasets.load(dataset_dir)
    with progress_bars() as progress:
        return comparison.open_bench(dataset, _open_cache(load()), progress)


def _judge(bench: Bench, under: Conditions, as_json: bool) -> None:
    from digest.evaluation import highlights

    with progress_bars() as progress:
        found = highlights.judge(bench, under, progress)
    if as_json:
        print_json({**_head(bench), "highlight": [asdict(verdict) for verdict in found]})
        return
    click.echo(highlights.write(found))


def _compare(bench: Bench, methods: tuple[str, ...], under: Conditions, _plot: Path | None, as_json: bool) -> None:
    from digest.evaluation import report
    from digest.evaluation.methods.registry import find_methods

    with progress_bars() as progress:
        outcomes = bench.compare(under, find_methods(methods), progress)
    if as_json:
        print_json({**_head(bench), **report.as_data(outcomes)})
        return
    click.echo(f"{bench.dataset.name}: {outcomes[0].users} users, {len(bench.dataset.held_out)} papers held out.")
    click.echo(report.write(outcomes))


def _draw(bench: Bench, methods: tuple[str, ...], under: Conditions, path: Path | None, as_json: bool) -> None:
    from digest.evaluation import curves, plot, report
    from digest.evaluation.methods.registry import find_methods

    with progress_bars() as progress:
        found = curves.draw(bench, find_methods(methods or curves.METHODS), under.users, progress)
    if path is not None:
        title = f"What little is known of a user: {bench.dataset.name}"
        path.write_text(plot.draw(title, report.LEADING, curves.STEPS, curves.as_series(found)), encoding="utf-8")
    if as_json:
        print_json({**_head(bench), "cold_start": curves.as_data(found)})
        return
    click.echo(curves.write(found))


def _head(bench: Bench) -> dict[str, str]:
    return {"dataset": bench.dataset.name, "encoder": bench.cache.name}


def _open_cache(settings: Settings) -> Cache:
    """The embeddings of the encoder in the settings, kept in the data folder."""
    from digest.embeddings.encoder import LEXICAL
    from digest.evaluation.vectors import Cache
    from digest.workshop import settings_spec

    name = LEXICAL if settings.encoder == "none" else settings_spec(settings).identity
    return Cache(settings.data_dir / "evaluation", name, lambda: _load_encoder(settings))


def _load_encoder(settings: Settings) -> Encoder:
    from digest.embeddings.encoder import make_encoder
    from digest.errors import ConfigurationError
    from digest.workshop import settings_spec

    encoder = make_encoder(settings_spec(settings), settings.encoder_path, settings.device)
    if encoder is None:
        raise ConfigurationError(f"The encoder {settings.encoder} cannot be loaded: see `digest doctor`.")
    return encoder
