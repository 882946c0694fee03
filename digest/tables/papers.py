"""Papers, what is known of them, and the crowd that they are."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.columns import UtcDateTime, embedder, key, partial_index, reference, texts


class Paper(SQLModel, table=True):
    """One work, merged over sources and versions. `merged_into` marks a duplicate found later; it is never ranked."""

    __table_args__ = (partial_index("ix_paper_unforeseen", "announced_at", where="prior IS NULL"),)

    id: int = key()
    title: str
    abstract: str
    authors: list[str] = texts()
    author_count: int = 0
    categories: list[str] = texts()
    url: str = ""
    source: str = Field(max_length=32)
    version: int | None = None
    published_on: date | None = None
    announced_at: datetime = Field(sa_type=UtcDateTime, index=True)
    first_seen_at: datetime = Field(sa_type=UtcDateTime, index=True)
    prior: float | None = None
    trend: float | None = None
    trend_facts: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    trended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    embedded_by: str | None = embedder()
    merged_into: int | None = Field(default=None, foreign_key="paper.id", index=True)


class PaperExternalId(SQLModel, table=True):
    """A name under which a work is known: an arXiv id, a DOI, a source's own id, or `title` (see papers.identity)."""

    __tablename__ = "paper_external_id"
    __table_args__ = (UniqueConstraint("scheme", "value"),)

    id: int = key()
    paper_id: int = reference("paper.id")
    scheme: str = Field(max_length=32)
    value: str = Field(max_length=512)
    source: str = Field(max_length=32)


class Signal(SQLModel, table=True):
    """A dated observation of attention to a paper: votes, comments, stars or citations, as a source counted them."""

    __table_args__ = (UniqueConstraint("paper_id", "source", "kind", "observed_at"),)

    id: int = key()
    paper_id: int = reference("paper.id", index=False)
    source: str = Field(max_length=32)
    kind: str = Field(max_length=16)
    observed_at: datetime = Field(sa_type=UtcDateTime, index=True)
    value: int


class PaperListing(SQLModel, table=True):
    """The day (UTC) on which a source listed a paper: its votes there are counted from the beginning of it."""

    __tablename__ = "paper_listing"

    paper_id: int = Field(foreign_key="paper.id", primary_key=True, ondelete="CASCADE")
    source: str = Field(primary_key=True, max_length=32)
    listed_on: date = Field(index=True)


class TrendPrior(SQLModel, table=True):
    """Coefficients of the prior before any vote, fitted on this instance's history; the newest row holds."""

    __tablename__ = "trend_prior"

    id: int = key()
    fitted_at: datetime = Field(sa_type=UtcDateTime)
    content: str


class PaperVector(SQLModel, table=True):
    """A paper's unit embedding by one encoder, and its sentences' (float16, row after row) while it is new."""

    __tablename__ = "paper_vector"

    paper_id: int = Field(foreign_key="paper.id", primary_key=True, ondelete="CASCADE")
    encoder: str = Field(primary_key=True, max_length=128)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)
    sentences: bytes | None = Field(default=None, sa_type=LargeBinary)


class EncoderInForce(SQLModel, table=True):
    """The one row that names the encoder in force (`current`) and, while one is prepared, the one to follow it.

    Both hold the fields of an `EncoderSpec`. Without the row, the settings name the encoder.
    """

    __tablename__ = "encoder_in_force"

    id: int = key()
    current: dict[str, Any] = Field(sa_type=JSON)
    since: datetime = Field(sa_type=UtcDateTime)
    prepared: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Background(SQLModel, table=True):
    """What the papers in store look like as a crowd, by one encoder ("" means words alone).

    `mean` and `covariance` are of the vectors (float32); `term_counts` holds, for each hashed term, the number of
    papers that have it (uint32).
    """

    id: int = key()
    encoder: str = Field(max_length=128, index=True)
    dimension: int
    paper_count: int
    newest_paper_id: int
    mean: bytes = Field(sa_type=LargeBinary)
    covariance: bytes = Field(sa_type=LargeBinary)
    term_counts: bytes = Field(sa_type=LargeBinary)
    computed_at: datetime = Field(sa_type=UtcDateTime)


class LearntRanking(SQLModel, table=True):
    """What was learnt from readers, by one encoder.

    `few` and `many` are the weights of the signals for who likes few and many papers; `vectors` are the unit vectors of
    liked papers and `factors` their tastes (both float16).
    """

    __tablename__ = "learnt_ranking"

    id: int = key()
    encoder: str = Field(max_length=128, index=True)
    dimension: int
    factor_count: int
    reader_count: int
    few: list[float] = Field(sa_type=JSON)
    many: list[float] = Field(sa_type=JSON)
    vectors: bytes = Field(sa_type=LargeBinary)
    factors: bytes = Field(sa_type=LargeBinary)
    computed_at: datetime = Field(sa_type=UtcDateTime)
