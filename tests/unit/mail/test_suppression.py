"""The suppression list knows an address in any spelling and keeps none."""

from datetime import datetime

import pytest
from sqlmodel import select

from digest.db import Database
from digest.mail.suppression import suppress, suppressed
from digest.tables import Suppression


@pytest.mark.parametrize("spelling", ["ada@example.org", "ADA@Example.ORG", "  ada@example.org\n"])
def test_an_address_is_found_in_any_spelling(database: Database, now: datetime, spelling: str) -> None:
    with database.session() as session:
        suppress(session, "Ada@example.org", "550 5.1.1", now)
        assert suppressed(session, [spelling, "emmy@example.org"]) == {spelling}


def test_nobody_asked_for_and_nobody_listed_is_nobody(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert suppressed(session, ["ada@example.org"]) == set()
        suppress(session, "ada@example.org", "550 5.1.1", now)
        assert suppressed(session, []) == set()


def test_the_first_reason_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        suppress(session, "ada@example.org", "first", now)
        suppress(session, "ADA@example.org", "second", now)
    with database.session() as session:
        assert [row.reason for row in session.exec(select(Suppression))] == ["first"]


def test_the_list_holds_no_address(database: Database, now: datetime) -> None:
    with database.session() as session:
        suppress(session, "ada@example.org", "550 5.1.1 " + "long " * 100, now)
    with database.session() as session:
        row = session.exec(select(Suppression)).one()
    assert "ada" not in row.address_digest
    assert len(row.reason) <= 200
