"""Hugging Face Daily Papers: the papers that its readers submitted, day by day, with their votes.

The raw JSON is read, because the client library of Hugging Face drops most of the counts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from digest.clock import utc_now
from digest.errors import TransientError
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.sources.http import PoliteClient
from digest.sources.identifiers import clean_text, parse_arxiv_id

PAGE_SIZE = 100
MAX_PAGES = 20
FIRST_DAY = date(2023, 5, 4)
_MAX_COUNT = 2**31 - 1


class HuggingFaceSource:
    """Every paper on the listings of the days (UTC) from `since` to `until`, with its counts as they are `now`."""

    name = "huggingface"

    def __init__(
        self,
        client: PoliteClient,
        base_url: str = "https://huggingface.co/api/daily_papers",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._base_url = base_url
        self._now = now

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:
        now = self._now()
        # The server refuses a day to come; before the first day there is nothing to ask for.
        day = max(since.astimezone(UTC).date(), FIRST_DAY)
        last = min(until, now).astimezone(UTC).date()
        return self._ask([day + timedelta(days=number) for number in range((last - day).days + 1)], now)

    def fetch_days(self, days: Sequence[date]) -> Iterator[PaperRecord | Refusal]:
        """Every paper on the listings of `days`, which may be long past, with its counts as they are now."""
        now = self._now()
        return self._ask([day for day in days if FIRST_DAY <= day <= now.astimezone(UTC).date()], now)

    def _ask(self, days: Sequence[date], now: datetime) -> Iterator[PaperRecord | Refusal]:
        delivered: set[str] = set()
        for day in days:
            for item in self._ask_day(day, now):
                key = item.where if isinstance(item, Refusal) else item.ids["arxiv"]
                if key not in delivered:  # some papers are listed on two days
                    delivered.add(key)
                    yield item

    def _ask_day(self, day: date, now: datetime) -> Iterator[PaperRecord | Refusal]:
        for page in range(MAX_PAGES):
            response = self._client.get(self._base_url, {"date": day.isoformat(), "limit": PAGE_SIZE, "p": page})
            items = _read_list(response.body)
            for number, item in enumerate(items, start=page * PAGE_SIZE + 1):
                yield read_item(item, f"{day} item {number}", now)
            if len(items) < PAGE_SIZE:
                return
        raise TransientError(f"The listing of Hugging Face for {day} does not end after {MAX_PAGES} pages.")


def read_item(item: object, where: str, now: datetime) -> PaperRecord | Refusal:
    """One item of a listing as a record whose counts were observed at `now`; a Refusal when it is no whole paper."""
    paper = item.get("paper") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(paper, dict):
        return Refusal(where, "it is no paper")
    name = paper.get("id")
    parsed = parse_arxiv_id(name) if isinstance(name, str) else None  # a number has lost its zeros on the way
    if parsed is None:
        return Refusal(where, f"its id {name!r:.60} is not one of arXiv")
    title, abstract = (_read_text(paper, key) or _read_text(item, key) for key in ("title", "summary"))
    if not title or not abstract:
        return Refusal(where, f"{parsed[0]} has no {'abstract' if title else 'title'}")
    try:
        announced_at = _read_moment(paper, "submittedOnDailyAt") or _read_moment(item, "publishedAt")
        published_at = _read_moment(paper, "publishedAt")
    except (ValueError, OverflowError) as error:
        return Refusal(where, f"{parsed[0]} has a date that cannot be read: {error}")
    authors = _read_authors(paper)
    return PaperRecord(
        source=HuggingFaceSource.name,
        title=title,
        abstract=abstract,
        ids={"arxiv": parsed[0], "huggingface": parsed[0]},
        version=parsed[1],
        authors=authors,
        author_count=len(authors) or None,
        published_on=published_at.date() if published_at else None,
        announced_at=announced_at,
        url=f"https://arxiv.org/abs/{parsed[0]}",
        signals=_read_signals(item, paper, now),
    )


def _read_list(body: bytes) -> list[object]:
    try:
        items = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TransientError(f"Hugging Face answered with what is no JSON: {error}") from error
    if not isinstance(items, list):
        raise TransientError("Hugging Face answered with what is no list of papers.")
    return items


def _read_signals(item: Mapping[str, object], paper: Mapping[str, object], now: datetime) -> tuple[SignalRecord, ...]:
    """The counts that are stated. One that is null or absurd is left out: it is not known, which is not 0."""
    counts = {"votes": paper.get("upvotes"), "comments": item.get("numComments"), "stars": paper.get("githubStars")}
    return tuple(
        SignalRecord(kind, now, count)
        for kind, count in counts.items()
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MAX_COUNT
    )


def _read_authors(paper: Mapping[str, object]) -> tuple[str, ...]:
    authors = paper.get("authors")
    names = (
        (_read_text(author, "name") for author in authors if isinstance(author, dict))
        if isinstance(authors, list)
        else ()
    )
    return tuple(name for name in names if name)


def _read_text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return clean_text(value) if isinstance(value, str) else ""


def _read_moment(fields: Mapping[str, object], key: str) -> datetime | None:
    text = _read_text(fields, key)
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
