"""Finds stored papers by whatever name a person gives them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select, tuple_

from digest.db import batches
from digest.errors import InvalidRequest
from digest.papers.identity import Identifier, normalise_title
from digest.sources.identifiers import arxiv_id_of_doi, parse_arxiv_id, parse_doi
from digest.tables import Paper, PaperExternalId

MOST_DIGITS = 18  # of a number that a database takes
CHUNK = 500
BEGINNING = 3  # letters of a title by which the database narrows the search down
PLAIN = tuple(" abcdefghijklmnopqrstuvwxyz0123456789")


def find_paper(session: Session, name: str) -> Paper:
    """The paper called `name`: an arXiv id or link, a DOI, a source's own id, or our number as `#12`.

    Raises InvalidRequest when no stored paper has that name.
    """
    wanted = name.strip()
    paper = _by_number(session, wanted) if wanted.startswith("#") else _by_identifier(session, wanted)
    if paper is None:
        raise InvalidRequest(
            f"No stored paper is called “{name}”: ingest it first, or look for it with `papers search`."
        )
    return find_work(session, paper)


def find_work(session: Session, paper: Paper) -> Paper:
    """What a paper that was found to be a duplicate has been merged into; any other paper itself."""
    return session.get_one(Paper, paper.merged_into) if paper.merged_into else paper


def _by_number(session: Session, name: str) -> Paper | None:
    digits = name[1:]
    return session.get(Paper, int(digits)) if digits.isdecimal() and len(digits) <= MOST_DIGITS else None


def _by_identifier(session: Session, name: str) -> Paper | None:
    arxiv, doi = parse_arxiv_id(name), parse_doi(name)
    own = arxiv_id_of_doi(doi) if doi else None
    values = {value for value in (name, arxiv and arxiv[0], doi, own) if value}
    query = (
        select(Paper)
        .join(PaperExternalId, col(PaperExternalId.paper_id) == col(Paper.id))
        .where(col(PaperExternalId.value).in_(values), PaperExternalId.scheme != "title")
        .order_by(col(Paper.id))
    )
    return session.exec(query).first()


def find_by_identifiers(session: Session, wanted: Iterable[Identifier]) -> dict[Identifier, Paper]:
    """The stored works that have one of the (scheme, value) pairs, by that pair."""
    found: dict[Identifier, Paper] = {}
    columns = tuple_(col(PaperExternalId.scheme), col(PaperExternalId.value))
    for some in batches(sorted(set(wanted)), CHUNK):
        query = select(PaperExternalId, Paper).join(Paper, col(Paper.id) == col(PaperExternalId.paper_id))
        for name, paper in session.exec(query.where(columns.in_(some))).all():
            found[name.scheme, name.value] = find_work(session, paper)
    return found


def find_by_scheme(session: Session, scheme: str, value: str) -> Paper | None:
    """The stored work that a scheme (arxiv, doi …) knows as `value`, in any spelling of it; None when there is none."""
    names, arxiv, doi = {(scheme, value)}, parse_arxiv_id(value), parse_doi(value)
    if scheme == "arxiv" and arxiv:
        names.add((scheme, arxiv[0]))
    if scheme == "doi" and doi:
        names |= {(scheme, doi), ("arxiv", arxiv_id_of_doi(doi) or "")}
    found = find_by_identifiers(session, names if scheme != "title" else ())
    return min(found.values(), key=lambda paper: paper.id, default=None)


def names_of(session: Session, ids: Iterable[int]) -> dict[int, list[Identifier]]:
    """The (scheme, value) pairs under which papers are known, but for the one that is made of the title."""
    names: dict[int, list[Identifier]] = {}
    for some in batches(sorted(set(ids)), CHUNK):
        query = select(PaperExternalId).where(col(PaperExternalId.paper_id).in_(some))
        query = query.where(PaperExternalId.scheme != "title").order_by(col(PaperExternalId.id))
        for name in session.exec(query):
            names.setdefault(name.paper_id, []).append((name.scheme, name.value))
    return names


def find_by_titles(session: Session, titles: Iterable[str]) -> dict[str, Paper]:
    """The stored works with these titles, by the title as it was given; of several with one title the first.

    Spelling, case and LaTeX make no difference. It is one pass over the titles in store, however many are wanted.
    """
    wanted = {title: folded for title in titles if (folded := normalise_title(title))}
    known: dict[str, int] = {}
    for some in batches(sorted(set(wanted.values())), CHUNK):
        query = select(Paper.id, Paper.title).where(col(Paper.merged_into).is_(None), _may_begin(some))
        for paper_id, title in session.exec(query.order_by(col(Paper.id))):
            known.setdefault(normalise_title(title), paper_id)
    ids = {title: known[folded] for title, folded in wanted.items() if folded in known}
    papers: dict[int, Paper] = {}
    for part in batches(sorted(set(ids.values())), CHUNK):
        papers |= {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(part)))}
    return {title: papers[paper_id] for title, paper_id in ids.items()}


def _may_begin(titles: Iterable[str]) -> Any:
    """True of a title that begins as one of the normalised `titles`, or with what a database does not fold as we do."""
    begin = func.lower(func.substr(Paper.title, 1, BEGINNING))
    strange = [func.substr(begin, place, 1).not_in(PLAIN) for place in range(1, BEGINNING + 1)]
    return or_(begin.in_({title[:BEGINNING] for title in titles}), *strange)
