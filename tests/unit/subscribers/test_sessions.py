"""Sessions: a secret in a cookie, thirty days from the last visit, and gone when they are ended."""

from datetime import datetime, timedelta

import pytest
from factories import make_subscriber
from sqlmodel import select

from digest.db import Database
from digest.subscribers.sessions import end, end_all, is_proved, listing, read, start
from digest.tables import Subscriber, WebSession

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


def test_a_browser_is_known_by_its_secret_which_is_not_stored(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        secret = start(session, ada, now)
    with database.session() as session:
        row = read(session, secret, now)
        assert (row.subscriber_id, row.created_at, row.seen_at, row.proved_at) == (ada.id, now, now, now)
        assert secret not in repr(session.exec(select(WebSession)).one())
        assert [read(session, wrong, now) for wrong in ("", secret[:-1], secret + "x", row.digest, "\ud800")] == [
            None
        ] * 5


def test_a_session_slides_and_ends_after_thirty_days_alone(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        secret = start(session, ada, now)
        assert read(session, secret, now + 29 * DAY) is not None
        assert read(session, secret, now + 58 * DAY) is not None
        assert read(session, secret, now + 88 * DAY) is None


def test_visits_are_noted_once_an_hour(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        secret = start(session, ada, now)
        assert read(session, secret, now + 59 * MINUTE).seen_at == now
        assert read(session, secret, now + HOUR).seen_at == now + HOUR


def test_a_browser_signs_out_alone_and_a_person_everywhere(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        bystander = start(session, make_subscriber(session, now), now)
        one, two, three = (start(session, ada, now + n * MINUTE) for n in range(3))
        end(session, two)
        end(session, "nobody's")
        assert [row.created_at for row in listing(session, ada)] == [now + 2 * MINUTE, now]
        assert [read(session, secret, now) is not None for secret in (one, two, three)] == [True, False, True]
        end_all(session, ada)
        assert listing(session, ada) == []
        assert read(session, bystander, now) is not None


def test_a_mailed_link_proves_for_a_quarter_of_an_hour(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        row = read(session, start(session, ada, now), now)
    assert is_proved(row, now + 15 * MINUTE)
    assert not is_proved(row, now + 15 * MINUTE + timedelta(seconds=1))
