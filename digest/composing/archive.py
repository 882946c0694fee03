"""The editions that somebody has got, to be read again: one by one, and as the entries of a feed."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.composing.sheets import Sheet
from digest.tables import Edition, EditionItem, Feedback, Paper, Profile, SkipReason, Subscriber

NEWEST = 60  # papers in a feed
PAGE = 100  # editions in a list
WHY_NONE = {
    SkipReason.NO_NEW_PAPERS: "No edition: there were no new papers",
    SkipReason.NO_MATCH: "No edition: no new paper came close enough to your interests",
    SkipReason.SOURCE_FAILED: "No edition: the sources did not answer",
    SkipReason.PAUSED: "Not mailed: you had paused",
    SkipReason.SUPPRESSED: "Not mailed: no mail could go to your address",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """A past edition in a list: its date, how many papers it held, or why there was none."""

    day: date
    papers: int
    skip_reason: SkipReason | None

    @property
    def words(self) -> str:
        count = f"{self.papers} paper{'s' if self.papers != 1 else ''}"
        if self.skip_reason is None:
            return count
        return f"{WHY_NONE[self.skip_reason]} ({count})" if self.papers else WHY_NONE[self.skip_reason]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What an edition tells of a paper that a muted phrase kept out of it; `interest` is empty when it is gone."""

    title: str
    phrase: str
    interest: str


@dataclass(frozen=True, slots=True)
class Muted:
    """What an interest tells of a paper that one of its muted phrases kept out of the edition of a day."""

    paper: Paper
    phrase: str
    day: date


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A paper that came with an edition, as a feed tells it."""

    paper: Paper
    item: EditionItem
    day: date
    sent_at: datetime


def list_issues(
    session: Session, subscriber_id: int, profile_id: int | None = None, before: date | None = None
) -> list[Issue]:
    """A page of past editions, newest first, of those before a day; with a profile those that hold papers for it."""
    held = func.count(col(EditionItem.id))
    query = (
        select(col(Edition.edition_date), held, col(Edition.skip_reason))
        .outerjoin(EditionItem, col(EditionItem.edition_id) == col(Edition.id))
        .where(Edition.subscriber_id == subscriber_id)
        .group_by(col(Edition.id), col(Edition.edition_date), col(Edition.skip_reason))
        .order_by(col(Edition.edition_date).desc())
    )
    if profile_id is not None:
        query = query.where(EditionItem.profile_id == profile_id)
    if before is not None:
        query = query.where(Edition.edition_date < before)
    return [Issue(day, count, why) for day, count, why in session.exec(query.limit(PAGE))]


def find_edition(session: Session, subscriber_id: int, day: date) -> Edition | None:
    query = select(Edition).where(Edition.subscriber_id == subscriber_id, Edition.edition_date == day)
    return session.exec(query).first()


def read_sheet(session: Session, edition: Edition) -> Sheet:
    """All rows of a stored edition."""
    items = select(EditionItem).where(EditionItem.edition_id == edition.id).order_by(col(EditionItem.rank))
    listed = list(session.exec(items))
    wanted = select(Paper).where(col(Paper.id).in_([item.paper_id for item in listed]))
    papers = {paper.id: paper for paper in session.exec(wanted)}
    theirs = select(Profile).where(Profile.subscriber_id == edition.subscriber_id).order_by(col(Profile.id))
    profiles = {profile.id: profile for profile in session.exec(theirs)}
    return Sheet(session.get_one(Subscriber, edition.subscriber_id), edition, listed, papers, profiles)


def read_votes(session: Session, sheet: Sheet) -> dict[int, Feedback]:
    """The reader's votes on an edition's papers, also when the vote is kept with the work that one was merged into."""
    works = {paper.id: paper.merged_into or paper.id for paper in sheet.papers.values()}
    query = select(Feedback).where(
        Feedback.subscriber_id == sheet.subscriber.id, col(Feedback.paper_id).in_({*works, *works.values()})
    )
    votes = {vote.paper_id: vote for vote in session.exec(query.order_by(col(Feedback.created_at)))}
    found = {paper_id: votes.get(work) or votes.get(paper_id) for paper_id, work in works.items()}
    return {paper_id: vote for paper_id, vote in found.items() if vote is not None}


def read_hidden(session: Session, sheet: Sheet) -> list[Hidden]:
    """What muted phrases kept out of an edition."""
    entries = sheet.edition.hidden
    wanted = select(Paper.id, Paper.title).where(col(Paper.id).in_([entry["paper"] for entry in entries]))
    titles = dict(session.exec(wanted).all()) if entries else {}
    names = {profile.id: profile.name for profile in sheet.profiles.values()}
    return [
        Hidden(titles[entry["paper"]], entry["phrase"], names.get(entry["profile"], ""))
        for entry in entries
        if entry["paper"] in titles
    ]


def feed_entries(session: Session, subscriber_id: int, profile_id: int | None = None) -> list[FeedEntry]:
    """The papers of the newest editions, or of those the ones for a profile, newest edition first."""
    query = (
        select(Paper, EditionItem, col(Edition.edition_date), col(Edition.created_at))
        .join(EditionItem, col(EditionItem.paper_id) == col(Paper.id))
        .join(Edition, col(Edition.id) == col(EditionItem.edition_id))
        .where(Edition.subscriber_id == subscriber_id)
        .order_by(col(Edition.edition_date).desc(), col(EditionItem.rank))
    )
    if profile_id is not None:
        query = query.where(EditionItem.profile_id == profile_id)
    return [FeedEntry(*row) for row in session.exec(query.limit(NEWEST))]


def list_muted(session: Session, subscriber_id: int, profile_id: int, since: datetime) -> list[Muted]:
    """What a profile's muted phrases hid since a moment, newest first."""
    query = select(Edition).where(Edition.subscriber_id == subscriber_id, Edition.created_at > since)
    editions = session.exec(query.order_by(col(Edition.edition_date).desc())).all()
    told = [(one, edition.edition_date) for edition in editions for one in edition.hidden]
    mine = [(one, day) for one, day in told if one["profile"] == profile_id]
    wanted = select(Paper).where(col(Paper.id).in_({one["paper"] for one, _ in mine}))
    papers = {paper.id: paper for paper in session.exec(wanted)}
    return [Muted(papers[one["paper"]], one["phrase"], day) for one, day in mine if one["paper"] in papers]


def count_picked(session: Session, subscriber_id: int, since: datetime) -> Counter[int]:
    """How many papers came for each profile since a moment."""
    query = (
        select(EditionItem.profile_id, func.count())
        .join(Edition, col(Edition.id) == col(EditionItem.edition_id))
        .where(Edition.subscriber_id == subscriber_id, Edition.created_at > since)
        .group_by(col(EditionItem.profile_id))
    )
    return Counter({profile: count for profile, count in session.exec(query) if profile is not None})
