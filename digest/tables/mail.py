"""Editions, the messages that carry them, and what comes of mail."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.columns import UtcDateTime, by_value, key, partial_index, reference, texts


class SkipReason(StrEnum):
    NO_NEW_PAPERS = "no_new_papers"
    NO_MATCH = "no_match"
    SOURCE_FAILED = "source_failed"
    PAUSED = "paused"
    SUPPRESSED = "suppressed"


class Edition(SQLModel, table=True):
    """One subscriber's digest for one date, or the reason why there is none.

    `hidden` names what muted words kept out of it: objects of a paper's id, a profile's id and the phrase.
    """

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
    hidden: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)


class EditionItem(SQLModel, table=True):
    """A paper at a rank in an edition, with its score and the reason, made of the ranker's own terms.

    `version` is the paper's that the reader got, or was told of since. `ranker` is whose pick it is: “outside” for one
    from outside every profile, empty where that was not written down.
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
    ranker: str = Field(default="", max_length=32)
    version: int | None = None


class MailKind(StrEnum):
    """What a message is; the names of the templates in `templates/mail/`."""

    EDITION = "edition"
    CONFIRM = "confirm"
    SIGN_IN = "sign_in"
    ALREADY_SUBSCRIBED = "already_subscribed"
    NO_SUBSCRIPTION = "no_subscription"
    ADDRESS_CHANGE = "address_change"
    ADDRESS_NOTICE = "address_notice"


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
        partial_index("ix_outbox_message_letters", "created_at", where="kind <> 'edition'"),
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
