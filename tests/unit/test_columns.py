"""What the types of columns promise: moments with their zone, enums by their value."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from factories import make_edition, make_subscriber
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError
from sqlmodel import select

from digest.columns import UtcDateTime
from digest.db import Database
from digest.tables import Edition, SkipReason, Subscriber, SubscriberStatus

KATHMANDU = timezone(timedelta(hours=5, minutes=45))


@pytest.mark.parametrize("zone", [UTC, KATHMANDU, timezone(timedelta(hours=-12))])
def test_a_moment_comes_back_as_it_went_in(database: Database, now: datetime, zone: timezone) -> None:
    moment = datetime(2026, 3, 1, 0, 30, 15, 123456, tzinfo=zone)
    with database.session() as session:
        subscriber = make_subscriber(session, now, next_edition_at=moment)
    with database.session(write=False) as session:
        read = session.get_one(Subscriber, subscriber.id).next_edition_at
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


def test_moments_in_different_zones_are_compared_as_moments(database: Database, now: datetime) -> None:
    with database.session() as session:
        make_subscriber(session, now, next_edition_at=now.astimezone(KATHMANDU))
        due = select(Subscriber.id).where(Subscriber.next_edition_at <= now.astimezone(timezone(timedelta(hours=-9))))
        assert len(session.exec(due).all()) == 1


def test_a_moment_without_a_zone_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.session() as session:
        make_subscriber(session, now, next_edition_at=now.replace(tzinfo=None))
    with database.session(write=False) as session:
        assert session.exec(select(Subscriber)).all() == []


def test_a_moment_from_a_server_in_another_zone_is_utc(now: datetime) -> None:
    read = UtcDateTime().process_result_value(now.astimezone(KATHMANDU), postgresql.dialect())
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize("status", SubscriberStatus)
def test_an_enum_is_stored_by_its_value(database: Database, now: datetime, status: SubscriberStatus) -> None:
    with database.session() as session:
        subscriber = make_subscriber(session, now, status=status)
        skipped = make_edition(session, subscriber, now, skip_reason=SkipReason.NO_MATCH)
        assert session.execute(text("SELECT status FROM subscriber")).scalar_one() == status.value
        assert session.execute(text("SELECT skip_reason FROM edition")).scalar_one() == "no_match"
        session.expire_all()
        assert session.get_one(Subscriber, subscriber.id).status is status
        assert session.get_one(Edition, skipped.id).skip_reason is SkipReason.NO_MATCH
