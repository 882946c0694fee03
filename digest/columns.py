"""Types and shapes of columns that the tables share, and how constraints are named."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Enum, Index, TypeDecorator, text
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite stores it without its zone and gets it back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def by_value(enum: type[StrEnum]) -> Enum:
    """A column type that stores an enum's value as text, so that a new member needs no migration."""
    return Enum(enum, native_enum=False, length=24, values_callable=lambda members: [m.value for m in members])


def key() -> Any:  # a Field with no default would have to be passed by every caller
    return Field(default=None, primary_key=True)


def texts() -> Any:
    return Field(default_factory=list, sa_type=JSON)


def reference(target: str, *, index: bool = True) -> Any:
    return Field(foreign_key=target, index=index, ondelete="CASCADE")


def embedder() -> Any:
    """The encoder that has seen the row's present text, or None; by its index a tick finds what has no vector yet."""
    return Field(default=None, max_length=128, index=True)


def partial_index(name: str, column: str, *, where: str) -> Index:
    """An index of the few rows that a plan looks for; `{false}` in `where` is said as each database says it."""
    return Index(
        name,
        column,
        sqlite_where=text(where.format(false="0")),
        postgresql_where=text(where.format(false="false")),
    )
