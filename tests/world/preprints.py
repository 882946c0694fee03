"""arXiv's part of a world: what is announced, cross-listed, replaced, withdrawn and touched up, on which days."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random

from world import words
from world.moments import DAY, NEW_YORK, cutoff, harvestable_at, mailed_at
from world.works import Event, Preprint, Work

CATEGORIES = ("cs.CL", "cs.LG", "cs.AI", "cs.CV", "stat.ML", "math.CO", "hep-th", "astro-ph.GA", "q-bio.NC")
_SHARES = (24, 22, 14, 14, 8, 6, 5, 4, 3)
MOST_VERSIONS = 7


@dataclass
class Years:
    """The days on which arXiv announces: those `inside` the world, and where old papers come from."""

    inside: Sequence[date]
    chance: Random

    def after(self, day: date) -> Sequence[date]:
        """The days inside the world that are later than `day`."""
        return self.inside[bisect_left(self.inside, day + DAY) :]

    def submitted(self, day: date, latest: date | None = None) -> datetime:
        """When something announced on `day` was submitted: between the cut-offs, or held back by moderators.

        `latest` is the day of the paper's announcement before: nothing was submitted before that one's cut-off.
        """
        before = day - DAY
        while before.weekday() > 4 or (self.inside[0] <= before <= self.inside[-1] and before not in self.inside):
            before -= DAY
        begin, end = cutoff(before), cutoff(day)
        if latest is not None:
            begin = max(begin, cutoff(latest))
        moment = begin + (end - begin) * self.chance.random()
        if latest is None and self.chance.random() < 0.15:
            moment -= timedelta(hours=self.chance.choice((3, 20, 50, 120, 300, 504)) * self.chance.random())
        return moment.replace(microsecond=0)


def make_preprints(works: Sequence[Work], years: Years, old: int) -> list[Preprint]:
    """A preprint for each of `works`, numbered in the order of their announcement; the first `old` are of long ago."""
    chance = years.chance
    days = sorted(_long_ago(years.inside[0], chance) for _ in range(old))
    days += sorted(chance.choice(years.inside) for _ in range(len(works) - old))
    counts: dict[str, int] = {}
    made = []
    for number, (work, day) in enumerate(zip(works, days, strict=True)):
        month = mailed_at(day).astimezone(NEW_YORK).strftime("%y%m")
        counts[month] = counts.get(month, 0 if number >= old else 7000) + 1
        work.arxiv = Preprint(f"{month}.{counts[month]:05}", work, [_announce(work, day, years)], old=number < old)
        made.append(work.arxiv)
    bulk = chance.sample(list(years.inside), 2)
    for paper in made:
        _go_on(paper, years, bulk)
    return made


def _long_ago(start: date, chance: Random) -> date:
    day = start - timedelta(days=chance.randint(60, 900))
    return day - timedelta(days=max(0, day.weekday() - 4))


def _announce(work: Work, day: date, years: Years) -> Event:
    chance = years.chance
    first = chance.choices(CATEGORIES, _SHARES)[0]
    others = [c for c in chance.sample(CATEGORIES, chance.choice((0, 0, 1, 1, 2))) if c != first]
    return Event("new", day, harvestable_at(day), work.title, (first, *others), (years.submitted(day),))


def _go_on(paper: Preprint, years: Years, bulk: Sequence[date]) -> None:
    """What happens to a paper after its announcement, a day each."""
    chance = years.chance
    later = years.after(paper.events[0].day)
    if not later:
        return
    planned: dict[date, str] = {}
    if not paper.old and chance.random() < 0.08:
        planned[chance.choice(later[:3])] = "cross"
    if chance.random() < (0.4 if paper.old else 0.22):
        for _ in range(chance.choice((1, 1, 1, 2, 3, MOST_VERSIONS - 1))):
            planned.setdefault(chance.choice(later), "replace")
    if paper.old or chance.random() < 0.3:
        for day in bulk if paper.old else [chance.choice(later)]:
            if not paper.old or chance.random() < 0.6:
                planned.setdefault(day, "edit")
    for day, kind in sorted(planned.items()):
        paper.events.append(_follow(paper, day, kind, years))


def _follow(paper: Preprint, day: date, kind: str, years: Years) -> Event:
    """The event of `kind` that comes after the paper's last one."""
    chance, last = years.chance, paper.events[-1]
    event = replace(last, kind=kind, day=day, at=harvestable_at(day), added=(), drawn={})
    if kind == "cross":
        rest = [category for category in CATEGORIES if category not in last.categories]
        event.added = (chance.choice(rest),)
        event.categories = last.categories + event.added
    elif kind == "replace":
        event.dates = (*last.dates, years.submitted(day, last.day))
        alone = not paper.work.shared
        # What stands in two sources keeps its title, by which alone it is one work.
        if alone and chance.random() < 0.2:
            event.title = f"{paper.work.title}, Revisited {event.version}"
        event.withdrawn = alone and not paper.old and not paper.work.listings and chance.random() < 0.1
    elif not last.doi and chance.random() < 0.5:
        event.doi = f"10.5555/Journal.{paper.work.number}"
        event.journal = f"Journal of Numbers {paper.work.number % 90} (2026) {paper.work.number}"
    return event


def title_words(number: int, chance: Random, *, plain: bool) -> Work:
    """A work without a source yet."""
    odd = not plain and chance.random() < 0.08
    return Work(number, words.title(number, chance, odd), words.authors(number, chance))
