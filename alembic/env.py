"""Runs migrations over the connection that `digest.db` hands in, or over DIGEST_DATABASE_URL from the shell."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from sqlalchemy import Connection
from sqlmodel import AutoString

from digest.columns import UtcDateTime
from digest.db import Database
from digest.settings import load
from digest.tables import SQLModel


def render_item(kind: str, item: Any, _autogenerate: Any) -> str | bool:
    """Write special column types as the plain types beneath them: a migration must not import the application."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


@contextmanager
def connect() -> Iterator[Connection]:
    given = context.config.attributes.get("connection")
    if given is not None:
        yield given
        return
    with Database(load().database).engine.begin() as connection:
        yield connection


with connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
