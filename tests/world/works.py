"""What the world is made of: works, and what each source has of them."""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from world.moments import mailed_at


@dataclass(eq=False, slots=True)
class Event:
    """A day on which arXiv changed a paper, and what the paper is from then on.

    `kind` is new, cross, replace or edit; `added` are the categories that a cross brings. `at` is when the harvest
    shows it, under the datestamp `day`. `dates` are when its versions were submitted, the first one first.
    """

    kind: str
    day: date
    at: datetime
    title: str
    categories: tuple[str, ...]
    dates: tuple[datetime, ...]
    added: tuple[str, ...] = ()
    doi: str = ""
    journal: str = ""
    withdrawn: bool = False
    drawn: dict[str, str] = field(default_factory=dict)  # what doors have drawn of it, by their own keys

    @property
    def version(self) -> int:
        return len(self.dates)


@dataclass(eq=False, slots=True)
class Preprint:
    """A work at arXiv. `old` ones were announced long before the world begins: they are never news there."""

    id: str
    work: "Work"
    events: list[Event]
    old: bool = False

    def state(self, at: datetime) -> Event | None:
        """What arXiv's harvest shows of it at a moment."""
        count = bisect_right(self.events, at, key=lambda event: event.at)
        return self.events[count - 1] if count else None

    def entered(self, categories: Collection[str] = ()) -> Event | None:
        """The event that brought it into one of `categories`, as new or cross; without categories, its announcement."""
        if not categories:
            return self.events[0]
        return next((event for event in self.events if not set(categories).isdisjoint(event.categories)), None)

    def is_withdrawn(self, at: datetime) -> bool:
        state = self.state(at)
        return state is not None and state.withdrawn


@dataclass(eq=False, slots=True)
class Listing:
    """A paper of arXiv on Hugging Face's page of `day`, since `at`."""

    paper: Preprint
    day: date
    at: datetime
    peak: int
    falls: bool
    stars: int | None

    def votes(self, at: datetime) -> int:
        """They grow to the peak; where they fall, a tenth is taken back after five days."""
        age = (at - self.at) / timedelta(hours=36)
        return max(0, int(self.peak * (1 - 0.5**age)) - (self.peak // 10 if self.falls and age > 3.4 else 0))


@dataclass(eq=False, slots=True)
class Post:
    """A work at bioRxiv or medRxiv. `posted` are the moments of its versions; the server files each under its day."""

    server: str
    doi: str
    work: "Work"
    posted: tuple[datetime, ...]
    category: str
    padded: bool
    published: str = ""
    published_at: datetime | None = None


@dataclass(eq=False, slots=True)
class Note:
    """A submission at OpenReview, public since `at`, last changed at `changed_at` if that is not later than now."""

    id: str
    number: int
    work: "Work"
    at: datetime
    changed_at: datetime


@dataclass(eq=False, slots=True)
class Entry:
    """An entry of a journal's feed. `link` leads to its own page, to arXiv, or to a DOI."""

    guid: str
    work: "Work"
    at: datetime
    link: str
    doi: str = ""


@dataclass(eq=False, slots=True)
class Work:
    """One true work, whatever the number of sources that have it."""

    number: int
    title: str
    authors: tuple[str, ...]
    shared: bool = False  # whether only its title tells that two sources have it: then that never changes
    arxiv: Preprint | None = None
    listings: list[Listing] = field(default_factory=list)
    post: Post | None = None
    note: Note | None = None
    entry: Entry | None = None

    @property
    def ids(self) -> set[tuple[str, str]]:
        """Every (scheme, value) under which a source may name it: arxiv, doi (lower case), huggingface, and so on."""
        found = set()
        if self.arxiv:
            found |= {("arxiv", self.arxiv.id), ("doi", f"10.48550/arxiv.{self.arxiv.id}")}
            found |= {("doi", event.doi.lower()) for event in self.arxiv.events if event.doi}
        if self.listings:
            found |= {("huggingface", listing.paper.id) for listing in self.listings}
        if self.post:
            found |= {("doi", doi.lower()) for doi in (self.post.doi, self.post.published) if doi}
        if self.note:
            found.add(("openreview", self.note.id))
        if self.entry:
            found |= {("feed", self.entry.guid)} | ({("doi", self.entry.doi.lower())} if self.entry.doi else set())
        return found

    @property
    def announced_at(self) -> datetime:
        """When the first source made it known; for arXiv that is the mailing, not the submission."""
        moments = [mailed_at(self.arxiv.events[0].day)] if self.arxiv else []
        moments += [self.post.posted[0]] if self.post else []
        moments += [held.at for held in (self.note, self.entry) if held]
        return min(moments)
