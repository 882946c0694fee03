"""Example papers as people name them: ids, links and titles, one a line, or pasted from a reference manager.

Nothing that is typed is ever fetched: a link is taken apart, and only the id in it is used.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit

from sqlmodel import Session, col, select

from digest.errors import InvalidRequest
from digest.papers.identity import Identifier
from digest.papers.lookup import find_by_identifiers, find_by_titles
from digest.sources.identifiers import arxiv_id_of_doi, clean_text, parse_arxiv_id, parse_doi
from digest.subscribers import references
from digest.subscribers.references import NEWLINE, Reference
from digest.tables import Paper, PaperExternalId, ProfileExample

MOST_LINES = 50
LONGEST_LINE = 500
LONGEST_PASTE = 200_000
CHOSEN, VOTED = "chosen", "vote"  # how an example came, see tables.people

WRONG_HOST = "links must be to arxiv.org, huggingface.co, alphaxiv.org or doi.org"
NO_PAPER = "this link leads to no single paper, copy the address of the paper’s own page"
_SITES = ("arxiv.org", "huggingface.co", "alphaxiv.org")
_RESOLVER = "doi.org"
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://|(?:[a-z0-9-]+\.)+[a-z]{2,}/\S*$", re.IGNORECASE)
_INSIDE = re.compile(r"arxiv:|doi:|10\.\d{4,9}/|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PREFIX = re.compile(r"\b(arxiv|doi):\s+", re.IGNORECASE)
_BULLET = re.compile(r"^[-*•–]\s+")
_SUBJECT = re.compile(r"\[[\w.-]+\]")
_SEPARATOR = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One paper that was named: `number` of the line it stood in, `text` as typed, what it is known by, or why not.

    `title` is what an export says beside the id, for the case that the store knows the work under another id.
    """

    number: int
    text: str
    scheme: str = "title"
    value: str = ""
    title: str = ""
    wrong: str = ""

    @property
    def identifier(self) -> Identifier:
        return self.scheme, self.value


@dataclass(slots=True)
class Resolved:
    """What became of lines: papers in store, lines whose paper it lacks, and numbers of lines that name none."""

    found: list[tuple[Line, Paper]] = field(default_factory=list)
    waiting: list[Line] = field(default_factory=list)
    wrong: list[tuple[int, str]] = field(default_factory=list)


def read(text: str, most: int = MOST_LINES) -> list[Line]:
    """The papers that `text` names, each once. Raises InvalidRequest for too many and for a broken export."""
    if len(text) > LONGEST_PASTE:
        raise InvalidRequest(f"This is too much at once: paste {LONGEST_PASTE:,} characters or fewer.")
    text = text.removeprefix("\ufeff")
    entries = references.read(text)
    if entries is None:
        typed = [(number, line) for number, line in enumerate(NEWLINE.split(text), start=1) if line.strip()]
        _check_count(len(typed), most)
        lines = [line for number, given in typed for line in read_line(given, number)]
    else:
        _check_count(len(entries), most)
        lines = [_read_reference(entry) for entry in entries]
    unique: dict[object, Line] = {}
    for line in lines:
        unique.setdefault(line.number if line.wrong else line.identifier, line)
    _check_count(len(unique), most)
    return list(unique.values())


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise InvalidRequest(f"{count:,} papers are too many: {most} is the most.")


def read_line(typed: str, number: int = 1) -> list[Line]:
    """The papers that one line names: several when it lists ids, none when it is blank."""
    text = _BULLET.sub("", _clean(typed), count=1)
    if not text:
        return []
    if len(text) <= LONGEST_LINE and (whole := _recognise(text)):
        return [Line(number, text, *whole)]
    spaced = _SUBJECT.sub("", _PREFIX.sub(r"\1:", text.replace("](", " ")))
    tokens = [token for token in map(_strip, _SEPARATOR.split(spaced)) if token]
    names = [_recognise(token) for token in tokens]
    if names and all(names):
        return [Line(number, token, *name) for token, name in zip(tokens, names, strict=True) if name]
    if len(text) > LONGEST_LINE:
        return [Line(number, f"{text[:60]}…", wrong=f"use {LONGEST_LINE} characters or fewer for one paper")]
    return [_read_prose(number, text, tokens, names)]


def _read_prose(number: int, text: str, tokens: list[str], names: Sequence[Identifier | None]) -> Line:
    """A line with other words in it: an id at its beginning, or a marked one anywhere, else it is a title."""
    for place, (token, name) in enumerate(zip(tokens, names, strict=True)):
        if name and (place == 0 or _INSIDE.match(token)):
            return Line(number, text, *name, title=text.partition(" ")[2] if place == 0 else "")
    if links := [token for token in tokens if "://" in token or (len(tokens) == 1 and _LINK.match(token))]:
        return Line(number, text, wrong=NO_PAPER if _is_at(_host(links[0]), *_SITES, _RESOLVER) else WRONG_HOST)
    if not any(character.isalnum() for character in text):
        return Line(number, text, wrong="write an arXiv id, a link or a title")
    return Line(number, text, value=text, title=text)


def _read_reference(entry: Reference) -> Line:
    title = _clean(entry.title)[:LONGEST_LINE]
    known = [name for text in entry.names if (name := _recognise(_strip(_clean(text))))]
    by_trust = sorted(known, key=lambda name: name[0] != "arxiv")
    if not by_trust and not any(character.isalnum() for character in title):
        return Line(entry.number, title, wrong=entry.wrong or "this entry has neither an id nor a title")
    if not by_trust:
        return Line(entry.number, title, value=title, title=title)
    scheme, value = by_trust[0]
    return Line(entry.number, f"{value} {title}"[:LONGEST_LINE].strip(), scheme, value, title)


def _recognise(text: str) -> Identifier | None:
    """The arXiv id or the DOI that an id or a link stands for; None when it is neither."""
    link = _LINK.match(text)
    parsed, doi = (None, None) if link and "://" in text else (parse_arxiv_id(text), parse_doi(text))
    if link and not parsed and not doi:
        parsed, doi = _read_link(text)
    own = arxiv_id_of_doi(doi) if doi else None
    if parsed or own:
        return "arxiv", own or (parsed or ("",))[0]
    return ("doi", doi) if doi and len(doi) <= LONGEST_LINE else None


def _read_link(link: str) -> tuple[tuple[str, int | None] | None, str | None]:
    host = _host(link)
    if " " in link or not _is_at(host, *_SITES, _RESOLVER):
        return None, None
    path = unquote(urlsplit(_whole(link)).path).strip("/")
    if _is_at(host, _RESOLVER):
        return None, parse_doi(path)
    return parse_arxiv_id(path.partition("/")[2]), None


def _host(link: str) -> str:
    try:
        return urlsplit(_whole(link)).hostname or ""
    except ValueError:
        return ""


def _whole(link: str) -> str:
    return link if "://" in link else f"https://{link}"


def _is_at(host: str, *sites: str) -> bool:
    return any(host == site or host.endswith(f".{site}") for site in sites)


def _clean(text: str) -> str:
    """`text` on one line, without what cannot be seen: control characters and marks of the writing direction."""
    return clean_text("".join(c for c in text if c.isprintable() or c.isspace()))


def _strip(token: str) -> str:
    """`token` without the punctuation around it; a bracket that is part of a DOI stays."""
    token = token.strip("<>\"“”'’").lstrip("([").rstrip(".,;:]")
    return token.rstrip(")") if "(" not in token else token


def resolve(session: Session, lines: Sequence[Line]) -> Resolved:
    """Look for the lines' papers in store: by their ids, else by their titles."""
    named = [line for line in lines if not line.wrong]
    by_id = find_by_identifiers(session, [line.identifier for line in named if line.scheme != "title"])
    by_title = find_by_titles(session, [line.title for line in named if line.title and line.identifier not in by_id])
    resolved = Resolved(wrong=[(line.number, line.wrong) for line in lines if line.wrong])
    for line in named:
        paper = by_id.get(line.identifier) or by_title.get(line.title)
        if paper is None:
            resolved.waiting.append(line)
        else:
            resolved.found.append((line, paper))
    return resolved


def keep(session: Session, profile_id: int, paper_id: int, sign: int, now: datetime) -> None:
    """Make a paper a chosen example, whatever a vote had said of it; one that is chosen already stays as it is."""
    of_paper = select(ProfileExample).where(
        ProfileExample.profile_id == profile_id, ProfileExample.paper_id == paper_id
    )
    example = session.exec(of_paper).first()
    if example is None:
        session.add(ProfileExample(profile_id=profile_id, paper_id=paper_id, sign=sign, created_at=now))
    elif example.origin == VOTED:
        example.sign, example.origin = sign, CHOSEN
    session.flush()


def words_for(session: Session, papers: Sequence[Paper]) -> Iterator[str]:
    """The line by which each paper is found again: its arXiv id or DOI, and its title."""
    ids = [paper.id for paper in papers]
    query = select(PaperExternalId).where(
        col(PaperExternalId.paper_id).in_(ids), col(PaperExternalId.scheme).in_(["arxiv", "doi"])
    )
    names = {name.paper_id: name.value for name in session.exec(query.order_by(col(PaperExternalId.scheme).desc()))}
    return (f"{names.get(paper.id, '')} {paper.title}".strip()[:LONGEST_LINE] for paper in papers)


def lines_of(session: Session, profile_id: int, sign: int) -> list[str]:
    """The lines of a profile's examples of this sign, without those that votes brought."""
    query = select(Paper).join(ProfileExample, col(ProfileExample.paper_id) == col(Paper.id))
    mine = query.where(ProfileExample.profile_id == profile_id, ProfileExample.sign == sign)
    papers = session.exec(mine.where(ProfileExample.origin != VOTED).order_by(col(ProfileExample.id))).all()
    return list(words_for(session, papers))
