"""Drafts: which papers an edition would hold and why, for many subscribers at once. Writes nothing."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.db import batches
from digest.embeddings.vectors import profile_text
from digest.papers import trending
from digest.ranking import candidates, reasons, reranking, scoring
from digest.ranking.candidates import Library
from digest.ranking.profiles import gather, load_examples
from digest.ranking.reasons import Reason
from digest.ranking.scoring import Floats, Queries
from digest.tables import (
    Edition,
    EditionItem,
    Feedback,
    OutboxMessage,
    OutboxState,
    Paper,
    Profile,
    SkipReason,
    Subscriber,
)

FIRST_WINDOW = timedelta(days=7)  # how far a first edition looks back
LONGEST_WINDOW = timedelta(days=14)  # and one after a long break
KEYWORD_BONUS, AUTHOR_BONUS, CATEGORY_BONUS = 2.0, 2.5, 2.0  # in deviations; an explicit wish outweighs likeness
WANTED = 4  # candidates per place in the edition
CHUNK = 1_000
NEVER_ARRIVED = [state.value for state in (OutboxState.EXPIRED, OutboxState.BOUNCED, OutboxState.SUPPRESSED)]

Mask = NDArray[np.bool_]
Work = aliased(Paper)  # what a paper that was found to be a duplicate has been merged into


@dataclass(frozen=True, slots=True)
class Pick:
    """One paper for an edition; `profile_id` is None for one from outside every profile."""

    paper: Paper
    profile_id: int | None
    score: float
    relevance: float
    reason: Reason
    highlight: str


@dataclass(slots=True)
class Draft:
    """What an edition would hold: picks in order, or a reason for there being none. `considered` papers were new."""

    picks: list[Pick] = field(default_factory=list)
    considered: int = 0
    skip_reason: SkipReason | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A paper (by its row) that a profile (by its position) would take."""

    row: int
    profile: int
    score: float
    relevance: float


def window_start(subscriber: Subscriber, now: datetime, window: timedelta) -> datetime:
    """Papers announced after this are candidates: those of the window before the last edition, and all since.

    The window reaches back before the last edition, because a paper may reach us long after it was announced.
    """
    if subscriber.last_edition_at is None:
        return now - max(window, FIRST_WINDOW)
    return max(subscriber.last_edition_at - window, now - max(window, LONGEST_WINDOW))


def draft(
    session: Session, library: Library | None, subscribers: Sequence[Subscriber], now: datetime, window: timedelta
) -> dict[int, Draft]:
    """The draft of each subscriber, by id."""
    if library is None or not library.papers or not subscribers:
        return {subscriber.id: Draft(skip_reason=SkipReason.NO_NEW_PAPERS) for subscriber in subscribers}
    desk = _Desk(session, library, subscribers, {s.id: window_start(s, now, window) for s in subscribers})
    return {subscriber.id: desk.draft(subscriber) for subscriber in subscribers}


class _Desk:
    """One batch of subscribers: everything that is read or multiplied once for all of them."""

    def __init__(
        self, session: Session, library: Library, subscribers: Sequence[Subscriber], since: dict[int, datetime]
    ) -> None:
        self.library = library
        self.profiles = _active_profiles(session, [subscriber.id for subscriber in subscribers])
        self.examples = load_examples(session, library, self.profiles)
        self.seen = _seen(session, list(since), min(since.values()))
        self.fresh = {moment: library.announced_after(moment) for moment in set(since.values())}
        self.since = since
        self.queries, self.crowd = self._ask(session)
        self.balance = np.array([profile.balance for profile in self.profiles], np.float32)
        wanted = WANTED * max((subscriber.papers_per_edition for subscriber in subscribers), default=0)
        self.wishes = [self._wishes(profile) for profile in self.profiles]
        self.allowed = [self._allowed(profile) for profile in self.profiles]
        self.found = candidates.nearest(library, self.queries, self.balance, self.allowed, wanted)
        self.likeness = self._likeness()
        self.relevance = self.likeness + np.array(self.wishes).reshape(self.likeness.shape)

    @cached_property
    def positions(self) -> dict[int, list[int]]:
        """The positions of each subscriber's profiles."""
        positions: dict[int, list[int]] = defaultdict(list)
        for position, profile in enumerate(self.profiles):
            positions[profile.subscriber_id].append(position)
        return positions

    def _ask(self, session: Session) -> tuple[Queries, Floats]:
        library = self.library
        evidence = gather(session, library, self.profiles, self.examples)
        crowd = library.crowd
        contrast = scoring.contrast_direction(evidence.vectors, crowd.mean, crowd.covariance, crowd.size)
        own = np.array([np.isin(library.sample_ids, self._own(profile)) for profile in self.profiles], dtype=bool)
        own = own.reshape(len(self.profiles), len(library.sample_ids))
        return scoring.fold(evidence, contrast, library.sample, own)

    def _likeness(self) -> Floats:
        """Relevance of the union of all candidates, without wishes; -inf where a paper was never a candidate."""
        relevance = np.full((len(self.profiles), len(self.library.papers)), -np.inf, np.float32)
        found = [
            np.union1d(rows, np.flatnonzero(wish * allowed))
            for rows, wish, allowed in zip(self.found, self.wishes, self.allowed, strict=True)
        ]
        union = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
        scores = self.queries.relevance(self.library.view.rows(union))
        for position, rows in enumerate(found):
            relevance[position, rows] = scores[position, np.isin(union, rows)]
        return relevance

    def _wishes(self, profile: Profile) -> Floats:
        """What a profile asks for by name, in deviations."""
        bonus = np.zeros(len(self.library.papers), np.float32)
        for phrase in profile.keywords:
            bonus[self.library.mentions(phrase)] += KEYWORD_BONUS
        if profile.authors:
            by = [any(reasons.is_followed(a, profile.authors) for a in paper.authors) for paper in self.library.papers]
            bonus[np.array(by)] += AUTHOR_BONUS
        if profile.categories and not (profile_text(profile) or self.examples.liked[profile.id] or profile.authors):
            bonus += CATEGORY_BONUS
        return bonus

    def _allowed(self, profile: Profile) -> Mask:
        """Which papers a profile may get: new, not seen, not muted, no example of its own, in its categories."""
        mask = self._new(profile.subscriber_id) & ~self._muted(profile) & ~self._is_own(profile)
        if profile.categories:
            mask &= np.array([_is_in(paper.categories, profile.categories) for paper in self.library.papers])
        return mask

    def _is_own(self, profile: Profile) -> Mask:
        """Which papers are the profile's own examples."""
        return np.isin([paper.id for paper in self.library.papers], self._own(profile))

    def _own(self, profile: Profile) -> list[int]:
        """The ids of the profile's own examples."""
        rows = [*self.examples.liked[profile.id], *self.examples.disliked[profile.id]]
        return [self.examples.papers[row].id for row in rows]

    def _new(self, subscriber_id: int) -> Mask:
        mask = self.fresh[self.since[subscriber_id]].copy()
        mask[[self.library.rows[i] for i in self.seen[subscriber_id] if i in self.library.rows]] = False
        return mask

    def _muted(self, profile: Profile) -> Mask:
        mask = np.zeros(len(self.library.papers), dtype=bool)
        for phrase in profile.muted:
            mask |= self.library.mentions(phrase)
        return mask

    def draft(self, subscriber: Subscriber) -> Draft:
        considered = int(self._new(subscriber.id).sum())
        positions = self.positions[subscriber.id]
        matches = self._matches(positions)
        if not considered or not matches:
            return Draft(considered=considered, skip_reason=_why_not(considered))
        slots = self._trending_outside(subscriber, positions)
        picked = self._choose(matches, subscriber.papers_per_edition - len(slots))
        return Draft([*map(self._pick, picked), *map(self._outside_pick, slots)], considered)

    def _matches(self, positions: list[int]) -> list[Match]:
        """Every paper that reaches the floor in one of the profiles, once, for the profile where it scores best."""
        best: dict[int, Match] = {}
        for position in positions:
            relevance = self.relevance[position]
            rows = np.flatnonzero(relevance >= scoring.FLOOR)
            scores = scoring.blend(relevance[rows], self.library.trend[rows], self.balance[position])
            for row, score in zip(rows, scores, strict=True):
                known = best.get(int(row))
                if known is None or score > known.score:
                    best[int(row)] = Match(int(row), position, float(score), float(relevance[row]))
        # Rounded, because the last digits of a product depend on who else is in the batch.
        return sorted(best.values(), key=lambda match: (-round(match.score, 5), self.library.papers[match.row].id))

    def _choose(self, matches: list[Match], count: int) -> list[Match]:
        """Variety and fair shares over the matches, which come best first."""
        owners = [match.profile for match in matches]
        weights = {position: self.profiles[position].weight for position in set(owners)}
        caps = reranking.fair_caps(weights, Counter(owners), count)
        vectors = self.library.view.vectors[[match.row for match in matches]]
        scores = np.array([match.score for match in matches], np.float32)
        picked = reranking.select(scores, vectors, np.array(owners, np.int64), caps, count)
        return [matches[place] for place in picked]

    def _trending_outside(self, subscriber: Subscriber, positions: list[int]) -> list[int]:
        """Rows of papers that no profile matches and nobody muted, but that trend."""
        slots = reranking.trend_slots(float(self.balance[positions].max()), subscriber.papers_per_edition)
        mask = self._new(subscriber.id) & (self.relevance[positions].max(axis=0) < scoring.FLOOR)
        for position in positions:
            mask &= ~self._muted(self.profiles[position]) & ~self._is_own(self.profiles[position])
        papers = self.library.papers
        rows = [int(row) for row in np.flatnonzero(mask) if trending.deserves_badge(papers[row].trend_facts)]
        return sorted(rows, key=lambda row: (-(papers[row].trend or 0), papers[row].id))[:slots]

    def _pick(self, match: Match) -> Pick:
        profile, paper = self.profiles[match.profile], self.library.papers[match.row]
        likeness, crowd = float(self.likeness[match.profile, match.row]), self.crowd[match.profile]
        return Pick(
            paper=paper,
            profile_id=profile.id,
            score=match.score,
            relevance=match.relevance,
            reason=reasons.give_reason(self.library, match.row, profile, self.examples, scoring.stand(likeness, crowd)),
            highlight=reasons.choose_highlight(self.library, match.row, self.queries, match.profile),
        )

    def _outside_pick(self, row: int) -> Pick:
        paper = self.library.papers[row]
        return Pick(paper, None, float(paper.trend or 0), 0.0, reasons.outside_reason(paper), "")


def _why_not(considered: int) -> SkipReason:
    return SkipReason.NO_MATCH if considered else SkipReason.NO_NEW_PAPERS


def _is_in(categories: list[str], wanted: list[str]) -> bool:
    """A paper whose source names no category is not ruled out; `cs` stands for every `cs.*`."""
    return not categories or any(have == want or have.startswith(f"{want}.") for have in categories for want in wanted)


def _active_profiles(session: Session, subscriber_ids: list[int]) -> list[Profile]:
    found: list[Profile] = []
    for some in batches(subscriber_ids, CHUNK):
        query = select(Profile).where(col(Profile.subscriber_id).in_(some), col(Profile.active))
        found += session.exec(query.order_by(col(Profile.subscriber_id), col(Profile.id)))
    return found


def _seen(session: Session, subscriber_ids: list[int], since: datetime) -> dict[int, set[int]]:
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
