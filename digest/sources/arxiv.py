"""The query interface of arXiv (Atom): papers by id, or those submitted to categories within a window."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import chain
from xml.etree.ElementTree import Element, ParseError  # the types alone: defusedxml does the parsing

from defusedxml.ElementTree import fromstring

from digest.errors import InvalidRequest, PermanentError, TransientError
from digest.sources.base import PaperRecord, Refusal
from digest.sources.http import PoliteClient, Response
from digest.sources.identifiers import clean_text, parse_arxiv_id, parse_doi

IDS_PER_QUERY = 100
PAGE_ATTEMPTS = 3
_BAD_REQUEST = 400
# ACM (I.2.7) and MSC (68T50) terms stand among the categories; they hold digits and arXiv's own never do.
_CATEGORY = re.compile(r"[a-z]+(-[a-z]+)?(\.[A-Za-z]+(-[a-z]+)?)?")
# A withdrawn paper keeps its entry; its comment, or the text in place of its abstract, says so in the first words.
_WITHDRAWN = re.compile(
    r"(?:this|the)\s+(?:paper|article|submission|manuscript|preprint|work|note|authors?)\s+(?:\w+\s+){1,3}withdrawn\b"
    r"|withdrawn(?:\s+(?:by|due|because)\b|\W*$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Page:
    announced: int
    items: tuple[PaperRecord | Refusal, ...]


class ArxivSource:
    """Papers by `ids`, whatever their date, and papers of `categories` by the date of their first submission.

    The date of submission is not that of the announcement, which arXiv does not tell here: `announced_at` is None.
    """

    name = "arxiv"

    def __init__(
        self,
        client: PoliteClient,
        categories: Iterable[str] = (),
        ids: Iterable[str] = (),
        base_url: str = "https://export.arxiv.org/api/query",
        page_size: int = 500,
    ) -> None:
        self._client = client
        self._categories = tuple(_check_category(category) for category in categories)
        self._ids = tuple(dict.fromkeys(_check_id(text) for text in ids))
        self._base_url = base_url
        self._page_size = page_size

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:
        delivered: set[str] = set()
        by_category = (self._ask_category(category, since, until) for category in self._categories)
        for item in chain(self._ask_ids(), *by_category):
            if _key(item) not in delivered:
                delivered.add(_key(item))
                yield item

    def _ask_ids(self) -> Iterator[PaperRecord | Refusal]:
        for start in range(0, len(self._ids), IDS_PER_QUERY):
            chunk = self._ids[start : start + IDS_PER_QUERY]
            page = self._ask_page({"id_list": ",".join(chunk), "max_results": len(chunk)}, 0, frozenset())
            yield from map(_file_by_date, page.items)
            answered = {_key(item) for item in page.items}
            yield from (Refusal(paper, "arXiv does not know this id") for paper in chunk if paper not in answered)

    def _ask_category(self, category: str, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:
        query: dict[str, str | int] = {
            "search_query": f"cat:{category} AND submittedDate:[{_minute(since)} TO {_minute(until)}]",
            "sortBy": "submittedDate",
            "sortOrder": "descending",
            "max_results": self._page_size,
        }
        seen: set[str] = set()
        start = announced = 0
        while True:
            page = self._ask_page(query | {"start": start}, announced, seen)
            yield from page.items
            seen.update(_key(item) for item in page.items)
            announced = page.announced
            start += len(page.items)
            if start >= announced:
                return

    def _ask_page(self, query: Mapping[str, str | int], announced: int, seen: Set[str]) -> _Page:
        """A page; asked for again, a few times, while it holds nothing new though more entries are announced.

        `announced` is what earlier pages announced: a later page that denies it is empty by mistake, too.
        """
        for _ in range(PAGE_ATTEMPTS):
            page = _read_feed(self._client.get(self._base_url, query, accept=(_BAD_REQUEST,)))
            announced = max(announced, page.announced)
            if announced == 0 or any(_key(item) not in seen for item in page.items):
                return _Page(announced, page.items)
        raise TransientError(
            f"A page of arXiv came back empty though it announced {announced} entries: try again later."
        )


def _file_by_date(item: PaperRecord | Refusal) -> PaperRecord | Refusal:
    """A paper asked for by its id is as old as it is: to ask for it does not make it news."""
    if isinstance(item, Refusal) or item.published_on is None:
        return item
    return replace(item, announced_at=datetime.combine(item.published_on, time(), tzinfo=UTC))


def read_entry(entry: Element) -> PaperRecord | Refusal:
    """One Atom entry as a record; a Refusal when it is withdrawn, incomplete or has an id that is not arXiv's."""
    address = _text(entry, "id")
    parsed = parse_arxiv_id(address)
    if parsed is None:
        return Refusal(address or "an entry of arXiv", "its id is not one of arXiv")
    title, abstract = _text(entry, "title"), _text(entry, "summary")
    if not title or not abstract:
        return Refusal(parsed[0], "it has no title" if not title else "it has no abstract")
    if _WITHDRAWN.match(abstract) or _WITHDRAWN.match(_text(entry, "comment")):
        return Refusal(parsed[0], "it is withdrawn")
    try:
        published_on = _read_date(_text(entry, "published"))
    except ValueError as error:
        return Refusal(parsed[0], f"its date cannot be read: {error}")
    authors = tuple(name for author in entry.findall("{*}author") if (name := _text(author, "name")))
    doi = parse_doi(_text(entry, "doi"))
    return PaperRecord(
        source=ArxivSource.name,
        title=title,
        abstract=abstract,
        ids={"arxiv": parsed[0]} | ({"doi": doi} if doi else {}),
        version=parsed[1],
        authors=authors,
        author_count=len(authors) or None,
        published_on=published_on,
        categories=_read_categories(entry),
        url=f"https://arxiv.org/abs/{parsed[0]}",
    )


def _read_feed(response: Response) -> _Page:
    """The entries of an answer. Raises PermanentError with arXiv's words when arXiv refuses the query."""
    failure = PermanentError if response.status == _BAD_REQUEST else TransientError
    try:
        feed: Element = fromstring(response.body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:  # broken, booby-trapped, or in an unknown encoding
        raise failure(f"arXiv answered {response.status} with what is no Atom feed: {error}") from error
    entries = feed.findall("{*}entry")
    for entry in entries:
        if "/api/errors" in _text(entry, "id"):
            raise PermanentError(f"arXiv refuses the query: {_text(entry, 'summary')}")
    announced = _text(feed, "totalResults")
    if response.status == _BAD_REQUEST or not announced.isdecimal():
        raise failure(f"arXiv answered {response.status} with what is no result of a query.")
    return _Page(int(announced), tuple(read_entry(entry) for entry in entries))


def _read_categories(entry: Element) -> tuple[str, ...]:
    """arXiv's own categories, the primary one first."""
    elements = [*entry.findall("{*}primary_category"), *entry.findall("{*}category")]
    terms = dict.fromkeys(element.get("term", "") for element in elements)
    return tuple(term for term in terms if _CATEGORY.fullmatch(term))


def _read_date(text: str) -> date | None:
    return datetime.fromisoformat(text).date() if text else None


def _text(element: Element, tag: str) -> str:
    return clean_text(element.findtext(f"{{*}}{tag}") or "")


def _key(item: PaperRecord | Refusal) -> str:
    return item.where if isinstance(item, Refusal) else item.ids["arxiv"]


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M").zfill(12)


def _check_category(category: str) -> str:
    if not _CATEGORY.fullmatch(category):
        raise InvalidRequest(f"“{category}” is not an arXiv category: write it as cs.CL or hep-th.")
    return category


def _check_id(text: str) -> str:
    parsed = parse_arxiv_id(text)
    if parsed is None:
        raise InvalidRequest(f"“{text}” is not an arXiv id: write it as 2401.00001 or hep-th/9901001.")
    return parsed[0]
