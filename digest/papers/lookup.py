"""Finds a stored paper by whatever name a person gives it."""

from sqlmodel import Session, col, select

from digest.errors import InvalidRequest
from digest.sources.identifiers import arxiv_id_of_doi, parse_arxiv_id, parse_doi
from digest.tables import Paper, PaperExternalId

MOST_DIGITS = 18  # of a number that a database takes


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
