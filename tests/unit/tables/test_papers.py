"""What the schema promises of papers: an id belongs to one, and a moment has one signal of a kind."""

from collections.abc import Callable
from datetime import datetime

import pytest
from factories import make_paper, make_subscriber
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from digest.db import Database
from digest.tables import (
    Paper,
    PaperExternalId,
    PaperVector,
    Signal,
    Subscriber,
)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            lambda _s, p, _now: [
                PaperExternalId(paper_id=p.id, scheme="doi", value="10.1234/x", source="files"),
                PaperExternalId(paper_id=p.id, scheme="doi", value="10.1234/x", source="arxiv"),
            ],
            id="external id",
        ),
        pytest.param(
            lambda _s, p, now: [
                Signal(paper_id=p.id, source="huggingface", kind="votes", observed_at=now, value=1),
                Signal(paper_id=p.id, source="huggingface", kind="votes", observed_at=now, value=2),
            ],
            id="signal of a moment",
        ),
    ],
)
def test_the_same_thing_is_not_stored_twice(
    database: Database, now: datetime, rows: Callable[[Subscriber, Paper, datetime], list[SQLModel]]
) -> None:
    with database.session() as session:
        subscriber, paper = make_subscriber(session, now), make_paper(session, now)
        session.flush()
        session.add_all(rows(subscriber, paper, now))
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            session.flush()
        session.rollback()


def test_with_a_paper_go_its_rows_and_no_other_s(database: Database, now: datetime) -> None:
    with database.session() as session:
        going, staying = make_paper(session, now), make_paper(session, now)
        for paper in (going, staying):
            session.add(PaperVector(paper_id=paper.id, encoder="hashing", dimension=1, vector=b"\0\0"))
            session.add(Signal(paper_id=paper.id, source="files", kind="votes", observed_at=now, value=1))
    with database.session() as session:
        session.execute(text("DELETE FROM paper WHERE id = :id"), {"id": going.id})
    with database.session(write=False) as session:
        for table in (PaperExternalId, PaperVector, Signal):
            assert [row.paper_id for row in session.exec(select(table))] == [staying.id]
