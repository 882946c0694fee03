"""Votes on papers: the latest of a person on a paper counts, and one of their interests learns from it.

What a vote taught is an example of origin “vote”. A paper that was chosen as an example stays what it was chosen for.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import delete, func, or_, update
from sqlmodel import Session, col, select

from digest.db import take_turns
from digest.embeddings.vectors import from_bytes
from digest.errors import InvalidRequest
from digest.papers.lookup import find_work
from digest.papers.signals import count_readers
from digest.subscribers.examples import VOTED
from digest.tables import (
    Edition,
    EditionItem,
    Feedback,
    Paper,
    PaperVector,
    Profile,
    ProfileExample,
    ProfileVector,
    Subscriber,
)

MORE, LESS = 1, -1
VALUES = {"more": MORE, "less": LESS}  # by their names in links and forms
REASONS = {  # what somebody may give as one, in words
    "topic": "Not my topic",
    "quality": "Not good enough",
    "seen": "I knew it",
    "basic": "Too basic",
}


@dataclass(frozen=True, slots=True)
class Vote:
    """More like this paper (+1) or less (-1), perhaps from an edition, for an interest or with a reason."""

    paper: Paper
    value: int
    edition_id: int | None = None
    reason: str = ""
    profile_id: int | None = None


def vote(session: Session, subscriber: Subscriber, given: Vote, now: datetime) -> Feedback:
    """Store a vote in place of the one before, and teach the interest that it is for. Raises InvalidRequest."""
    if given.value not in {MORE, LESS} or given.reason not in {"", *REASONS}:
        raise InvalidRequest("A vote is for more like a paper or for less, and its reason is one of those listed.")
    take_turns(session, f"interests {subscriber.id}")
    paper, row = find_work(session, given.paper), find(session, subscriber, given.paper)
    if row is None:
        row = Feedback(subscriber_id=subscriber.id, paper_id=paper.id, value=given.value, created_at=now)
        session.add(row)
    else:
        _unlearn(session, row)
    learner = teaches(session, subscriber, given)
    edition = session.get(Edition, given.edition_id) if given.edition_id else None
    row.edition_id = edition.id if edition and edition.subscriber_id == subscriber.id else row.edition_id
    row.profile_id = learner.id if learner else None
    row.value, row.reason, row.created_at = given.value, given.reason, now
    session.flush()
    count_readers(session, paper.id, now)
    if learner and not _example(session, learner.id, paper.id):
        example = ProfileExample(profile_id=learner.id, paper_id=paper.id, sign=given.value, created_at=now)
        example.origin = VOTED
        session.add(example)
        session.flush()
    return row


def undo(session: Session, subscriber: Subscriber, paper: Paper, now: datetime) -> None:
    """Forget a vote, and what it taught."""
    take_turns(session, f"interests {subscriber.id}")
    row = find(session, subscriber, paper)
    if row is not None:
        _unlearn(session, row)
        session.delete(row)
        session.flush()
        count_readers(session, find_work(session, paper).id, now)


def reset(session: Session, profile: Profile) -> None:
    """Take from an interest all that votes have taught it; the votes themselves stay."""
    take_turns(session, f"interests {profile.subscriber_id}")
    of_profile = col(ProfileExample.profile_id) == profile.id
    session.exec(delete(ProfileExample).where(of_profile, col(ProfileExample.origin) == VOTED))
    session.exec(update(Feedback).where(col(Feedback.profile_id) == profile.id).values(profile_id=None))


def listing(session: Session, subscriber: Subscriber) -> list[tuple[Feedback, Paper]]:
    """All votes of a person, the latest first."""
    query = select(Feedback, Paper).join(Paper, col(Paper.id) == col(Feedback.paper_id))
    mine = query.where(Feedback.subscriber_id == subscriber.id)
    return list(session.exec(mine.order_by(col(Feedback.created_at).desc(), col(Feedback.id).desc())))


def find(session: Session, subscriber: Subscriber, paper: Paper) -> Feedback | None:
    """What somebody voted on a work, under whichever of its duplicates."""
    names = _names(session, paper)
    query = select(Feedback).where(Feedback.subscriber_id == subscriber.id, col(Feedback.paper_id).in_(names))
    return session.exec(query.order_by(col(Feedback.created_at).desc())).first()


def count_lessons(session: Session, subscriber: Subscriber) -> Counter[int]:
    """How many votes each interest of a person learns from."""
    query = select(Feedback.profile_id, func.count()).where(Feedback.subscriber_id == subscriber.id)
    counted = session.exec(query.group_by(col(Feedback.profile_id)))
    return Counter({profile: count for profile, count in counted if profile is not None})


def teaches(session: Session, subscriber: Subscriber, given: Vote) -> Profile | None:
    """The interest that learns from a vote: the one that it names or that the paper was sent for, else the nearest one,
    which learns from votes for more only.

    None: the vote is only remembered.
    """
    living = col(Profile.removed_at).is_(None)
    query = select(Profile).where(Profile.subscriber_id == subscriber.id, living).order_by(col(Profile.id))
    profiles = {profile.id: profile for profile in session.exec(query)}
    sent_for = profiles.get(given.profile_id or _sent_for(session, subscriber, given) or 0)
    if sent_for is not None or given.value < 0:
        return sent_for
    active = [profile for profile in profiles.values() if profile.active]
    return _nearest(session, active, find_work(session, given.paper))


def _sent_for(session: Session, subscriber: Subscriber, given: Vote) -> int | None:
    """The profile of the item by which the paper was sent: in the edition of the vote, else in the latest."""
    query = select(EditionItem.profile_id).join(Edition, col(Edition.id) == col(EditionItem.edition_id))
    mine = query.where(
        Edition.subscriber_id == subscriber.id, col(EditionItem.paper_id).in_(_names(session, given.paper))
    )
    here = mine.where(Edition.id == given.edition_id) if given.edition_id else mine
    return session.exec(here.order_by(col(Edition.id).desc())).first()


def _names(session: Session, paper: Paper) -> list[int]:
    """The ids of all rows of one work: itself and the duplicates that were merged into it."""
    work = paper.merged_into or paper.id
    return list(session.exec(select(Paper.id).where(or_(col(Paper.id) == work, col(Paper.merged_into) == work))))


def _example(session: Session, profile_id: int, paper_id: int) -> ProfileExample | None:
    query = select(ProfileExample).where(ProfileExample.profile_id == profile_id)
    return session.exec(query.where(ProfileExample.paper_id == paper_id)).first()


def _unlearn(session: Session, row: Feedback) -> None:
    if row.profile_id is None:
        return
    work = find_work(session, session.get_one(Paper, row.paper_id))
    taught = col(ProfileExample.paper_id).in_(_names(session, work)), col(ProfileExample.origin) == VOTED
    session.exec(delete(ProfileExample).where(col(ProfileExample.profile_id) == row.profile_id, *taught))


def _nearest(session: Session, profiles: list[Profile], paper: Paper) -> Profile | None:
    """The profile whose words or one of whose examples lie nearest to the paper, by their stored vectors."""
    if len(profiles) < 2:  # noqa: PLR2004 - a single one needs no comparison
        return next(iter(profiles), None)
    own = session.get(PaperVector, (paper.id, paper.embedded_by)) if paper.embedded_by else None
    if own is None:
        return None
    ids = [profile.id for profile in profiles]
    words = select(ProfileVector.profile_id, ProfileVector.vector).where(
        col(ProfileVector.profile_id).in_(ids), ProfileVector.encoder == own.encoder
    )
    liked = (
        select(ProfileExample.profile_id, PaperVector.vector)
        .join(PaperVector, col(PaperVector.paper_id) == col(ProfileExample.paper_id))
        .where(col(ProfileExample.profile_id).in_(ids), ProfileExample.sign > 0, PaperVector.encoder == own.encoder)
    )
    stored: dict[int, list[bytes]] = defaultdict(list)
    for profile_id, vector in [*session.exec(words), *session.exec(liked)]:
        stored[profile_id].append(vector)
    here = from_bytes(own.vector, own.dimension)[0]
    near = {
        profile.id: float(np.max(from_bytes(b"".join(stored[profile.id]), own.dimension) @ here))
        for profile in profiles
        if stored[profile.id]
    }
    return max((profile for profile in profiles if profile.id in near), key=lambda p: near[p.id], default=None)
