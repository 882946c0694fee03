"""What the schema promises of runs and batches: what was written comes back, moments in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import select

from digest.db import Database
from digest.tables import (
    Batch,
    Lease,
    Run,
)


def test_a_batch_and_a_run_come_back_as_they_were_written(database: Database, now: datetime) -> None:
    abroad = now.astimezone(timezone(timedelta(hours=9)))
    with database.session() as session:
        batch = Batch(stage="rank", moment=abroad, ids=[3, 1], woken_at=abroad)
        run = Run(stage="rank", moment=abroad, started_at=abroad, report={"planned": 2})
        session.add_all([batch, run])
    with database.session(write=False) as session:
        found, record = session.exec(select(Batch)).one(), session.exec(select(Run)).one()
        assert (found.ids, found.moment, found.moment.tzinfo, found.finished_at) == ([3, 1], now, UTC, None)
        assert (record.report, record.moment, record.ok) == ({"planned": 2}, now, run.ok)


def test_a_lease_is_held_once(database: Database, now: datetime) -> None:
    with database.session() as session:
        session.add(Lease(name="tick", moment=now))
    with pytest.raises(IntegrityError), database.session() as session:
        session.add(Lease(name="tick", moment=now))


def test_a_moment_without_a_zone_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.session() as session:
        session.add(Lease(name="tick", moment=now.replace(tzinfo=None)))
