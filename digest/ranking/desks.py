"""A desk ranks for a batch of people: all that is multiplied is multiplied once for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from sqlmodel import Session

from digest.papers import trending
from digest.ranking import candidates, registry, scoring, wishes
from digest.ranking.briefs import Brief, turn
from digest.ranking.candidates import Ints, Library, Mask
from digest.ranking.profiles import load_examples
from digest.ranking.scoring import Floats
from digest.tables import Profile, Subscriber

WANTED = 4  # candidates per place in the edition
EXACT = 4  # digits of a relevance; the last ones of a product depend on who else is in the batch


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a desk ranks: the papers announced after `since` are candidates."""

    subscriber: Subscriber
    since: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """A paper (by its row) that a profile (by its position) would take."""

    row: int
    profile: int
    score: float
    relevance: float


class Desk:
    """The relevance of papers to each profile of a brief, at `now`.

    Matrices have a row per profile and a column per paper of the library: `likeness` without what is asked for by name
    and `relevance` with it, both -inf where a paper was never a candidate. `crowd` is what likenesses stand in.
    """

    def __init__(
        self, session: Session, library: Library, brief: Brief, readers: Sequence[Reader], now: datetime
    ) -> None:
        self.library, self.brief, self.profiles, self.now = library, brief, brief.profiles, now
        self.examples = load_examples(session, library, brief.signs, brief.weights)
        self._since = {reader.subscriber.id: reader.since for reader in readers}
        self.queries, self.crowd = registry.find(brief.ranker)(library, brief, self.examples)
        everybody = list(range(len(self.profiles)))
        self.pull = candidates.pull_of(library, self.profiles)
        self.muted = [library.mention_any(wishes.muted_at(profile, now)) for profile in self.profiles]
        self._bonus = [self._bonus_of(profile) for profile in self.profiles]
        self._open = [self._within(profile) & self.new(profile.subscriber_id) for profile in self.profiles]
        most = max((reader.subscriber.papers_per_edition for reader in readers), default=0)
        allowed = [open_ & ~muted for open_, muted in zip(self._open, self.muted, strict=True)]
        found = candidates.nearest(library, self.queries, self.pull, allowed, WANTED * most)
        self.likeness = self._look_at(everybody, self._with_wished(everybody, found, allowed))
        self.relevance = self.likeness + np.array(self._bonus).reshape(self.likeness.shape)

    @cached_property
    def positions(self) -> dict[int, list[int]]:
        """The positions of each subscriber's profiles."""
        positions: dict[int, list[int]] = defaultdict(list)
        for position, profile in enumerate(self.profiles):
            positions[profile.subscriber_id].append(position)
        return positions

    def new(self, subscriber_id: int) -> Mask:
        """The papers of the subscriber's window that they have not seen."""
        return self._fresh[self._since[subscriber_id]] & ~self._seen(subscriber_id)

    def is_own(self, profile: Profile) -> Mask:
        """Which papers are the profile's own examples."""
        return np.isin(self.library.ids, self.examples.ids(profile.id))

    def matches(self, subscriber_id: int, floor: float = scoring.FLOOR) -> list[Match]:
        """The candidates that reach the floor in one of the subscriber's profiles, best first."""
        return self._best({position: self.relevance[position] for position in self.positions[subscriber_id]}, floor)

    def withheld(self, subscriber_id: int) -> list[Match]:
        """The papers that would match but for a muted word, best first."""
        positions = self.positions[subscriber_id]
        return self._best({place: self._withheld[place] for place in positions if place in self._withheld})

    def trending(self, subscriber_id: int) -> list[int]:
        """Rows of the subscriber's new papers, those with the most attention for their age first."""
        new = self.new(subscriber_id)
        return [int(row) for row in np.argsort(self.library.precedence) if new[row]]

    def repeated(self, subscriber_id: int) -> list[Match]:
        """The papers that would match if the subscriber had not seen them, best first."""
        positions = self.positions[subscriber_id]
        before = self._fresh[self._since[subscriber_id]] & self._seen(subscriber_id)
        found = [
            np.flatnonzero(before & self._within(self.profiles[place]) & ~self.muted[place]) for place in positions
        ]
        likeness = self._look_at(positions, found)
        return self._best({place: row + self._bonus[place] for place, row in zip(positions, likeness, strict=True)})

    def rank(self, matches: Sequence[Match]) -> list[Match]:
        """Best first."""
        precedence = self.library.precedence
        return sorted(matches, key=lambda match: (-match.score, precedence[match.row]))

    def outside(self, subscriber_id: int) -> list[int]:
        """Rows of new papers that trend and are of no interest to any of the subscriber's profiles, hottest first.

        What a profile would match but for its limits is not among them, nor what one of them mutes, is against or has
        as an example, nor what is in nobody's categories.
        """
        positions = self.positions[subscriber_id]
        papers = [self.library.papers[row] for row in self._hot]
        within = [wishes.in_categories(papers, self.profiles[place]) for place in positions]
        fits = self.new(subscriber_id)[self._hot] & self._strange[positions].all(axis=0) & np.any(within, axis=0)
        return [int(row) for row in self._hot[fits]]

    @cached_property
    def _hot(self) -> Ints:
        """The rows of the papers that may be called trending, hottest first."""
        order = np.argsort(self.library.precedence)
        papers = self.library.papers
        return np.array([row for row in order if trending.deserves_badge(papers[row].trend_facts)], np.int64)

    @cached_property
    def _strange(self) -> Mask:
        """Which of the hot papers each profile neither matches nor mutes, has as an example or is against."""
        hot, shape = self._hot, self.likeness.shape
        bonus = np.array(self._bonus, np.float32).reshape(shape)[:, hot]
        shut = [
            muted[hot] | self.is_own(profile)[hot] for profile, muted in zip(self.profiles, self.muted, strict=True)
        ]
        matched = _reaches(self.queries.relevance(self.library.view.rows(hot)) + bonus)
        return np.asarray(~(matched | np.array(shut, dtype=bool).reshape(matched.shape) | self._unwanted))

    @cached_property
    def _unwanted(self) -> Mask:
        """Which of the hot papers each profile would match if what it is against were what it wants."""
        unwanted = np.zeros((len(self.profiles), len(self._hot)), dtype=bool)
        against = turn(self.brief)
        if against.profiles and len(self._hot):
            queries, _ = registry.find(against.ranker)(self.library, against, self.examples.turned())
            place = {profile.id: place for place, profile in enumerate(self.profiles)}
            positions = [place[profile.id] for profile in against.profiles]
            unwanted[positions] = _reaches(queries.relevance(self.library.view.rows(self._hot)))
        return unwanted

    def _bonus_of(self, profile: Profile) -> Floats:
        return wishes.bonuses(self.library, profile, has_likes=bool(self.examples.liked[profile.id]))

    def _within(self, profile: Profile) -> Mask:
        """Which papers a profile may get by its own limits: no example of its own, in its categories, and so on."""
        return wishes.eligible(self.library, profile) & ~self.is_own(profile)

    @cached_property
    def _fresh(self) -> dict[datetime, Mask]:
        """The papers of each window; a library that is kept for a while may hold some that come after `now`."""
        announced = ~self.library.announced_after(self.now)
        return {since: announced & self.library.announced_after(since) for since in set(self._since.values())}

    def _seen(self, subscriber_id: int) -> Mask:
        mask, rows = np.zeros(len(self.library.papers), dtype=bool), self.library.rows
        mask[[rows[paper] for paper in self.brief.seen.get(subscriber_id, ()) if paper in rows]] = True
        return mask

    @cached_property
    def _withheld(self) -> dict[int, Floats]:
        """By the positions of profiles that mute something, the relevance of what that keeps out."""
        shut = [open_ & muted for open_, muted in zip(self._open, self.muted, strict=True)]
        positions = [position for position, mask in enumerate(shut) if mask.any()]
        if not positions:
            return {}
        masks = [shut[position] for position in positions]
        found = candidates.nearest(self.library, self.queries.rows(positions), self.pull.of(positions), masks, 0)
        likeness = self._look_at(positions, self._with_wished(positions, found, masks))
        return {place: row + self._bonus[place] for place, row in zip(positions, likeness, strict=True)}

    def _with_wished(self, positions: list[int], found: list[Ints], allowed: list[Mask]) -> list[Ints]:
        """Candidates and, whatever they are like, the allowed papers that are asked for by name."""
        wished = [np.flatnonzero(self._bonus[place] * mask) for place, mask in zip(positions, allowed, strict=True)]
        return [np.union1d(rows, more) for rows, more in zip(found, wished, strict=True)]

    def _look_at(self, positions: list[int], found: list[Ints]) -> Floats:
        """Likeness to the profiles at `positions` of the rows found for each, -inf elsewhere; one product for all."""
        likeness = np.full((len(positions), len(self.library.papers)), -np.inf, np.float32)
        union = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
        scores = self.queries.rows(positions).relevance(self.library.view.rows(union))
        for place, rows in enumerate(found):
            likeness[place, rows] = scores[place, np.isin(union, rows)]
        return likeness

    def _best(self, relevances: Mapping[int, Floats], floor: float = scoring.FLOOR) -> list[Match]:
        """Every paper that reaches the floor, once, for the profile where it scores best."""
        best: dict[int, Match] = {}
        for position, exact in relevances.items():
            rows = np.flatnonzero(_reaches(exact, floor))
            relevance = np.round(exact, EXACT)
            trend = self.pull.trend(position, rows)
            scores = scoring.blend(relevance[rows], trend, self.pull.balance[position])
            for row, score in zip(rows, scores, strict=True):
                known = best.get(int(row))
                if known is None or score > known.score:
                    best[int(row)] = Match(int(row), position, float(score), float(relevance[row]))
        return self.rank(list(best.values()))


def _reaches(relevance: Floats, floor: float = scoring.FLOOR) -> Mask:
    return np.asarray(np.round(relevance, EXACT) >= floor, dtype=bool)
