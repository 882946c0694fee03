"""What a face does without starting a run: who is due, a preview of an edition, papers that are near."""

import glob
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import func
from sqlmodel import col, select

from digest.composing import editions as mails
from digest.composing import sheets
from digest.errors import InvalidRequest
from digest.mail.transports import file_stem
from digest.papers.lookup import find_paper
from digest.ranking import drafts, editions
from digest.ranking import search as ranked_search
from digest.ranking.drafts import Draft
from digest.ranking.search import Hit
from digest.tables import Paper, Profile, Run, Subscriber
from digest.workshop import Workshop


def failures_of_run(shop: Workshop, now: datetime) -> dict[str, str]:
    """The sources that could not be read at `now`, each with the reason."""
    query = select(Run).where(Run.stage == "ingest", Run.moment == now, ~col(Run.ok)).order_by(col(Run.id))
    with shop.database.session(write=False) as session:
        return {row.source: row.report["error"] for row in session.exec(query)}


def latest_failures(shop: Workshop, now: datetime) -> dict[str, str]:
    """The sources whose latest poll of the last two days failed, each with the latest reason."""
    with shop.database.session(write=False) as session:
        failed = editions.failed_sources(session, now)
        query = select(Run).where(Run.stage == "ingest", col(Run.source).in_(failed)).order_by(col(Run.id))
        query = query.where(Run.moment > now - editions.SOURCE_MEMORY, Run.moment <= now)
        return {row.source: row.report["error"] for row in session.exec(query) if not row.ok}


def preview(shop: Workshop, now: datetime, subscriber: Subscriber) -> Draft:
    """What the subscriber's next edition would hold if it went out now; writes nothing."""
    with shop.database.session(write=False) as session:
        since = drafts.window_start(subscriber, now, shop.window)
        library = shop.library(session, since, now)
        return drafts.draft(session, library, [subscriber], now, shop.window)[subscriber.id]


def newest_paper(shop: Workshop) -> str:
    """How new the newest stored paper is, in words."""
    with shop.database.session(write=False) as session:
        newest = session.exec(select(func.max(Paper.announced_at))).one()
    if newest is None:
        return "There are no papers yet: `digest run` brings some."
    return f"The newest stored paper was announced on {newest:%Y-%m-%d}."


def write_preview(shop: Workshop, now: datetime, subscriber: Subscriber, draft: Draft) -> Path:
    """Render a draft as the mail it would be; returns the HTML file in the data folder."""
    with shop.database.session(write=False) as session:
        profiles = {p.id: p for p in session.exec(select(Profile).where(Profile.subscriber_id == subscriber.id))}
    edition = editions.transient(subscriber, draft, now, shop.encoder_name)
    items = [editions.make_item(0, rank, pick) for rank, pick in enumerate(draft.picks, 1)]
    papers = {pick.paper.id: pick.paper for pick in draft.picks}
    sheet = sheets.Sheet(subscriber, edition, items, papers, profiles)
    path = _preview_path(shop, subscriber.id)
    path.parent.mkdir(exist_ok=True)
    path.write_text(mails.compose(shop.sender, sheet).html, encoding="utf-8")
    return path


def forget_files(shop: Workshop, subscriber: Subscriber) -> None:
    """Remove what a preview and the folder transport left of a person."""
    _preview_path(shop, subscriber.id).unlink(missing_ok=True)
    for path in shop.settings.outbox_dir.glob(f"*-{glob.escape(file_stem(subscriber.email))}.*"):
        path.unlink(missing_ok=True)


def _preview_path(shop: Workshop, subscriber_id: int) -> Path:
    return shop.data_dir / "preview" / f"{subscriber_id}.html"


def search(shop: Workshop, text: str, now: datetime, count: int) -> list[Hit]:
    """The stored papers that lie closest to a text."""
    if not text.strip():
        raise InvalidRequest('Say what to look for: digest papers search "state space models".')
    name = shop.encoder_name
    vector = shop.needed_encoder.encode([text])[0] if name else np.empty(0, np.float32)
    with shop.database.session(write=False) as session:
        return ranked_search.search(session, name, ranked_search.ask_text(text, vector), now, count)


def similar(shop: Workshop, name: str, now: datetime, count: int) -> list[Hit]:
    """The stored papers that lie closest to the paper called `name`."""
    with shop.database.session(write=False) as session:
        question = ranked_search.ask_paper(session, shop.encoder_name, find_paper(session, name))
        return ranked_search.search(session, shop.encoder_name, question, now, count)


def due(shop: Workshop, now: datetime, only: int | None = None) -> list[Subscriber]:
    """The subscribers whose edition is due at `now`."""
    with shop.database.session(write=False) as session:
        ids = editions.plan(session, now, only)
        return list(session.exec(select(Subscriber).where(col(Subscriber.id).in_(ids)).order_by(col(Subscriber.id))))
