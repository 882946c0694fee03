"""Team drafts: one edition made of two rankers' picks, so that votes tell whose are liked better.

Radlinski, Kurup and Joachims, “How does clickthrough data reflect retrieval quality?” (2008): in every round a coin
says which team picks first, then each team takes the best of its own list that is not taken yet. A paper that both like
goes to either by chance, so neither gains by it, and readers judge papers without knowing whose they are.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol, TypeVar

from digest.tables import Paper

WHOLE = 1 << 64

Coin = Callable[[int], bool]


class Pickable(Protocol):
    """A paper that a profile would take."""

    @property
    def paper(self) -> Paper: ...
    @property
    def profile_id(self) -> int | None: ...


P = TypeVar("P", bound=Pickable)


def takes_part(subscriber_id: int, challenger: str, share: float) -> bool:
    """Whether somebody is among the `share` of readers who compare; who is stays so while the share grows."""
    return bool(challenger) and _draw(f"{challenger} {subscriber_id}") < share * WHOLE


def toss(subscriber_id: int, day: date) -> Coin:
    """The coin of an edition: whether the challenger picks first in a round. A repeat falls the same way."""
    return lambda number: _draw(f"{subscriber_id} {day.isoformat()} {number}") % 2 == 1


def _draw(text: str) -> int:
    """An even draw from 0 to 2⁶⁴ - 1, the same for the same text everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def interleave(champion: Sequence[P], challenger: Sequence[P], places: int, coin: Coin) -> list[P]:
    """Up to `places` of the picks of both teams, whose lists are best first. No paper comes twice.

    No profile gets more places than the team that gives it most would give it. A team that has nothing left is passed
    over.
    """
    limits = Counter(pick.profile_id for pick in champion) | Counter(pick.profile_id for pick in challenger)
    drafted: list[P] = []
    for number in range(places):
        for team in (challenger, champion) if coin(number) else (champion, challenger):
            best = _best_left(team, drafted, limits)
            if best is not None and len(drafted) < places:
                drafted.append(best)
    return drafted


def _best_left(team: Sequence[P], drafted: Sequence[P], limits: Counter[int | None]) -> P | None:
    there = {pick.paper.id for pick in drafted}
    taken = Counter(pick.profile_id for pick in drafted)
    left = (p for p in team if p.paper.id not in there and taken[p.profile_id] < limits[p.profile_id])
    return next(left, None)
