"""Finds a stored paper by whatever name a person gives it."""

from sqlmodel import Session, col, select

from digest.errors import InvalidRequest
from digest.sources.identifiers import parse_arxiv_id, parse_doi
from digest.tables import Paper, PaperExternalId


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
    return session.get(Paper, int(name[1:])) if name[1:].isdecimal() else None


def _by_identifier(session: Session, name: str) -> Paper | None:
    arxiv, doi = parse_arxiv_id(name), parse_doi(name)
    values = {name, *([arxiv[0]] if arxiv else []), *([doi] if doi else [])}
    query = (
        select(Paper)
        .join(PaperExternalId, col(PaperExternalId.paper_id) == col(Paper.id))
        .where(col(PaperExternalId.value).in_(values), PaperExternalId.scheme != "title")
        .order_by(col(Paper.id))
    )
    return session.exec(query).first()
