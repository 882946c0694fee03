"""What a profile asks for by name, as masks and bonuses over the papers of a library."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from digest.embeddings.vectors import profile_text
from digest.ranking.candidates import Library, Mask
from digest.ranking.scoring import Floats
from digest.tables import Paper, Profile

KEYWORD_BONUS, AUTHOR_BONUS, CATEGORY_BONUS = 2.0, 2.5, 2.0  # in deviations; an explicit wish outweighs likeness


@dataclass(frozen=True, slots=True)
class Wish:
    """What a profile asks for by `name` (kind: keyword, author, category), and which papers gain the bonus for it."""

    kind: str
    name: str
    bonus: float
    papers: Mask


def bonuses(library: Library, profile: Profile, *, has_likes: bool) -> Floats:
    """What each paper gains by what the profile asks for by name, in deviations.

    Categories and phrases that a paper must have are limits; of a profile that says nothing else they are its wish.
    """
    bonus = np.zeros(len(library.papers), np.float32)
    for wish in wishes_of(library, profile, has_likes=has_likes):
        bonus[wish.papers] += wish.bonus
    return bonus


def wishes_of(library: Library, profile: Profile, *, has_likes: bool) -> list[Wish]:
    """What the profile asks for by name, and which papers fulfil it."""
    only_limits = not (profile_text(profile) or has_likes or profile.authors)
    phrases = [*profile.keywords, *(profile.required if only_limits else [])]
    found = [Wish("keyword", phrase, KEYWORD_BONUS, library.mentions(phrase)) for phrase in phrases]
    if profile.authors:
        found.append(Wish("author", ", ".join(profile.authors), AUTHOR_BONUS, library.written_by(profile.authors)))
    if profile.categories and only_limits:
        everything = np.ones(len(library.papers), dtype=bool)
        found.append(Wish("category", ", ".join(profile.categories), CATEGORY_BONUS, everything))
    return found


def eligible(library: Library, profile: Profile) -> Mask:
    """Which papers are in the profile's categories and have one of its required phrases, where it names any."""
    mask = in_categories(library.papers, profile)
    return mask & library.mention_any(profile.required) if profile.required else mask


def in_categories(papers: Sequence[Paper], profile: Profile) -> Mask:
    """Which of `papers` are in the profile's categories, where it names any."""
    if not profile.categories:
        return np.ones(len(papers), dtype=bool)
    return np.array([_is_in(paper.categories, profile.categories) for paper in papers], dtype=bool)


def _is_in(categories: list[str], wanted: list[str]) -> bool:
    """A paper whose source names no category is not ruled out; `cs` stands for every `cs.*`."""
    return not categories or any(have == want or have.startswith(f"{want}.") for have in categories for want in wanted)


def muted_at(profile: Profile, now: datetime) -> list[str]:
    """The phrases that the profile mutes at `now`; the last day of one that is muted for a time is a day in UTC."""
    today, until = now.astimezone(UTC).date(), profile.muted_until
    return [phrase for phrase in profile.muted if phrase not in until or today <= date.fromisoformat(until[phrase])]
