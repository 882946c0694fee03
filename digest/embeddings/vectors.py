"""Which papers and profiles lack a vector, and how vectors are stored: float16 bytes beside the encoder's name."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, exists, or_, update
from sqlmodel import Session, col, select

from digest.db import Database
from digest.embeddings.encoder import Encoder, Vectors, unit
from digest.papers import sentences
from digest.tables import Paper, PaperVector, Profile, ProfileVector

NEW = timedelta(days=31)  # sentences are embedded for papers that an edition may still quote


def paper_text(paper: Paper) -> str:
    """What the encoder reads of a paper."""
    return f"{paper.title}. {paper.abstract}"


def profile_text(profile: Profile) -> str:
    """What the encoder reads of a profile: its text and its keywords; empty when it has neither."""
    return ". ".join(part for part in (profile.text.strip(), ", ".join(profile.keywords)) if part)


def against_text(profile: Profile) -> str:
    """What the encoder reads of what a profile is against; empty when it says nothing."""
    return profile.against.strip()


def to_bytes(rows: Vectors) -> bytes:
    return rows.astype(np.float16).tobytes()


def from_bytes(content: bytes, dimension: int) -> Vectors:
    """Rows of shape (n, dimension), brought back to length one."""
    return unit(np.frombuffer(content, dtype=np.float16).astype(np.float32).reshape(-1, max(dimension, 1)))


def rankable(encoder: str, *columns: Any) -> Any:
    """A SELECT of `columns` over the works that ranking by `encoder` can see: all of them when it goes by words."""
    query = select(*columns).where(col(Paper.merged_into).is_(None))
    if encoder:
        query = query.join(PaperVector, (col(PaperVector.paper_id) == Paper.id) & (PaperVector.encoder == encoder))
    return query


def _not_embedded(column: Any, encoder: str) -> ColumnElement[bool]:
    """Said in ranges, so that an index finds the few rows among millions."""
    return or_(column.is_(None), column < encoder, column > encoder)


def plan_papers(session: Session, encoder: str) -> list[int]:
    """Papers whose present text `encoder` has not seen, newest first."""
    query = (
        select(Paper.id)
        .where(_not_embedded(col(Paper.embedded_by), encoder), col(Paper.merged_into).is_(None))
        .order_by(col(Paper.announced_at).desc(), col(Paper.id))
    )
    return list(session.exec(query))


def lacking_papers(encoder: str) -> Any:
    """A SELECT of the papers that have no vector by `encoder`, whoever embedded them last.

    A text that changes loses the vectors of every encoder. It looks at every paper: not for each tick.
    """
    theirs = (col(PaperVector.paper_id) == Paper.id) & (col(PaperVector.encoder) == encoder)
    query = select(Paper.id).outerjoin(PaperVector, theirs)
    return query.where(col(PaperVector.paper_id).is_(None), col(Paper.merged_into).is_(None))


def plan_profiles_ahead(session: Session, encoder: str) -> list[int]:
    """Active profiles that say something and have no vector by `encoder`, whoever embedded them last."""
    theirs = (col(ProfileVector.profile_id) == Profile.id) & (col(ProfileVector.encoder) == encoder)
    query = select(Profile).outerjoin(ProfileVector, theirs).where(col(ProfileVector.profile_id).is_(None))
    found = session.exec(query.where(col(Profile.active)).order_by(col(Profile.id)))
    return [profile.id for profile in found if profile_text(profile) or against_text(profile)]


def embed_papers(
    database: Database, encoder: Encoder, now: datetime, ids: Sequence[int], *, ahead: bool = False
) -> int:
    """Embed papers and the sentences of the new ones; the lock on the database is held only to store them.

    `ahead`: for an encoder that is only prepared, and marks no paper as its own.
    """
    with database.session(write=False) as session:
        there = set(_stored(session, encoder.name, ids))
        asked = list(session.exec(select(Paper).where(col(Paper.id).in_(ids)).order_by(col(Paper.id))))
    papers = [paper for paper in asked if paper.id not in there]
    pieces = [sentences.split(paper.abstract) if paper.announced_at > now - NEW else [] for paper in papers]
    vectors = encoder.encode([*map(paper_text, papers), *(sentence for piece in pieces for sentence in piece)])
    ends = len(papers) + np.cumsum([0, *map(len, pieces)])
    rows = [
        PaperVector(
            paper_id=paper.id,
            encoder=encoder.name,
            dimension=encoder.dimension,
            vector=to_bytes(vectors[position]),
            sentences=to_bytes(vectors[ends[position] : ends[position + 1]]) or None,
        )
        for position, paper in enumerate(papers)
    ]
    with database.session() as session:
        current = _unchanged(session, asked)
        known = set(_stored(session, encoder.name, ids))
        made = [row for row in rows if row.paper_id in current - known]
        session.add_all(made)
        if not ahead:
            _mark(session, Paper, [*(current & known), *(row.paper_id for row in made)], encoder.name)
    return len(asked)


def _unchanged(session: Session, papers: Sequence[Paper]) -> set[int]:
    """The papers whose text is still the one that was embedded; the others are planned again. Locks the rows."""
    ids = [paper.id for paper in papers]
    query = select(Paper.id, Paper.title, Paper.abstract).where(col(Paper.id).in_(ids)).order_by(col(Paper.id))
    texts = {number: (title, abstract) for number, title, abstract in session.exec(query.with_for_update())}
    return {paper.id for paper in papers if texts.get(paper.id) == (paper.title, paper.abstract)}


def _stored(session: Session, encoder: str, ids: Sequence[int]) -> Sequence[int]:
    query = select(PaperVector.paper_id).where(col(PaperVector.paper_id).in_(ids), PaperVector.encoder == encoder)
    return session.exec(query).all()


def _mark(session: Session, table: type[Paper] | type[Profile], ids: Sequence[int], encoder: str) -> None:
    marked = update(table).where(col(table.id).in_(ids)).values(embedded_by=encoder)
    session.exec(marked.execution_options(synchronize_session=False))


def mark_prepared(session: Session, encoder: str) -> None:
    """Make the papers and profiles that have a vector by `encoder` its own; one whose text just changed stays out."""
    owned: tuple[tuple[type[Paper] | type[Profile], Any, Any], ...] = (
        (Paper, PaperVector.paper_id, PaperVector.encoder),
        (Profile, ProfileVector.profile_id, ProfileVector.encoder),
    )
    for table, owner, signature in owned:
        embedded = exists().where(owner == table.id, signature == encoder)
        marked = update(table).where(col(table.embedded_by).is_not(None), embedded).values(embedded_by=encoder)
        session.exec(marked.execution_options(synchronize_session=False))


def plan_profiles(session: Session, encoder: str) -> list[int]:
    """Profiles whose present text `encoder` has not seen."""
    query = select(Profile.id).where(_not_embedded(col(Profile.embedded_by), encoder), col(Profile.active))
    return list(session.exec(query.order_by(col(Profile.id))))


def embed_profiles(database: Database, encoder: Encoder, ids: Sequence[int], *, ahead: bool = False) -> int:
    """Embed the profiles that say something in words, for or against; the others are marked as seen.

    `ahead`: for an encoder that is only prepared, and marks no profile as its own.
    """
    with database.session(write=False) as session:
        listed = session.exec(select(Profile).where(col(Profile.id).in_(ids)).order_by(col(Profile.id)))
        profiles = [profile for profile in listed if profile_text(profile) or against_text(profile)]
    texts = [text for profile in profiles for text in (profile_text(profile), against_text(profile))]
    vectors = embed_texts(encoder, texts)
    with database.session() as session:
        for position, profile in enumerate(profiles):
            wanted, against = vectors[2 * position], vectors[2 * position + 1]
            session.merge(
                ProfileVector(
                    profile_id=profile.id,
                    encoder=encoder.name,
                    dimension=encoder.dimension,
                    vector=to_bytes(wanted),
                    against=to_bytes(against) if against_text(profile) else None,
                )
            )
        if not ahead:
            _mark(session, Profile, ids, encoder.name)
    return len(profiles)


def embed_texts(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """A row per text that a person typed; of an empty one noughts, which are like nothing."""
    rows = np.zeros((len(texts), encoder.dimension), np.float32)
    spoken = [row for row, text in enumerate(texts) if text]
    rows[spoken] = encoder.encode_queries([texts[row] for row in spoken])
    return rows
