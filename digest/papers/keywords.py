"""Finds papers by the words of their title and abstract alone, for a store that has no vectors (yet)."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, String, and_, cast, or_, true
from sqlmodel import Session, col, select

from digest.tables import Paper

LOOKED_THROUGH = 50_000  # newest papers: no index helps to find a word


def find(
    session: Session, words: Sequence[str], categories: Collection[str], since: date | None, limit: int
) -> list[Paper]:
    """The newest papers that hold every one of `words`, whatever the case, among the newest of the store."""
    newest = select(Paper.id).where(col(Paper.merged_into).is_(None))
    if since is not None:
        newest = newest.where(Paper.announced_at >= datetime.combine(since, time(), UTC))
    newest = newest.order_by(col(Paper.announced_at).desc(), col(Paper.id).desc()).limit(LOOKED_THROUGH)
    query = (
        select(Paper)
        .where(col(Paper.id).in_(newest.subquery().select()), in_categories(categories))
        .where(and_(true(), *map(_holds, words)))
    )
    return list(session.exec(query.order_by(col(Paper.announced_at).desc(), col(Paper.id).desc()).limit(limit)))


def _holds(word: str) -> ColumnElement[bool]:
    places = (col(Paper.title), col(Paper.abstract))
    return or_(*(place.icontains(word, autoescape=True) for place in places))


def in_categories(wanted: Collection[str]) -> ColumnElement[bool]:
    """Papers in one of the categories; `cs` stands for every `cs.*`, and no category at all is not ruled out."""
    if not wanted:
        return true()
    names = cast(col(Paper.categories), String)
    written = [json.dumps(name) for name in wanted]
    return or_(
        names == "[]",
        *(names.contains(name, autoescape=True) for name in written),
        *(names.contains(f"{name[:-1]}.", autoescape=True) for name in written),
    )
