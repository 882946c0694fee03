"""Drafts: which papers an edition would hold and why, for many subscribers at once. Writes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session

from digest.papers import trending
from digest.ranking import briefs, reasons, reranking, scoring, wishes
from digest.ranking.candidates import Library
from digest.ranking.desks import Desk, Match, Reader
from digest.ranking.reasons import Reason
from digest.tables import Paper, SkipReason, Subscriber

FIRST_WINDOW = timedelta(days=7)  # how far a first edition looks back
LONGEST_WINDOW = timedelta(days=14)  # and one after a long break
BEST = 20  # what a muted word hid is told of while it would have stood among as many


@dataclass(frozen=True, slots=True)
class Pick:
    """One paper for an edition; `profile_id` is None for one from outside every profile."""

    paper: Paper
    profile_id: int | None
    score: float
    relevance: float
    reason: Reason
    highlight: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A paper that would have matched a profile but for its muted `phrase`."""

    paper: Paper
    profile_id: int
    phrase: str


@dataclass(slots=True)
class Draft:
    """What an edition would hold: picks in order, or a reason for there being none. `considered` papers were new.

    `hidden` are the papers that muted words kept out, best first.
    """

    picks: list[Pick] = field(default_factory=list)
    considered: int = 0
    skip_reason: SkipReason | None = None
    hidden: list[Hidden] = field(default_factory=list)


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
    readers = [Reader(subscriber, window_start(subscriber, now, window)) for subscriber in subscribers]
    brief = briefs.read(session, library.encoder, subscribers, min(reader.since for reader in readers))
    desk = Desk(session, library, brief, readers, now)
    return {subscriber.id: make_draft(desk, subscriber) for subscriber in subscribers}


def make_draft(desk: Desk, subscriber: Subscriber) -> Draft:
    """The draft of one of the desk's readers."""
    considered = int(desk.new(subscriber.id).sum())
    matches = desk.matches(subscriber.id)
    hidden = _hidden(desk, subscriber, matches)
    if not considered or not matches:
        return Draft(considered=considered, skip_reason=_why_not(considered), hidden=hidden)
    outside = _trending_outside(desk, subscriber)
    picked = _choose(desk, matches, subscriber.papers_per_edition - len(outside))
    picks = [*(make_pick(desk, match) for match in picked), *(_outside_pick(desk, row) for row in outside)]
    return Draft(picks, considered, hidden=hidden)


def make_pick(desk: Desk, match: Match) -> Pick:
    """A match with its reason and its highlight."""
    library, profile = desk.library, desk.profiles[match.profile]
    likeness, crowd = float(desk.likeness[match.profile, match.row]), desk.crowd[match.profile]
    return Pick(
        paper=library.papers[match.row],
        profile_id=profile.id,
        score=match.score,
        relevance=match.relevance,
        reason=reasons.give_reason(library, match.row, profile, desk.examples, scoring.stand(likeness, crowd)),
        highlight=reasons.choose_highlight(library, match.row, desk.queries, match.profile),
    )


def _hidden(desk: Desk, subscriber: Subscriber, matches: list[Match]) -> list[Hidden]:
    """What muted words kept out of the best; a paper that another profile takes is not hidden."""
    there = {match.row for match in matches}
    withheld = {match.row: match for match in desk.withheld(subscriber.id) if match.row not in there}
    if not withheld:
        return []
    best = desk.rank([*matches, *withheld.values()])[: max(BEST, subscriber.papers_per_edition)]
    return [_name_phrase(desk, match) for match in best if match.row in withheld]


def _name_phrase(desk: Desk, match: Match) -> Hidden:
    profile = desk.profiles[match.profile]
    muted = wishes.muted_at(profile, desk.now)
    phrase = next(phrase for phrase in muted if desk.library.mentions(phrase)[match.row])
    return Hidden(desk.library.papers[match.row], profile.id, phrase)


def _choose(desk: Desk, matches: list[Match], count: int) -> list[Match]:
    """Variety and fair shares over the matches, which come best first."""
    owners = [match.profile for match in matches]
    weights = {position: desk.profiles[position].weight for position in set(owners)}
    caps = reranking.fair_caps(weights, Counter(owners), count)
    vectors = desk.library.view.vectors[[match.row for match in matches]]
    scores = np.array([match.score for match in matches], np.float32)
    picked = reranking.select(scores, vectors, np.array(owners, np.int64), caps, count)
    return [matches[place] for place in picked]


def _trending_outside(desk: Desk, subscriber: Subscriber) -> list[int]:
    """Rows of papers that no profile matches and nobody muted, but that trend."""
    positions = desk.positions[subscriber.id]
    slots = reranking.trend_slots(float(desk.balance[positions].max()), subscriber.papers_per_edition)
    mask = desk.new(subscriber.id) & (desk.relevance[positions].max(axis=0) < scoring.FLOOR)
    for position in positions:
        mask &= ~desk.muted[position] & ~desk.is_own(desk.profiles[position])
    papers = desk.library.papers
    rows = [int(row) for row in np.flatnonzero(mask) if trending.deserves_badge(papers[row].trend_facts)]
    return sorted(rows, key=lambda row: (-(papers[row].trend or 0), papers[row].id))[:slots]


def _outside_pick(desk: Desk, row: int) -> Pick:
    paper = desk.library.papers[row]
    return Pick(paper, None, float(paper.trend or 0), 0.0, reasons.outside_reason(paper), "")


def _why_not(considered: int) -> SkipReason:
    return SkipReason.NO_MATCH if considered else SkipReason.NO_NEW_PAPERS
