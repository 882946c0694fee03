"""A desk ranks for a batch of people: all that is multiplied is multiplied once for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from sqlmodel import Session

from digest.ranking import candidates, scoring, wishes
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Ints, Library, Mask
from digest.ranking.profiles import gather, load_examples
from digest.ranking.scoring import Floats, Queries
from digest.tables import Profile, Subscriber

WANTED = 4  # candidates per place in the edition


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
        self.examples = load_examples(session, library, brief.signs)
        self._since = {reader.subscriber.id: reader.since for reader in readers}
        self.queries, self.crowd = self._ask()
        self.balance = np.array([profile.balance for profile in self.profiles], np.float32)
        self.muted = [library.mention_any(wishes.muted_at(profile, now)) for profile in self.profiles]
        self._bonus = [self._bonus_of(profile) for profile in self.profiles]
        self._open = [self._within(profile) & self.new(profile.subscriber_id) for profile in self.profiles]
        most = max((reader.subscriber.papers_per_edition for reader in readers), default=0)
        allowed = [open_ & ~muted for open_, muted in zip(self._open, self.muted, strict=True)]
        found = candidates.nearest(library, self.queries, self.balance, allowed, WANTED * most)
        everybody = list(range(len(self.profiles)))
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
        return np.isin(self.library.ids, self._own(profile))

    def matches(self, subscriber_id: int, floor: float = scoring.FLOOR) -> list[Match]:
        """The candidates that reach the floor in one of the subscriber's profiles, best first."""
        return self._best({position: self.relevance[position] for position in self.positions[subscriber_id]}, floor)

    def withheld(self, subscriber_id: int) -> list[Match]:
        """The papers that would match but for a muted word, best first."""
        positions = self.positions[subscriber_id]
        return self._best({place: self._withheld[place] for place in positions if place in self._withheld})

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
        """Best first. Scores are rounded, because the last digits of a product depend on who else is in the batch."""
        return sorted(matches, key=lambda match: (-round(match.score, 5), self.library.papers[match.row].id))

    def _ask(self) -> tuple[Queries, Floats]:
        library, crowd = self.library, self.library.crowd
        evidence = gather(library, self.brief, self.examples)
        contrast = scoring.contrast_direction(evidence.vectors, crowd.mean, crowd.covariance, crowd.size)
        own = np.array([np.isin(library.sample_ids, self._own(profile)) for profile in self.profiles], dtype=bool)
        own = own.reshape(len(self.profiles), len(library.sample_ids))
        return scoring.fold(evidence, contrast, library.sample, own)

    def _own(self, profile: Profile) -> list[int]:
        """The ids of the profile's own examples."""
        rows = [*self.examples.liked[profile.id], *self.examples.disliked[profile.id]]
        return [self.examples.papers[row].id for row in rows]

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
        found = candidates.nearest(self.library, self.queries.rows(positions), self.balance[positions], masks, 0)
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
        for position, relevance in relevances.items():
            rows = np.flatnonzero(relevance >= floor)
            scores = scoring.blend(relevance[rows], self.library.trend[rows], self.balance[position])
            for row, score in zip(rows, scores, strict=True):
                known = best.get(int(row))
                if known is None or score > known.score:
                    best[int(row)] = Match(int(row), position, float(score), float(relevance[row]))
        return self.rank(list(best.values()))
