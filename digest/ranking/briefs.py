"""What people say of their interests: all that the ranker has to know of a batch of them, read in one place.

A brief is a value. A preview makes one of interests that nobody has stored, and the ranker cannot tell the difference.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings.encoder import Vectors
from digest.embeddings.vectors import from_bytes
from digest.ranking.methods import STANDARD, USUAL, Method
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
Weights = dict[tuple[int, int], float]
GivenAt = dict[tuple[int, int], datetime]


@dataclass(frozen=True, slots=True)
class Brief:
    """Active profiles, subscriber by subscriber, and what belongs to them by id.

    `signs` are of examples, by profile and paper: +1 for more like it, -1 for less. `weights` say how much each counts,
    from 1 for the newest of a profile's sign down to 0; one that has none counts as 1. `texts` are the unit vectors of
    what profiles say in words, `against` of what they are against in words; those of silent profiles are not looked at.
    `seen` are the papers, by subscriber, that are not to come again. `ranker` names who answers (`registry`).
    `newcomers` are the subscribers who never had an interest.
    """

    profiles: list[Profile]
    signs: Signs = field(default_factory=dict)
    texts: dict[int, Vectors] = field(default_factory=dict)
    against: dict[int, Vectors] = field(default_factory=dict)
    seen: dict[int, set[int]] = field(default_factory=dict)
    ranker: str = STANDARD
    weights: Weights = field(default_factory=dict)
    newcomers: frozenset[int] = frozenset()


def read(
    session: Session, encoder: str, subscribers: Sequence[Subscriber], since: datetime, method: Method = USUAL
) -> Brief:
    """What is stored of `subscribers`; of what they have seen, the papers announced after `since`."""
    people = [subscriber.id for subscriber in subscribers]
    profiles = _active_profiles(session, people)
    brief = brief_on(session, encoder, profiles, _read_seen(session, people, since), method)
    silent = set(people) - {profile.subscriber_id for profile in profiles}
    return replace(brief, newcomers=_read_newcomers(session, silent))


def never_had_an_interest() -> ColumnElement[bool]:
    """Which subscribers never had one, not even one that is off, removed or deleted by now.

    They are told what trends until they say what they want. Who has switched off or removed every interest has said
    that they want nothing, and gets nothing, however long ago that was.
    """
    theirs = select(Profile.id).where(Profile.subscriber_id == Subscriber.id)
    return and_(~col(Subscriber.had_interests), ~theirs.exists())


def brief_on(
    session: Session, encoder: str, profiles: list[Profile], seen: dict[int, set[int]], method: Method = USUAL
) -> Brief:
    """What is stored of `profiles`."""
    ids = [profile.id for profile in profiles]
    signs, given_at = _read_examples(session, ids)
    weights = weigh(signs, given_at, method.half_life)
    return Brief(profiles, signs, *_read_vectors(session, encoder, ids), seen, method.ranker, weights)


def turn(brief: Brief) -> Brief:
    """The profiles that are against something, as if that were all they want."""
    signs = {key: 1 for key, sign in brief.signs.items() if sign < 0}
    speaking = {profile_id for profile_id, _ in signs} | brief.against.keys()
    profiles = [
        Profile(
            id=profile.id,
            subscriber_id=profile.subscriber_id,
            name=profile.name,
            text=profile.against,
            created_at=profile.created_at,
        )
        for profile in brief.profiles
        if profile.id in speaking or profile.against.strip()
    ]
    return Brief(profiles, signs, brief.against, ranker=brief.ranker, weights=brief.weights)


def is_newcomer(session: Session, subscriber: Subscriber) -> bool:
    return subscriber.id in _read_newcomers(session, {subscriber.id})


def _read_newcomers(session: Session, subscriber_ids: set[int]) -> frozenset[int]:
    query = select(Subscriber.id).where(never_had_an_interest())
    found = [session.exec(query.where(col(Subscriber.id).in_(some))) for some in batches(subscriber_ids, CHUNK)]
    return frozenset(who for some in found for who in some)


def _active_profiles(session: Session, subscriber_ids: list[int]) -> list[Profile]:
    found: list[Profile] = []
    for some in batches(subscriber_ids, CHUNK):
        query = select(Profile).where(col(Profile.subscriber_id).in_(some), col(Profile.active))
        query = query.where(col(Profile.removed_at).is_(None))
        found += session.exec(query.order_by(col(Profile.subscriber_id), col(Profile.id)))
    return found


def weigh(signs: Signs, given_at: GivenAt, half_life: timedelta) -> Weights:
    """2^(-age / half-life) of each example, its age counted from its profile's newest one of the same sign.

    So time alone changes nothing. A half-life of zero means that age is no matter.
    """
    if not half_life:
        return {}
    newest: dict[tuple[int, int], datetime] = {}
    for (profile_id, paper_id), moment in given_at.items():
        side = (profile_id, signs[profile_id, paper_id])
        newest[side] = max(newest.get(side, moment), moment)
    return {key: 2 ** ((moment - newest[key[0], signs[key]]) / half_life) for key, moment in given_at.items()}


def _read_examples(session: Session, profile_ids: list[int]) -> tuple[Signs, GivenAt]:
    """The signs of the profiles' examples, and when they were given.

    A duplicate counts as what it is, and what was said last counts.
    """
    signs: Signs = {}
    given_at: GivenAt = {}
    for some in batches(profile_ids, CHUNK):
        work = func.coalesce(Paper.merged_into, Paper.id)
        query = select(ProfileExample.profile_id, work, ProfileExample.sign, ProfileExample.created_at)
        query = query.join(Paper, col(Paper.id) == col(ProfileExample.paper_id))
        found = query.where(col(ProfileExample.profile_id).in_(some)).order_by(col(ProfileExample.id))
        for profile_id, paper_id, sign, moment in session.exec(found):
            signs[profile_id, paper_id], given_at[profile_id, paper_id] = sign, moment
    return signs, given_at


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
