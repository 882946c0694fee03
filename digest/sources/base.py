"""The `Source` port, and what a source delivers: records, and refusals of what it could not read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class SignalRecord:
    """One dated observation of attention: `kind` is votes, comments, stars or citations."""

    kind: str
    observed_at: datetime
    value: int


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """A paper as one source delivered it, not yet stored.

    `ids` maps an identifier's scheme (arxiv, doi, openreview, or the source's own name) to its value; arXiv ids come
    without their version. `announced_at` is when the source made the paper known; None means "as of now".
    """

    source: str
    title: str
    abstract: str
    ids: dict[str, str] = field(default_factory=dict)
    version: int | None = None
    authors: tuple[str, ...] = ()
    author_count: int | None = None
    published_on: date | None = None
    announced_at: datetime | None = None
    categories: tuple[str, ...] = ()
    url: str = ""
    signals: tuple[SignalRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something a source held that is no paper: where it stood and why it was not taken."""

    where: str
    why: str


class Source(Protocol):
    """A place papers or signals come from."""

    @property
    def name(self) -> str: ...

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:
        """What became known between `since` and `until` (aware); sources without dates deliver all they have.

        Raises TransientError when the source cannot be read now; a single bad entry is a Refusal, never an exception.
        """
        ...


@runtime_checkable
class DailySource(Source, Protocol):
    """A source that lists papers by day and can be asked for a day again, for what was counted since."""

    def fetch_days(self, days: Sequence[date]) -> Iterator[PaperRecord | Refusal]:
        """The listings of `days` (UTC) as they are now. Raises as `fetch` does."""
        ...
