"""The papers of one author, by the rule by which a followed author is recognised."""

import re

from sqlalchemy import String, cast
from sqlmodel import Session, col, select

from digest.embeddings import lexical
from digest.ranking.reasons import is_followed
from digest.tables import Paper

LONG_ENOUGH = 4  # letters of a word that is still itself without its vowels
_MAY_DIFFER = re.compile(r"[aeiouycnszlgdt]+|[^a-z0-9]+")  # letters that come with accents, stored as escapes


def papers_by(session: Session, author: str, limit: int) -> list[Paper]:
    """The newest works in store by an author, whatever the case, the accents and the dots of the name."""
    words = lexical.surface(author)
    if not words:
        return []
    listed = cast(Paper.authors, String).ilike(f"%{'%'.join(map(_pattern, words))}%")
    query = select(Paper.id, Paper.authors).where(col(Paper.merged_into).is_(None), listed)
    ids: list[int] = []
    for paper_id, names in session.exec(query.order_by(col(Paper.announced_at).desc(), col(Paper.id).desc())):
        if len(ids) < limit and any(is_followed(name, [author]) for name in names):
            ids.append(paper_id)
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(ids)))}
    return [papers[paper_id] for paper_id in ids]


def spelling(paper: Paper, author: str) -> str:
    """The author's name as the paper spells it."""
    return next(name for name in paper.authors if is_followed(name, [author]))


def _pattern(word: str) -> str:
    """What the database looks for in place of a word of a name: all that is sure to be spelled so."""
    return _MAY_DIFFER.sub("%", word) if len(word) >= LONG_ENOUGH or not word.isascii() else word
