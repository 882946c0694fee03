"""What is stored of a person: all of it as one document, erased at once, and erased in time when nobody needs it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, update
from sqlmodel import Session, SQLModel, col, select

from digest.mail.suppression import digest_of
from digest.papers import signals
from digest.tables import (
    BounceScore,
    Edition,
    EditionItem,
    Feedback,
    MailedLink,
    OutboxMessage,
    Paper,
    PaperRequest,
    Profile,
    ProfileExample,
    ProfileVector,
    Subscriber,
    SubscriberStatus,
    WebSession,
)

UNCONFIRMED = timedelta(days=7)  # how long somebody who never confirmed is kept
UNSUBSCRIBED = timedelta(days=30)
REMOVED = timedelta(days=30)  # how long an interest can be restored
ENDED = timedelta(days=7)  # how long a link that does nothing any more is kept
IDLE = timedelta(days=30)  # after which a browser is signed out

# Where each table is in the export.
SECTIONS: dict[type[SQLModel], str] = {
    Subscriber: "subscriber",
    Profile: "interests",
    ProfileExample: "interests",
    ProfileVector: "interests",
    Feedback: "votes",
    PaperRequest: "papers asked for",
    Edition: "editions",
    EditionItem: "editions",
    OutboxMessage: "mail",
    MailedLink: "mailed links",
    WebSession: "signed-in browsers",
}


def export(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """Everything that is stored of a person, in words that a person understands; it holds nothing but JSON's types.

    Keys and hashes of links and browsers are left out: they open doors and say nothing.
    """
    interests = {profile.id: profile for profile in _all(session, Profile, subscriber)}
    titles = _titles(session, subscriber)
    return {
        "subscriber": _row(subscriber, "link_key", "feed_key"),
        "consent": {"asked at": _plain(subscriber.created_at), "confirmed at": _plain(subscriber.confirmed_at)},
        "interests": [_interest(session, profile, titles) for profile in interests.values()],
        "votes": [
            _row(row, "paper_id", "profile_id", "edition_id")
            | {"paper": titles[row.paper_id], "taught": _name(interests, row.profile_id)}
            for row in _all(session, Feedback, subscriber)
        ],
        "papers asked for": [
            _row(row, "profile_id") | {"interest": _name(interests, row.profile_id)}
            for row in _all(session, PaperRequest, subscriber)
        ],
        "editions": [_edition(session, row, titles, interests) for row in _all(session, Edition, subscriber)],
        "mail": [
            _row(row, "edition_id", "content", "owner", "lease_until")
            for row in _all(session, OutboxMessage, subscriber)
        ],
        "returned mail": [_row(row, "address_digest") for row in _bounces(session, subscriber)],
        "mailed links": [_row(row, "digest") for row in _all(session, MailedLink, subscriber)],
        "signed-in browsers": [_row(row, "digest") for row in _all(session, WebSession, subscriber)],
    }


def _all(session: Session, table: Any, subscriber: Subscriber) -> list[Any]:
    return list(session.exec(select(table).where(table.subscriber_id == subscriber.id).order_by(table.id)))


def _bounces(session: Session, subscriber: Subscriber) -> Sequence[BounceScore]:
    mine = BounceScore.address_digest == digest_of(subscriber.email)
    return session.exec(select(BounceScore).where(mine)).all()


def _titles(session: Session, subscriber: Subscriber) -> dict[int, str]:
    """The titles of all papers that any row of the person names."""
    sent = select(EditionItem.paper_id).join(Edition, col(Edition.id) == col(EditionItem.edition_id))
    given = select(ProfileExample.paper_id).join(Profile, col(Profile.id) == col(ProfileExample.profile_id))
    named = [
        col(Paper.id).in_(sent.where(Edition.subscriber_id == subscriber.id)),
        col(Paper.id).in_(given.where(Profile.subscriber_id == subscriber.id)),
        col(Paper.id).in_(select(Feedback.paper_id).where(Feedback.subscriber_id == subscriber.id)),
    ]
    hidden = [entry["paper"] for edition in _all(session, Edition, subscriber) for entry in edition.hidden]
    rows = session.exec(select(Paper.id, Paper.title).where(or_(*named, col(Paper.id).in_(hidden))))
    return dict(iter(rows))


def _interest(session: Session, profile: Profile, titles: dict[int, str]) -> dict[str, Any]:
    examples = select(ProfileExample).where(ProfileExample.profile_id == profile.id).order_by(col(ProfileExample.id))
    vectors = select(ProfileVector).where(ProfileVector.profile_id == profile.id)
    return _row(profile, "embedded_by") | {
        "examples": [
            _row(row, "profile_id", "paper_id") | {"paper": titles[row.paper_id]} for row in session.exec(examples)
        ],
        "numbers made from its words": [
            {"by": row.encoder, "how many": row.dimension, "of what is not wanted too": row.against is not None}
            for row in session.exec(vectors)
        ],
    }


def _edition(
    session: Session, edition: Edition, titles: dict[int, str], interests: dict[int, Profile]
) -> dict[str, Any]:
    query = select(EditionItem).where(EditionItem.edition_id == edition.id).order_by(col(EditionItem.rank))
    items = [
        _row(row, "edition_id", "paper_id", "profile_id")
        | {"paper": titles[row.paper_id], "interest": _name(interests, row.profile_id)}
        for row in session.exec(query)
    ]
    hidden = [
        entry | {"paper": titles.get(entry["paper"], ""), "profile": _name(interests, entry.get("profile"))}
        for entry in edition.hidden
    ]
    return _row(edition, "hidden") | {"papers": items, "hidden by your muted words": hidden}


def _name(interests: dict[int, Profile], profile_id: int | None) -> str:
    return interests[profile_id].name if profile_id in interests else ""


def _row(row: SQLModel, *without: str) -> dict[str, Any]:
    """A row's columns with readable names, without our own numbers and what `without` names."""
    hidden = {"id", "subscriber_id", *without}
    return {name.replace("_", " "): _plain(value) for name, value in row.model_dump().items() if name not in hidden}


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # a moment is one, too
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def erase(session: Session, subscriber: Subscriber, now: datetime) -> None:
    """Delete a subscriber with their profiles, editions, messages and votes; only a suppression hash may stay.

    Their votes count no more from `now` on: the papers that they wanted more of are counted again.
    """
    wanted = select(Paper).join(Feedback, col(Feedback.paper_id) == col(Paper.id)).where(Feedback.value > 0)
    papers = session.exec(wanted.where(Feedback.subscriber_id == subscriber.id)).all()
    session.delete(subscriber)
    session.flush()
    for work in sorted({paper.merged_into or paper.id for paper in papers}):
        signals.count_readers(session, work, now)


def plan_tidy(session: Session, now: datetime) -> list[int]:
    """Subscribers of whom something has had its day: a row of theirs, or all of it."""
    owners = [select(col(table.subscriber_id)).where(over) for table, over in _leftovers(now)]
    found = set(session.exec(select(Subscriber.id).where(_is_gone(now)))).union(*map(session.exec, owners))
    return sorted(found)


def work_tidy(session: Session, now: datetime, ids: Sequence[int]) -> Counter[str]:
    """Erase those who never confirmed or left long ago; of the others, delete what has had its day."""
    counts: Counter[str] = Counter()
    gone = select(Subscriber).where(col(Subscriber.id).in_(ids), _is_gone(now)).order_by(col(Subscriber.id))
    for subscriber in session.exec(gone.with_for_update()).all():
        erase(session, subscriber, now)
        counts["erased"] += 1
    forgotten = select(Profile.subscriber_id).where(col(Profile.subscriber_id).in_(ids), _is_forgotten(now))
    had_one = update(Subscriber).where(col(Subscriber.id).in_(forgotten))
    session.exec(had_one.values(had_interests=True).execution_options(synchronize_session=False))
    for table, over in _leftovers(now):
        deleted = session.exec(delete(table).where(col(table.subscriber_id).in_(ids), over))
        counts[table.__tablename__] += deleted.rowcount
    return +counts


def _is_gone(now: datetime) -> ColumnElement[bool]:
    """Never confirmed, with no link left to do so, or unsubscribed for long."""
    can_confirm = exists().where(
        col(MailedLink.subscriber_id) == col(Subscriber.id),
        col(MailedLink.used_at).is_(None),
        col(MailedLink.expires_at) > now,
    )
    pending = and_(
        col(Subscriber.status) == SubscriberStatus.PENDING,
        col(Subscriber.created_at) <= now - UNCONFIRMED,
        ~can_confirm,
    )
    left = and_(col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED, col(Subscriber.left_at) <= now - UNSUBSCRIBED)
    return or_(pending, left)


def _is_forgotten(now: datetime) -> ColumnElement[bool]:
    """An interest that can be restored no more."""
    return col(Profile.removed_at) <= now - REMOVED


def _leftovers(now: datetime) -> Iterable[tuple[Any, ColumnElement[bool]]]:
    """Which rows of a table have had their day."""
    return (
        (Profile, _is_forgotten(now)),
        (MailedLink, or_(col(MailedLink.expires_at) <= now - ENDED, col(MailedLink.used_at) <= now - ENDED)),
        (WebSession, col(WebSession.seen_at) <= now - IDLE),
        (PaperRequest, col(PaperRequest.gave_up_at) <= now - REMOVED),
    )
