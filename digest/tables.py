"""Every persisted row, a class per table. Foreign keys, but no ORM relationships: a query says what it reads."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.columns import UtcDateTime, by_value, embedder, key, partial_index, reference, texts

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class SubscriberStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Subscriber(SQLModel, table=True):
    """A person's address with a status and a schedule. `next_edition_at` is all that a tick looks at."""

    __table_args__ = (Index("ix_subscriber_due", "status", "next_edition_at", "id"),)

    id: int = key()
    email: str = Field(unique=True, max_length=254)
    name: str = Field(default="", max_length=200)
    status: SubscriberStatus = Field(sa_type=by_value(SubscriberStatus))
    zone: str = Field(default="UTC", max_length=64)
    hour: int = 7
    weekdays: list[int] = Field(default_factory=lambda: list(range(7)), sa_type=JSON)
    papers_per_edition: int = 10
    link_key: str = Field(max_length=32)
    next_edition_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_edition_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Profile(SQLModel, table=True):
    """One standing interest of a subscriber. `balance` is the share of the trend in a score, 0 to 0.6."""

    __table_args__ = (
        UniqueConstraint("subscriber_id", "name"),
        Index("ix_profile_subscriber_id_active", "subscriber_id", "active"),
    )

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    name: str = Field(max_length=80)
    text: str = ""
    categories: list[str] = texts()
    keywords: list[str] = texts()
    muted: list[str] = texts()
    authors: list[str] = texts()
    weight: float = 1.0
    balance: float = 0.3
    active: bool = True
    embedded_by: str | None = embedder()
    created_at: datetime = Field(sa_type=UtcDateTime)


class Paper(SQLModel, table=True):
    """One work, merged over sources and versions. `merged_into` marks a duplicate found later; it is never ranked."""

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


class ProfileExample(SQLModel, table=True):
    """A paper given to a profile as evidence: `sign` +1 for more like it, -1 for less; `origin` says how it came."""

    __tablename__ = "profile_example"
    __table_args__ = (UniqueConstraint("profile_id", "paper_id"),)

    id: int = key()
    profile_id: int = reference("profile.id")
    paper_id: int = reference("paper.id")
    sign: int = 1
    origin: str = Field(default="chosen", max_length=16)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Signal(SQLModel, table=True):
    """A dated observation of attention to a paper: votes, comments, stars or citations, as a source counted them."""

    __table_args__ = (UniqueConstraint("paper_id", "source", "kind", "observed_at"),)

    id: int = key()
    paper_id: int = reference("paper.id", index=False)
    source: str = Field(max_length=32)
    kind: str = Field(max_length=16)
    observed_at: datetime = Field(sa_type=UtcDateTime, index=True)
    value: int


class PaperVector(SQLModel, table=True):
    """A paper's unit embedding by one encoder, and its sentences' (float16, row after row) while it is new."""

    __tablename__ = "paper_vector"

    paper_id: int = Field(foreign_key="paper.id", primary_key=True, ondelete="CASCADE")
    encoder: str = Field(primary_key=True, max_length=128)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)
    sentences: bytes | None = Field(default=None, sa_type=LargeBinary)


class ProfileVector(SQLModel, table=True):
    """The unit embedding of a profile's own text by one encoder (float16)."""

    __tablename__ = "profile_vector"

    profile_id: int = Field(foreign_key="profile.id", primary_key=True, ondelete="CASCADE")
    encoder: str = Field(primary_key=True, max_length=128)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)


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


class SkipReason(StrEnum):
    NO_NEW_PAPERS = "no_new_papers"
    NO_MATCH = "no_match"
    SOURCE_FAILED = "source_failed"
    PAUSED = "paused"
    SUPPRESSED = "suppressed"


class Edition(SQLModel, table=True):
    """One subscriber's digest for one date, or the reason why there is none."""

    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition_date"),
        partial_index("ix_edition_skipped", "created_at", where="skip_reason IS NOT NULL"),
    )

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    edition_date: date = Field(index=True)
    skip_reason: SkipReason | None = Field(default=None, sa_type=by_value(SkipReason))
    encoder: str = Field(default="", max_length=128)
    considered: int = 0
    failed_sources: list[str] = texts()
    created_at: datetime = Field(sa_type=UtcDateTime)


class EditionItem(SQLModel, table=True):
    """A paper at a rank in an edition, with its score and the reason, made of the ranker's own terms.

    `version` is the paper's that the reader got, or was told of since.
    """

    __tablename__ = "edition_item"
    __table_args__ = (UniqueConstraint("edition_id", "rank"), UniqueConstraint("edition_id", "paper_id"))

    id: int = key()
    edition_id: int = reference("edition.id", index=False)
    paper_id: int = reference("paper.id")
    profile_id: int | None = Field(default=None, foreign_key="profile.id", ondelete="SET NULL")
    rank: int
    score: float
    relevance: float
    trend: float | None = None
    reason: dict[str, Any] = Field(sa_type=JSON)
    highlight: str = ""
    version: int | None = None


class MailKind(StrEnum):
    """What a message is; the names of the templates in `templates/mail/`."""

    EDITION = "edition"
    CONFIRM = "confirm"
    SIGN_IN = "sign_in"
    ALREADY_SUBSCRIBED = "already_subscribed"
    ADDRESS_CHANGE = "address_change"
    GOODBYE = "goodbye"


class OutboxState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    DEFERRED = "deferred"
    HELD = "held"
    SENT = "sent"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


class OutboxMessage(SQLModel, table=True):
    """A message promised by a committed transaction: for an edition, by the one that stored its items.

    The row is the queue: it is claimed by an owner until `lease_until`, and settled right after the server's answer.
    `content` is the whole mail (RFC 5322), deflated; NULL until it is composed, empty once nobody needs it any more.
    `attempt` counts claims; `doubts` how often the body was handed over and no answer has been written down;
    `paced` says that `next_at` is its place in its domain's queue. Of a settled message `next_at` says when it was.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition_date", "kind"),
        Index("ix_outbox_message_state_next_at", "state", "next_at"),
        partial_index("ix_outbox_message_to_compose", "id", where="content IS NULL"),
    )

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    edition_id: int | None = Field(default=None, foreign_key="edition.id", unique=True, ondelete="CASCADE")
    edition_date: date | None = None
    kind: MailKind = Field(default=MailKind.EDITION, sa_type=by_value(MailKind))
    envelope_from: str = Field(default="", max_length=254)
    recipient: str = Field(max_length=254)
    message_id: str = Field(max_length=255, unique=True)
    content: bytes | None = Field(default=None, sa_type=LargeBinary)
    state: OutboxState = Field(default=OutboxState.PLANNED, sa_type=by_value(OutboxState))
    attempt: int = 0
    owner: str | None = Field(default=None, max_length=128)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    doubts: int = 0
    paced: bool = False
    next_at: datetime = Field(sa_type=UtcDateTime)
    reply: str = Field(default="", max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    bounced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Pace(SQLModel, table=True):
    """How fast mail may go to one place: "relay", "domain example.org", or "mail" for all of it.

    Nothing goes before `closed_until`; the next may go at `next_free`; `per_minute` is the rate that the place has been
    slowed down to at `slowed_at`, None when it never was. `failures` are counted until one mail is accepted.
    """

    name: str = Field(primary_key=True, max_length=255)
    next_free: datetime | None = Field(default=None, sa_type=UtcDateTime)
    per_minute: float | None = None
    slowed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = 0
    reason: str = Field(default="", max_length=500)


class BounceScore(SQLModel, table=True):
    """How often mail to an address came back, decaying; the address is kept as a hash, as in the suppression list."""

    __tablename__ = "bounce_score"

    address_digest: str = Field(primary_key=True, max_length=64)
    score: float
    first_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    status: str = Field(default="", max_length=200)


class Suppression(SQLModel, table=True):
    """An address never to be mailed, kept as a hash so that it outlives the subscriber's erasure."""

    id: int = key()
    address_digest: str = Field(max_length=64, unique=True)
    reason: str = Field(max_length=200)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Feedback(SQLModel, table=True):
    """A subscriber's vote on a paper: +1 for more like it, -1 for less; the latest counts."""

    __table_args__ = (UniqueConstraint("subscriber_id", "paper_id"),)

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    paper_id: int = reference("paper.id")
    edition_id: int | None = Field(default=None, foreign_key="edition.id", ondelete="SET NULL")
    value: int
    created_at: datetime = Field(sa_type=UtcDateTime)


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
