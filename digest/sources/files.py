"""Papers from files: JSON Lines, gzipped or not, and BibTeX.

What is wrong with a file as a whole is an InvalidRequest before anything is delivered; what is wrong with one line
or entry is a Refusal that names it, and the others are delivered.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import bibtexparser
from bibtexparser import Library
from bibtexparser.middlewares import LatexDecodingMiddleware, MonthIntMiddleware, NormalizeFieldKeys, SeparateCoAuthors
from bibtexparser.model import Entry, Field, ParsingFailedBlock

from digest.clock import utc_now
from digest.errors import InvalidRequest
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.sources.identifiers import arxiv_id_of_doi, clean_text, parse_arxiv_id, parse_doi

LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")
BIBTEX_SUFFIX = ".bib"
MAX_LINE = 4_000_000
MAX_AUTHORS = 5_000
_MAX_TITLE = 1_000
_MAX_ABSTRACT = 50_000
_MAX_SHORT = 2_000
_MAX_COUNT = 2**31 - 1
_SIGNAL_KINDS = ("votes", "comments", "stars", "citations")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_URL = re.compile(r"https?://\S+")
_TEX_ESCAPE = re.compile(r"\\url\b|[{}]|\\(?=[_%&#~])")
_TEX_SPECIAL = re.compile(r"(?<!\\)[%&]")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a line does not say of itself: its source, the scheme of an id of no known kind, and the present moment."""

    source: str
    scheme: str
    now: datetime


class FilesSource:
    """All papers of `paths`, in order, whatever their dates."""

    name = "files"

    def __init__(self, paths: Iterable[Path], now: Callable[[], datetime] = utc_now) -> None:
        self._paths = tuple(paths)
        self._now = now

    def fetch(self, since: datetime, until: datetime) -> Iterator[PaperRecord | Refusal]:  # noqa: ARG002
        """Raises InvalidRequest at once, before the first item, when a file cannot be read as what its name says."""
        for path in self._paths:
            _check_file(path)
        return self._deliver(Origin(self.name, "file", self._now()))

    def _deliver(self, origin: Origin) -> Iterator[PaperRecord | Refusal]:
        for path in self._paths:
            with _open(path) as stream:
                if _find_suffix(path) == BIBTEX_SUFFIX:
                    yield from read_bibtex(stream.read(), str(path), origin)
                else:
                    yield from read_lines(stream, str(path), origin)


def read_lines(stream: IO[str], label: str, origin: Origin) -> Iterator[PaperRecord | Refusal]:
    """A record or a Refusal for each line of JSON; the file is called `label` in refusals."""
    last = 0
    for number, line in enumerate(_split_lines(stream), start=1):
        if not line.strip():
            continue  # it may be the end of the file, which is no fault
        yield from (Refusal(f"{label}:{empty}", "the line is empty") for empty in range(last + 1, number))
        last = number
        try:
            yield read_record(_read_object(line), origin)
        except InvalidRequest as error:
            yield Refusal(f"{label}:{number}", str(error))


def read_bibtex(text: str, label: str, origin: Origin) -> Iterator[PaperRecord | Refusal]:
    """A record or a Refusal for each entry; the file is called `label` in refusals."""
    middleware = [NormalizeFieldKeys(), MonthIntMiddleware(), SeparateCoAuthors()]
    for block in bibtexparser.parse_string(text, append_middleware=middleware).blocks:
        where = f"{label}:{(block.start_line or 0) + 1}"
        if isinstance(block, ParsingFailedBlock):
            why = getattr(block.error, "abort_reason", None) or str(block.error)
            yield Refusal(where, clean_text(f"the entry cannot be read: {why}"))
        elif isinstance(block, Entry):
            try:
                yield read_record(_read_entry(block), origin)
            except InvalidRequest as error:
                yield Refusal(where, clean_text(f"{block.key}: {error}"))


def read_record(fields: Mapping[str, object], origin: Origin) -> PaperRecord:
    """The paper that `fields` describe. Raises InvalidRequest that says what is missing or wrong."""
    title, abstract = _read_text(fields, "title", _MAX_TITLE), _read_text(fields, "abstract", _MAX_ABSTRACT)
    if not title or not abstract:
        raise InvalidRequest(f"there is no {'abstract' if title else 'title'}")
    ids, version = _read_ids(fields, origin.scheme)
    authors = _read_names(fields, "authors", r";" if ";" in str(fields.get("authors")) else r"\s+and\s+")
    announced = fields.get("announced")
    return PaperRecord(
        source=origin.source,
        title=title,
        abstract=abstract,
        ids=ids,
        version=version,
        authors=authors[:MAX_AUTHORS],
        author_count=_count_authors(fields, authors),
        published_on=_read_published(fields, origin.now),
        announced_at=_read_moment(announced, "announced", origin.now) if announced else None,
        categories=_read_names(fields, "categories", r"\s+"),
        url=_read_url(fields, ids),
        signals=_read_signals(fields, origin.now),
    )


def _find_suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _open(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _check_file(path: Path) -> None:
    """Raises InvalidRequest when `path` is no readable UTF-8 file of a known kind."""
    try:
        if path.is_dir():
            raise InvalidRequest(f"{path} is a folder: name the files in it.")
        if not path.is_file():
            raise InvalidRequest(f"{path}: there is no such file.")
        if _find_suffix(path) not in (*LINE_SUFFIXES, BIBTEX_SUFFIX):
            raise InvalidRequest(f"{path}: its name must end in .jsonl, .ndjson, .json or .bib (or these and .gz).")
        with _open(path) as stream:
            while stream.read(1_000_000):
                pass
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8: save it in that encoding.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}.") from error


def _split_lines(stream: IO[str]) -> Iterator[str]:
    """The lines of `stream`. One longer than MAX_LINE is cut there (so that it is refused) and its rest passed over."""
    while line := stream.readline(MAX_LINE):
        rest = line
        while rest and not rest.endswith("\n"):
            rest = stream.readline(MAX_LINE)
        yield line


def _read_object(line: str) -> dict[str, object]:
    if len(line) >= MAX_LINE:
        raise InvalidRequest(f"the line is longer than {MAX_LINE:,} characters")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} (column {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InvalidRequest(f"the line is not JSON: {why}") from error
    if not isinstance(fields, dict):
        raise InvalidRequest("the line is not a JSON object")
    return fields


def _read_text(fields: Mapping[str, object], key: str, limit: int = _MAX_SHORT) -> str:
    """The text under `key`, made clean; empty when there is none."""
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{key} must be a text")
    text = clean_text(value)
    if len(text) > limit:
        raise InvalidRequest(f"{key} is longer than {limit:,} characters")
    return text


def _read_names(fields: Mapping[str, object], key: str, separator: str) -> tuple[str, ...]:
    """The names under `key`: a list, or a text that is split at the pattern `separator`."""
    value = fields.get(key)
    names = re.split(separator, value) if isinstance(value, str) else value or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"{key} must be a list of names")
    return tuple(name for name in map(clean_text, names) if name)


def _read_ids(fields: Mapping[str, object], scheme: str) -> tuple[dict[str, str], int | None]:
    """Identifiers by scheme, and the version if the arXiv id names one."""
    ids: dict[str, str] = {}
    version = None
    for key in ("id", "arxiv_id", "doi"):
        text = _read_text(fields, key)
        if not text:
            continue
        kind, value, named_version = _recognise(text)
        if not kind and key != "id":
            raise InvalidRequest(f"{key} “{text:.60}” is neither an arXiv id nor a DOI")
        if ids.setdefault(kind or scheme, value) != value:
            raise InvalidRequest(f"it has two {kind} ids: {ids[kind]} and {value}")
        version = version or named_version
    return ids, version


def _recognise(text: str) -> tuple[str, str, int | None]:
    """The scheme (empty when unknown), value and version of an identifier. arXiv's own DOIs count as arXiv ids."""
    doi = parse_doi(text)
    parsed = parse_arxiv_id((arxiv_id_of_doi(doi) or "") if doi else text)
    if parsed:
        return "arxiv", *parsed
    return ("doi", doi, None) if doi else ("", text, None)


def _count_authors(fields: Mapping[str, object], authors: tuple[str, ...]) -> int | None:
    stated = fields.get("n_authors")
    return max(len(authors), 0 if stated is None else _read_count(stated, "n_authors")) or None


def _read_count(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
        raise InvalidRequest(f"{name} must be a whole number, not {value!r:.60}")
    return value


def _read_published(fields: Mapping[str, object], now: datetime) -> date | None:
    value = fields.get("published")
    if value is None or value == "":
        return None
    match = _DATE.fullmatch(str(value).strip())
    try:
        day = date(*(int(part or 1) for part in match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        raise InvalidRequest(f"published {value!r:.60} is not a date: write YYYY-MM-DD or YYYY")
    if day > now.astimezone(UTC).date():
        raise InvalidRequest(f"published {day} lies in the future")
    return day


def _read_moment(value: object, name: str, now: datetime) -> datetime:
    """A date or a moment, UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(str(value).strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} {value!r:.60} is not a moment: write 2026-04-24 or 2026-04-24T07:00Z") from error
    if moment > now:
        raise InvalidRequest(f"{name} {value} lies in the future")
    return moment


def _read_url(fields: Mapping[str, object], ids: Mapping[str, str]) -> str:
    url = _read_text(fields, "url")
    if url and not _URL.fullmatch(url):
        raise InvalidRequest(f"url “{url:.60}” must begin with https:// or http://")
    if "arxiv" in ids:
        return url or f"https://arxiv.org/abs/{ids['arxiv']}"
    return url or (f"https://doi.org/{ids['doi']}" if "doi" in ids else "")


def _read_signals(fields: Mapping[str, object], now: datetime) -> tuple[SignalRecord, ...]:
    signals = fields.get("signals") or ()
    if not isinstance(signals, list | tuple):
        raise InvalidRequest("signals must be a list")
    return tuple(_read_signal(signal, now) for signal in signals)


def _read_signal(signal: object, now: datetime) -> SignalRecord:
    match signal:
        case [time, str(kind), value] if kind in _SIGNAL_KINDS:
            return SignalRecord(kind, _read_moment(time, "a signal of", now), _read_count(value, kind))
    raise InvalidRequest(f"a signal must be [time, kind, value] with a kind of {', '.join(_SIGNAL_KINDS)}")


def _read_entry(entry: Entry) -> dict[str, object]:
    """A BibTeX entry in the keys of a line of JSON."""
    fields = {field.key: field.value for field in entry.fields}
    plain = {key: _TEX_ESCAPE.sub("", str(value)) for key, value in fields.items()}
    names = [_turn_name(name) for name in fields.get("author", ()) if name != "others"]
    title, abstract, *authors = _decode_latex([str(fields.get("title", "")), str(fields.get("abstract", "")), *names])
    is_arxiv = plain.get("archiveprefix", plain.get("eprinttype", "arxiv")).lower() == "arxiv"
    return {
        "title": title,
        "abstract": abstract,
        "authors": authors,
        "published": _find_date(plain),
        "arxiv_id": plain.get("eprint") if is_arxiv else None,
        "doi": plain.get("doi"),
        "url": plain.get("url"),
        "categories": plain.get("primaryclass") if is_arxiv else None,
    }


def _find_date(fields: Mapping[str, str]) -> str | None:
    """The date in the words of `published`; None when there is none, or a word such as “forthcoming”."""
    if match := _DATE.match(fields.get("date", "").strip()):
        return match[0]
    year, month = fields.get("year", "").strip(), fields.get("month", "")
    if not _DATE.fullmatch(year):
        return None
    return f"{year}-{int(month):02d}" if month.isdecimal() else year


def _turn_name(name: str) -> str:
    """“Last, First” as “First Last”; a name in braces is one word that no comma divides."""
    if name.startswith("{") and name.endswith("}"):
        return name
    parts = name.split(",")
    return " ".join([*parts[-1:], *parts[:-1]])


def _decode_latex(texts: list[str]) -> list[str]:
    """The texts with LaTeX's accents as letters and without its commands; mathematics stays as it is written."""
    # Unescaped, a per cent sign would hide the rest of its line; few people escape it in an abstract.
    fields = [Field(str(number), _TEX_SPECIAL.sub(r"\\\g<0>", text)) for number, text in enumerate(texts)]
    decoded = LatexDecodingMiddleware().transform_entry(Entry("text", "texts", fields), Library())
    if not isinstance(decoded, Entry):
        raise InvalidRequest("its LaTeX cannot be read")
    return [str(field.value) for field in decoded.fields]
