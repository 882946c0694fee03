"""A synthetic month of science, made from a seed, and what must be known of it at a moment."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from random import Random

from world import making
from world.moments import DAY, harvestable_at, midnight
from world.preprints import Years, make_preprints, title_words
from world.works import Entry, Event, Note, Preprint, Work

AFTERWARDS = 6  # days that follow the faulty ones, in which news goes on and nothing fails


class World:
    """`size` papers at arXiv and a share of that elsewhere, from `start` on (a day in UTC), over `days` days.

    News goes on for some calm days from `calm_from` to `ends`, so that what was missed can come in.
    """

    def __init__(self, seed: int, size: int = 300, start: date = date(2026, 10, 20), days: int = 30) -> None:
        self.seed = seed
        self.begins = midnight(start)
        self.calm_from = midnight(start + timedelta(days=days))
        self.ends = self.calm_from + AFTERWARDS * DAY
        chance = Random(f"world {seed}")
        weekdays = [day for k in range(days + AFTERWARDS) if (day := start + k * DAY).weekday() < 5]
        self.holidays = frozenset(chance.sample(weekdays[1:-AFTERWARDS], min(2, max(0, len(weekdays) - 14))))
        self.announcement_days = [day for day in weekdays if day not in self.holidays]
        self.lag = chance.choice((0, 0, 1)) * DAY  # by which the index of the query interface is behind
        self.counts_are_text = chance.random() < 0.5  # at bioRxiv
        self.posts_per_page = chance.choice((30, 100))
        self._fill(size, chance)

    def _fill(self, size: int, chance: Random) -> None:
        old, elsewhere, shared = size // 4, size // 6, max(2, size // 30)
        twice = old + shared * 2  # of the new papers the first few also stand in a second source
        papers = [title_words(n, chance, plain=old <= n < twice) for n in range(1, old + size + 1)]
        chance.shuffle(papers)
        papers.sort(key=lambda work: work.number > old)
        posted = [title_words(len(papers) + n, chance, plain=n <= shared) for n in range(1, elsewhere + 1)]
        first = len(papers) + len(posted)
        alone = [title_words(first + n, chance, plain=False) for n in range(1, shared * 4 + 1)]
        both = [work for work in papers if old < work.number <= twice]
        printed = [*both[:shared], *posted[:shared], *alone[: shared * 2]]
        noted = [*both[shared:], *alone[shared * 2 :]]
        span = (self.begins, self.ends, chance)
        for work in printed:
            guid = f"https://journal.example/articles/{work.number}"
            work.entry = Entry(guid, work, self.begins, guid)
        for work in both:
            work.shared = True
        self.arxiv = make_preprints(papers, Years(self.announcement_days, chance), old)
        self.listings = making.list_papers(self.arxiv, self.ends, chance)
        self.posts = making.post_works(posted, *span)
        self.notes = making.submit_notes(noted, *span)
        self.entries = making.print_entries(printed, *span)
        self.works = [*papers, *posted, *alone]

    def is_announcement_day(self, day: date) -> bool:
        """Whether arXiv announces on `day` (UTC): Monday to Friday, without the holidays."""
        return day in self.announcement_days

    def announced(self, source: str, categories: Collection[str] = (), by: datetime | None = None) -> list[Work]:
        """The works that must be stored at `by` (as a rule the end) if all of `source` was read.

        At arXiv: those announced in `categories` or cross-listed there and harvestable, but for old and withdrawn ones.
        """
        by = by or self.ends
        if source == "arxiv":
            return [paper.work for paper in self.arxiv if _must_be_known(paper, categories, by)]
        if source == "huggingface":
            return list({listing.paper.work: None for listing in self.listings if listing.at <= by})
        if source in making.SERVERS:
            return [post.work for post in self.posts if post.server == source and post.posted[0] <= by]
        if source not in {"openreview", "feed"}:
            raise ValueError(f"the world has no source {source}")
        held: Sequence[Note | Entry] = self.notes if source == "openreview" else self.entries
        return [item.work for item in held if item.at <= by]

    def find(self, scheme: str, value: str) -> Work | None:
        """The work that is known by an identifier (DOIs in lower case)."""
        return self._by_id.get((scheme, value))

    def epoch(self, moment: datetime) -> int:
        """The number of arXiv's updates until `moment`: between two of them its doors say the same."""
        return bisect_right(self._updates, moment)

    @cached_property
    def by_day(self) -> dict[date, list[tuple[Preprint, Event]]]:
        """What happened at arXiv on each day."""
        found: dict[date, list[tuple[Preprint, Event]]] = {}
        for paper in self.arxiv:
            for event in paper.events:
                found.setdefault(event.day, []).append((paper, event))
        return found

    @cached_property
    def by_arxiv_id(self) -> dict[str, Preprint]:
        return {paper.id: paper for paper in self.arxiv}

    @cached_property
    def _by_id(self) -> dict[tuple[str, str], Work]:
        return {name: work for work in self.works for name in work.ids}

    @cached_property
    def _updates(self) -> list[datetime]:
        return [harvestable_at(day) for day in sorted(self.by_day)]


def _must_be_known(paper: Preprint, categories: Collection[str], by: datetime) -> bool:
    event = paper.entered(categories)
    return event is not None and not paper.old and event.at <= by and not paper.is_withdrawn(by)
