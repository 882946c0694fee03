"""What a tick asks PostgreSQL is answered by indexes, however many rows there are."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import Session

from digest.composing import sheets
from digest.db import Database
from digest.embeddings import vectors
from digest.mail import outbox
from digest.ranking import editions
from digest.subscribers import privacy, requests, schedule

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
ROWS = (
    """INSERT INTO subscriber (email, name, status, zone, hour, weekdays, papers_per_edition, link_key,
        next_edition_at, last_edition_at, created_at)
    SELECT 'r' || n, '', 'active', 'UTC', 7, '[]', 10, 'k' || n,
        CASE WHEN n % 1000 = 0 THEN timestamptz '2026-05-06 08:59Z' ELSE timestamptz '2026-05-06 12:00Z' END,
        timestamptz '2026-05-05Z', timestamptz '2026-01-01Z' FROM generate_series(1, 50000) n""",
    """INSERT INTO profile (subscriber_id, name, text, categories, keywords, muted, authors, weight, balance, active,
        embedded_by, created_at)
    SELECT id, 'one', 'text', '[]', '[]', '[]', '[]', 1, 0.3, true, 'hashing', created_at FROM subscriber""",
    """INSERT INTO edition (subscriber_id, edition_date, encoder, considered, failed_sources, created_at)
    SELECT id, date '2026-05-05', '', 1, '[]', timestamptz '2026-05-05Z' FROM subscriber""",
    """INSERT INTO outbox_message (subscriber_id, edition_id, edition_date, kind, envelope_from, recipient, message_id,
        content, state, attempt, doubts, paced, next_at, reply, created_at)
    SELECT subscriber_id, id, edition_date, 'edition', 'a', 'b', 'm' || id,
        CASE WHEN id % 1000 = 0 THEN NULL ELSE ''::bytea END,
        CASE WHEN id % 1000 < 2 THEN 'planned' ELSE 'sent' END, 0, 0, false, created_at, '', created_at
    FROM edition""",
)
ROWS += (
    """INSERT INTO mailed_link (digest, purpose, subscriber_id, address, created_at, expires_at)
    SELECT 'd' || id, 'sign-in', id, '', timestamptz '2026-05-06Z',
        CASE WHEN id % 1000 = 0 THEN timestamptz '2026-03-01Z' ELSE timestamptz '2026-05-06Z' END FROM subscriber""",
    """INSERT INTO web_session (digest, subscriber_id, created_at, seen_at, proved_at)
    SELECT 'd' || id, id, timestamptz '2026-03-01Z',
        CASE WHEN id % 1000 = 0 THEN timestamptz '2026-03-01Z' ELSE timestamptz '2026-05-06Z' END,
        timestamptz '2026-05-06Z' FROM subscriber""",
    """INSERT INTO paper_request (subscriber_id, line, sign, created_at, asked_at, gave_up_at)
    SELECT id, '2401.00001', 1, timestamptz '2026-03-01Z', timestamptz '2026-05-06Z',
        CASE WHEN id % 1000 = 0 THEN NULL ELSE timestamptz '2026-05-06Z' END FROM subscriber""",
)
PLANS: dict[str, tuple[Callable[[Session], list[int]], str, str]] = {
    "due": (lambda session: editions.plan(session, NOW), "Index", "ix_subscriber_due"),
    "compose": (sheets.plan, "Index", "ix_outbox_message_to_compose"),
    "deliver": (lambda session: outbox.plan(session, NOW), "Index", "ix_outbox_message_state_next_at"),
    "lookup": (lambda session: requests.plan(session, NOW + timedelta(hours=1)), "Index", "ix_paper_request_open"),
    "links": (lambda session: privacy.plan_tidy(session, NOW), "Index", "ix_mailed_link_expires_at"),
    "sessions": (lambda session: privacy.plan_tidy(session, NOW), "Index", "ix_web_session_seen_at"),
    "resume": (lambda session: schedule.plan_resume(session, NOW), "Index", "ix_subscriber_due"),
    "profiles": (lambda session: vectors.plan_profiles(session, "hashing"), "Index", "ix_profile_embedded_by"),
}


@pytest.fixture(scope="module")
def full(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Fifty thousand subscribers; fifty are due, fifty editions have no message, fifty messages wait."""
    databases = request.getfixturevalue("postgres")
    name = databases.take()
    with Database(databases.server.url(name)) as database:
        with database.session() as session:
            for statement in ROWS:
                session.connection().execute(text(statement))
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        yield database
    databases.server.execute(f"DROP DATABASE {name}")


def explain(database: Database, ask: Callable[[Session], list[int]]) -> list[dict[str, Any]]:
    """The nodes of the plans of every statement that `ask` sends."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    nodes: list[dict[str, Any]] = []
    with database.session(write=False) as session:
        event.listen(database.engine, "before_cursor_execute", note)
        found = ask(session)
        event.remove(database.engine, "before_cursor_execute", note)
        assert len(found) in {0, 50}
        for statement, parameters in sent:
            plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
            nodes += walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return nodes


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from walk(below)


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_its_index_and_no_whole_table(full: Database, name: str) -> None:
    ask, kind, index = PLANS[name]
    nodes = explain(full, ask)
    assert [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"] in (
        [],
        ["paper"],
        ["pace"],
    )  # small tables
    assert any(node.get("Index Name") == index and kind in node["Node Type"] for node in nodes), [
        (node["Node Type"], node.get("Index Name")) for node in nodes
    ]
