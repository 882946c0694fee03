"""What people say of their interests: all that the ranker has to know of a batch of them, read in one place.

A brief is a value. A preview makes one of interests that nobody has stored, and the ranker cannot tell the difference.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes
from digest.tables import (
    Edition,
    EditionItem,
    Feedback,
    OutboxMessage,
    OutboxState,
    Paper,
    Profile,
    ProfileExample,
    ProfileVector,
    Subscriber,
)

CHUNK = 1_000
NEVER_ARRIVED = [state.value for state in (OutboxState.EXPIRED, OutboxState.BOUNCED, OutboxState.SUPPRESSED)]

Work = aliased(Paper)  # what a paper that was found to be a duplicate has been merged into
Signs = dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Brief:
    """Active profiles, subscriber by subscriber, and what belongs to them by id.

    `signs` are of examples, by profile and paper: +1 for more like it, -1 for less. `texts` are the unit vectors of
    what profiles say in words, `against` of what they are against in words; those of silent profiles are not looked at.
    `seen` are the papers, by subscriber, that are not to come again.
    """

    profiles: list[Profile]
    signs: Signs = field(default_factory=dict)
    texts: dict[int, Vectors] = field(default_factory=dict)
    against: dict[int, Vectors] = field(default_factory=dict)
    seen: dict[int, set[int]] = field(default_factory=dict)


def read(session: Session, encoder: str, subscribers: Sequence[Subscriber], since: datetime) -> Brief:
    """What is stored of `subscribers`; of what they have seen, the papers announced after `since`."""
    people = [subscriber.id for subscriber in subscribers]
    return brief_on(session, encoder, _active_profiles(session, people), _read_seen(session, people, since))


def brief_on(session: Session, encoder: str, profiles: list[Profile], seen: dict[int, set[int]]) -> Brief:
    """What is stored of `profiles`."""
    ids = [profile.id for profile in profiles]
    return Brief(profiles, _read_signs(session, ids), *_read_vectors(session, encoder, ids), seen)


def _active_profiles(session: Session, subscriber_ids: list[int]) -> list[Profile]:
    found: list[Profile] = []
    for some in batches(subscriber_ids, CHUNK):
        query = select(Profile).where(col(Profile.subscriber_id).in_(some), col(Profile.active))
        query = query.where(col(Profile.removed_at).is_(None))
        found += session.exec(query.order_by(col(Profile.subscriber_id), col(Profile.id)))
    return found


def _read_signs(session: Session, profile_ids: list[int]) -> Signs:
    """The signs of the profiles' examples; a duplicate counts as what it is, and what was said last counts."""
    signs: Signs = {}
    for some in batches(profile_ids, CHUNK):
        work = func.coalesce(Paper.merged_into, Paper.id)
        query = select(ProfileExample.profile_id, work, ProfileExample.sign)
        query = query.join(Paper, col(Paper.id) == col(ProfileExample.paper_id))
        rows = session.exec(query.where(col(ProfileExample.profile_id).in_(some)).order_by(col(ProfileExample.id)))
        signs |= {(profile_id, paper_id): sign for profile_id, paper_id, sign in rows}
    return signs


def _read_vectors(
    session: Session, encoder: str, profile_ids: list[int]
) -> tuple[dict[int, Vectors], dict[int, Vectors]]:
    """The vectors of the profiles' words, for and against; of one that has none of a kind, nothing."""
    texts: dict[int, Vectors] = {}
    against: dict[int, Vectors] = {}
    for some in batches(profile_ids, CHUNK) if encoder else ():
        query = select(ProfileVector).where(col(ProfileVector.profile_id).in_(some), ProfileVector.encoder == encoder)
        rows = session.exec(query).all()
        texts |= {row.profile_id: vector for row in rows if (vector := _unpack(row.vector, row.dimension)).any()}
        against |= {row.profile_id: _unpack(row.against, row.dimension) for row in rows if row.against}
    return texts, against


def _unpack(content: bytes, dimension: int) -> Vectors:
    return np.asarray(from_bytes(content, dimension)[0], np.float32)


def _read_seen(session: Session, subscriber_ids: list[int], since: datetime) -> dict[int, set[int]]:
    """Papers that each subscriber was sent, is about to be sent, or judged, duplicates resolved.

    The papers of an edition whose mail never arrived come back.
    """
    work = func.coalesce(Paper.merged_into, Paper.id)
    seen: dict[int, set[int]] = defaultdict(set)
    for some in batches(subscriber_ids, CHUNK):
        sent = (
            select(Edition.subscriber_id, work)
            .join(EditionItem, col(EditionItem.edition_id) == col(Edition.id))
            .join(Paper, col(Paper.id) == col(EditionItem.paper_id))
            .join(Work, col(Work.id) == work)
            .outerjoin(OutboxMessage, col(OutboxMessage.edition_id) == col(Edition.id))
            .where(col(Edition.subscriber_id).in_(some), Work.announced_at > since)
            .where(func.coalesce(OutboxMessage.state, "").not_in(NEVER_ARRIVED))
        )
        judged = (
            select(Feedback.subscriber_id, work)
            .join(Paper, col(Paper.id) == col(Feedback.paper_id))
            .join(Work, col(Work.id) == work)
            .where(col(Feedback.subscriber_id).in_(some), Work.announced_at > since)
        )
        for subscriber_id, paper in [*session.exec(sent), *session.exec(judged)]:
            seen[subscriber_id].add(paper)
    return seen
