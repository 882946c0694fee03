"""Commands that move papers and mail: run, ingest, migrate, send-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, Group, print_json, print_table, progress_bars, warn
from digest.cli.shop import open_shop, refuse_scaled, stop_when_told

if TYPE_CHECKING:
    from datetime import datetime

    from digest.pipeline import StageReport
    from digest.sources.base import Source
    from digest.workshop import Workshop


@click.command()
@click.option("--at", metavar="MOMENT", help="Run as of this moment, e.g. 2026-04-24T07:00+02:00. Default: now.")
@click.option("--dry-run", is_flag=True, help="Show who is due and what they would get; fetch, keep and send nothing.")
@click.option("--only", metavar="EMAIL", help="Rank and mail for this subscriber alone.")
@JSON
def run(at: str | None, dry_run: bool, only: str | None, as_json: bool) -> None:
    """Take everything that is missing through all stages: papers in, editions out.

    Safe to repeat: a second run does nothing, and a run that was killed is resumed by the next one.
    """
    from digest import pipeline

    shop = open_shop()
    refuse_scaled(shop, "run")
    now, subscriber_id = _moment(at), _subscriber_id(shop, only)
    if dry_run:
        _show_drafts(shop, now, subscriber_id, as_json)
        return
    stop_when_told(shop)
    with progress_bars() as progress:
        reports = pipeline.run(shop, now, subscriber_id, progress=progress)
    show_reports(reports, as_json)
    judge(shop, now, reports)


def _moment(text: str | None) -> datetime:
    from digest.clock import parse_moment, utc_now

    return parse_moment(text, utc_now()) if text else utc_now()


def _subscriber_id(shop: Workshop, email: str | None) -> int | None:
    from digest.subscribers import optin

    if email is None:
        return None
    with shop.database.session(write=False) as session:
        return optin.find(session, email).id


def _show_drafts(shop: Workshop, now: datetime, only: int | None, as_json: bool) -> None:
    from digest import pipeline, questions
    from digest.ranking import reasons

    with progress_bars() as progress:
        pipeline.prepare(shop, now, progress)
    drafts = [(subscriber, questions.preview(shop, now, subscriber)) for subscriber in questions.due(shop, now, only)]
    if as_json:
        rows = [(who.email, rank, pick) for who, draft in drafts for rank, pick in enumerate(draft.picks, 1)]
        print_json(
            [{"email": e, "rank": r, "title": p.paper.title, "why": reasons.explain(p.reason)} for e, r, p in rows]
        )
        return
    click.echo(f"{len(drafts)} due; nothing was fetched or sent, and no edition was stored.")
    for subscriber, draft in drafts:
        click.secho(f"\n{subscriber.email}", bold=True)
        if draft.skip_reason:
            click.echo(f"  no edition: {draft.skip_reason.value}")
        for rank, pick in enumerate(draft.picks, 1):
            click.echo(f"{rank:>4}  {pick.paper.title}\n      {reasons.explain(pick.reason)}")


def show_reports(reports: list[StageReport], as_json: bool) -> None:
    """A line per stage: what it did and how long it took."""
    if as_json:
        fields = ("name", "planned", "failed", "stopped")
        print_json(
            [{f: getattr(r, f) for f in fields} | {"counts": r.counts, "seconds": round(r.seconds, 3)} for r in reports]
        )
        return
    rows = [(r.name.replace("_", " "), _did(r), f"{r.seconds:.1f} s") for r in reports]
    print_table(("stage", "did", "took"), rows)


def _did(report: StageReport) -> str:
    done = [_counted(count, name.replace("_", " ")) for name, count in report.counts.items() if count]
    if report.failed:
        done.append(f"{report.failed} failed")
    if report.stopped:
        done.append("stopped")
    return ", ".join(done) or "nothing to do"


def _counted(count: int, name: str) -> str:
    """“1 edition”, “2 editions”; a reason for having none is said as one."""
    from digest.tables import SkipReason

    if name.replace(" ", "_") in list(SkipReason):
        return f"{count} without an edition ({name})"
    return f"{count} {name.removesuffix('s') if count == 1 else name}"


def judge(shop: Workshop, now: datetime, reports: list[StageReport]) -> None:
    """Exit 2 when a stage was stopped, 1 when single items failed; say so for sources that could not be read."""
    from digest import questions
    from digest.errors import TransientError

    for source, why in questions.failures_of_run(shop, now).items():
        warn(f"the source {source} could not be read: {why.rstrip('.')}. Its papers come with the next run.")
    stopped: dict[str, list[str]] = {}
    for report in reports:
        if report.stopped:
            stopped.setdefault(report.stopped, []).append(report.name)
    if stopped:
        raise TransientError(" ".join(f"{', '.join(names)}: {why}" for why, names in stopped.items()))
    if failed := sum(report.failed for report in reports):
        warn(f"{failed} items failed and were left for the next run; the lines above name them.")
        raise SystemExit(1)


@click.command()
def migrate() -> None:
    """Make the database, or bring it to this release's schema."""
    shop = open_shop()
    click.echo(f"The database is at revision {shop.database.revision()}.")


@click.group(cls=Group)
def ingest() -> None:
    """Load papers from one source now."""


@ingest.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@JSON
def files(paths: tuple[str, ...], as_json: bool) -> None:
    """JSON Lines (title, abstract and any of id, authors, published, categories, url) or BibTeX files."""
    from pathlib import Path

    from digest.sources.files import FilesSource

    _ingest(open_shop(), FilesSource([Path(path) for path in paths]), as_json)


@ingest.command()
@JSON
def sample(as_json: bool) -> None:
    """The sample papers that come with digest."""
    from digest.sources.sample import SampleSource

    _ingest(open_shop(), SampleSource(), as_json)


@ingest.command()
@click.option("--id", "ids", multiple=True, metavar="ID", help="An arXiv id or link; may be given again.")
@click.option("--category", "categories", multiple=True, metavar="CATEGORY", help="E.g. cs.LG; may be given again.")
@JSON
def arxiv(ids: tuple[str, ...], categories: tuple[str, ...], as_json: bool) -> None:
    """The arXiv: papers by id, or the newest of categories (those of the settings when none are given)."""
    from digest.papers.categories import parse_category
    from digest.sources.arxiv import ArxivSource

    shop = open_shop()
    wanted = [] if ids else [parse_category(c) for c in categories or shop.settings.arxiv_categories]
    _ingest(shop, ArxivSource(shop.client, categories=wanted, ids=list(ids)), as_json)


@ingest.command()
@JSON
def huggingface(as_json: bool) -> None:
    """Hugging Face Daily Papers of the last days, with their votes."""
    shop = open_shop()
    _ingest(shop, shop.make_source("huggingface"), as_json)


def _ingest(shop: Workshop, source: Source, as_json: bool) -> None:
    from digest import pipeline
    from digest.clock import utc_now
    from digest.errors import TransientError

    report = pipeline.ingest_source(shop, source, utc_now(), stage="import")
    if as_json:
        print_json(report.as_json())
    else:
        click.echo(f"{source.name}: " + ", ".join(f"{count} {name}" for name, count in report.counts.items() if count))
    for refusal in report.refusals:
        warn(f"{refusal.where}: {refusal.why}")
    if report.error:
        raise TransientError(f"{source.name}: {report.error}")
    if report.refusals:
        raise SystemExit(2)


@click.command("send-test")
@click.argument("email")
def send_test(email: str) -> None:
    """Send a short test message to EMAIL by the transport of the settings."""
    from digest.clock import utc_now
    from digest.composing.messages import compose_test
    from digest.composing.mime import assemble
    from digest.mail.transports import Envelope
    from digest.subscribers.optin import parse_address

    shop = open_shop()
    recipient = parse_address(email)
    content = assemble(shop.sender, compose_test(shop.sender, recipient, utc_now()), shop.signing_keys)
    with shop.transport as transport:
        reply = transport.send(Envelope(shop.sender.address.addr_spec, recipient, content, f"test-{recipient}"))
    click.echo(f"Accepted: {reply}")
