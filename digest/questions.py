"""What a face does without starting a run: who is due, a preview of an edition, papers that are near."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import func
from sqlmodel import col, select

from digest.composing import editions as mails
from digest.composing import sheets
from digest.errors import InvalidRequest
from digest.mail.transports import file_stem
from digest.papers.lookup import find_paper
from digest.ranking import drafts, editions, explanations, inquiries, previews
from digest.ranking import search as ranked_search
from digest.ranking.changes import Changes
from digest.ranking.desks import Reader
from digest.ranking.drafts import Draft, Hidden, Pick
from digest.ranking.explanations import Case, Explanation
from digest.ranking.inquiries import Inquiry, Results
from digest.ranking.libraries import RECENT
from digest.ranking.previews import Wanted
from digest.ranking.search import Hit
from digest.tables import Edition, Paper, Profile, Run, Subscriber
from digest.workshop import Workshop

NEAR = 50  # papers that are scored in both views to find the few that are most similar


@dataclass(frozen=True, slots=True)
class Preview:
    """An edition that is only looked at, its mail with links that lead nowhere, and what did not make it and why.

    `profiles` are copies of the wanted ones, numbered -1, -2, … in their order: picks and `hidden` name them so.
    `missed` would come next, `repeated` papers would be candidates if they had not been sent or voted on before, and
    `changes` are against the edition that the stored profiles would make now.
    """

    draft: Draft
    html: str
    profiles: list[Profile]
    missed: list[Pick]
    repeated: int
    changes: Changes

    @property
    def hidden(self) -> list[Hidden]:
        return self.draft.hidden


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
        return drafts.draft(session, library, [subscriber], now, shop.method)[subscriber.id]


def explain(shop: Workshop, now: datetime, subscriber: Subscriber, name: str, ranker: str = "") -> Explanation:
    """How the paper called `name` comes by its scores for the subscriber, by the ranker of the settings or another."""
    method = replace(shop.method, ranker=ranker) if ranker else shop.method
    with shop.database.session(write=False) as session:
        paper = find_paper(session, name)
        reader = Reader(subscriber, drafts.window_start(subscriber, now, shop.window))
        library = shop.library(session, reader.since, now)
        if library is None:
            raise InvalidRequest("No paper can be ranked yet: `digest run` looks at them.")
        return explanations.explain(session, library, Case(reader, paper, now, method))


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
        theirs = select(Profile).where(Profile.subscriber_id == subscriber.id, col(Profile.removed_at).is_(None))
        profiles = session.exec(theirs.order_by(col(Profile.id))).all()
    sheet = lay_out(subscriber, profiles, draft, editions.transient(subscriber, draft, now, shop.encoder_name))
    path = _preview_path(shop, subscriber.id)
    path.parent.mkdir(exist_ok=True)
    path.write_text(mails.compose(shop.sender, sheet).html, encoding="utf-8")
    return path


def lay_out(subscriber: Subscriber, profiles: Sequence[Profile], draft: Draft, edition: Edition) -> sheets.Sheet:
    """A draft as the rows that its mail is made of."""
    items = [editions.make_item(0, rank, pick) for rank, pick in enumerate(draft.picks, 1)]
    papers = {pick.paper.id: pick.paper for pick in draft.picks}
    return sheets.Sheet(subscriber, edition, items, papers, {profile.id: profile for profile in profiles})


def preview_interests(shop: Workshop, now: datetime, subscriber: Subscriber, wanted: Sequence[Wanted]) -> Preview:
    """The next edition of somebody with exactly these interests, of the last seven days' papers; writes nothing.

    `subscriber` may be a row that was never stored, of somebody who has not given an address.
    """
    shop.keep_up(now)
    reader = previews.transient_reader(subscriber, now)
    encoder, library = shop.encoder, shop.recent_library(now)
    apart = library is not None and encoder is not None and library.encoder != encoder.name  # switched just now
    embed = partial(shop.embed_texts, encoder=encoder) if encoder is not None and not apart else None
    trial = replace(previews.try_out(wanted, reader, embed), method=shop.method)
    with shop.database.session(write=False) as session:
        found = previews.rehearse(session, library, Reader(reader, now - RECENT), trial, now)
    edition = editions.transient(reader, found.draft, now, shop.encoder_name)
    sheet = lay_out(reader, trial.profiles, found.draft, edition)
    html = mails.compose(shop.sender, sheet, live=False).html
    return Preview(found.draft, html, trial.profiles, found.missed, found.repeated, found.changes)


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
    vector = shop.embed_texts([text])[0] if name else np.empty(0, np.float32)
    with shop.database.session(write=False) as session:
        return ranked_search.search(session, name, ranked_search.ask_text(text, vector), now, count)


def similar(shop: Workshop, name: str, now: datetime, count: int) -> list[Hit]:
    """The stored papers that lie closest to the paper called `name`."""
    with shop.database.session(write=False) as session:
        question = ranked_search.ask_paper(session, shop.encoder_name, find_paper(session, name))
        return ranked_search.search(session, shop.encoder_name, question, now, count)


def find(shop: Workshop, inquiry: Inquiry, now: datetime) -> Results:
    """A page of the papers that match an inquiry, fast; raises InvalidRequest for one that cannot be answered."""
    checked = inquiries.check(inquiry)
    shop.keep_up(now)
    encoder = shop.encoder
    vector = shop.embed_texts([checked.asked], encoder)[0] if encoder else None
    with shop.database.session(write=False) as session:
        desk = shop.desk(session, now)
        if desk is None or encoder is None or vector is None or desk.shelf.encoder != encoder.name:
            return inquiries.answer_by_words(session, checked)
        return inquiries.answer(session, checked, desk, vector)


def similar_to(shop: Workshop, paper_id: int, now: datetime, count: int) -> list[Hit]:
    """The stored papers that lie closest to the paper with this number, fast; none while it has no vector."""
    shop.keep_up(now)
    with shop.database.session(write=False) as session:
        paper, desk = session.get(Paper, paper_id), shop.desk(session, now)
        if paper is None:
            raise InvalidRequest(f"There is no paper #{paper_id}: look for it by its title.")
        question = ranked_search.ask_paper(session, shop.encoder_name, paper)
        if desk is None or not len(question.vector):
            return []
        return ranked_search.search_shelf(session, desk, question, max(count, NEAR))[:count]


def warm_up(shop: Workshop, now: datetime) -> None:
    """Load what the first visitor would wait for: encoder, all vectors, and the papers of the last days."""
    shop.keep_up(now)
    shop.warm(now)
    with shop.database.session(write=False) as session:
        shop.desk(session, now)


def due(shop: Workshop, now: datetime, only: int | None = None) -> list[Subscriber]:
    """The subscribers whose edition is due at `now`."""
    with shop.database.session(write=False) as session:
        ids = editions.plan(session, now, only)
        return list(session.exec(select(Subscriber).where(col(Subscriber.id).in_(ids)).order_by(col(Subscriber.id))))
