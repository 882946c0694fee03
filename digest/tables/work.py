"""What was done, and who does what."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from digest.columns import UtcDateTime, key, partial_index, texts


class Run(SQLModel, table=True):
    """One pass of a stage for a moment, and for `ingest` one row a source: what was asked, done and refused."""

    __table_args__ = (Index("ix_run_stage_source", "stage", "source", "moment"),)

    id: int = key()
    moment: datetime = Field(sa_type=UtcDateTime)
    stage: str = Field(max_length=32)
    source: str = Field(default="", max_length=32)
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ok: bool = False
    report: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Batch(SQLModel, table=True):
    """Ids of a stage at a moment that a worker takes at once (scaled). The row is the work, a task only wakes for it.

    It is `owner`'s until `lease_until`, which the owner moves on while it works; an owner that died loses it.
    """

    __table_args__ = (partial_index("ix_batch_open", "stage", where="finished_at IS NULL"),)

    id: int = key()
    stage: str = Field(max_length=32)
    moment: datetime = Field(sa_type=UtcDateTime, index=True)
    ids: list[int] = texts()
    woken_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempt: int = 0
    owner: str | None = Field(default=None, max_length=128)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    report: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Lease(SQLModel, table=True):
    """The latest moment that a beat has taken for itself, so that of several beats one plans it."""

    name: str = Field(primary_key=True, max_length=32)
    moment: datetime = Field(sa_type=UtcDateTime)
