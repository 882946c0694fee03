"""Subscribers with their interests, votes and keys to their pages."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.columns import UtcDateTime, by_value, embedder, key, partial_index, reference, texts


class SubscriberStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Subscriber(SQLModel, table=True):
    """A person's address with a status and a schedule. `next_edition_at` is all that a tick looks at.

    `had_interests` says that there was one which has been deleted since.
    `link_key` is part of every link in the mail and `feed_key` of every feed's address: a new one voids the old ones.
    """

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
    feed_key: str = Field(default="", max_length=32)
    next_edition_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_edition_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    had_interests: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Profile(SQLModel, table=True):
    """One standing interest of a subscriber. `balance` is the share of the trend in a score, 0 to 0.6.

    `against` is a text of what is not wanted. A paper must have one of the phrases `required`, if there are any, moves
    up by `keywords` and never comes by `muted`; `muted_until` names the last day (ISO) of what is muted for a time.
    A profile that was removed is kept for a while, with `removed_at`.
    """

    __table_args__ = (
        UniqueConstraint("subscriber_id", "name"),
        Index("ix_profile_subscriber_id_active", "subscriber_id", "active"),
        partial_index("ix_profile_removed", "removed_at", where="removed_at IS NOT NULL"),
    )

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    name: str = Field(max_length=80)
    text: str = ""
    against: str = ""
    categories: list[str] = texts()
    required: list[str] = texts()
    keywords: list[str] = texts()
    muted: list[str] = texts()
    muted_until: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    authors: list[str] = texts()
    weight: float = 1.0
    balance: float = 0.3
    active: bool = True
    embedded_by: str | None = embedder()
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


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


class ProfileVector(SQLModel, table=True):
    """The unit embeddings of a profile's own text and of what it is against, by one encoder (float16)."""

    __tablename__ = "profile_vector"

    profile_id: int = Field(foreign_key="profile.id", primary_key=True, ondelete="CASCADE")
    encoder: str = Field(primary_key=True, max_length=128)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)
    against: bytes | None = Field(default=None, sa_type=LargeBinary)


class Feedback(SQLModel, table=True):
    """A subscriber's vote on a paper: +1 for more like it, -1 for less; the latest counts.

    `profile_id` is the interest that learns from it, `reason` what the person gave as one, if anything.
    """

    __table_args__ = (UniqueConstraint("subscriber_id", "paper_id"),)

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    paper_id: int = reference("paper.id")
    edition_id: int | None = Field(default=None, foreign_key="edition.id", ondelete="SET NULL")
    profile_id: int | None = Field(default=None, foreign_key="profile.id", ondelete="SET NULL")
    value: int
    reason: str = Field(default="", max_length=16)
    created_at: datetime = Field(sa_type=UtcDateTime)


class PaperRequest(SQLModel, table=True):
    """A paper that a person named and the store did not hold: for a profile, as an example of `sign`, or for all.

    `line` is what was typed. It is looked for again until it is found, or `gave_up_at` says that nobody knows it.
    """

    __tablename__ = "paper_request"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "profile_id", "line"),
        partial_index("ix_paper_request_open", "asked_at", where="gave_up_at IS NULL"),
        partial_index("ix_paper_request_given_up", "gave_up_at", where="gave_up_at IS NOT NULL"),
    )

    id: int = key()
    subscriber_id: int = reference("subscriber.id", index=False)
    profile_id: int | None = Field(default=None, foreign_key="profile.id", index=True, ondelete="CASCADE")
    line: str = Field(max_length=500)
    sign: int = 1
    created_at: datetime = Field(sa_type=UtcDateTime)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    gave_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MailedLink(SQLModel, table=True):
    """A link that was mailed and works once, by one press; of the token only the hash is kept.

    `address` is where it was mailed to: the new one of an address change, the old one where the change can be stopped.
    """

    __tablename__ = "mailed_link"

    id: int = key()
    digest: str = Field(max_length=64, unique=True)
    purpose: str = Field(max_length=16)
    subscriber_id: int = reference("subscriber.id")
    address: str = Field(default="", max_length=254)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class WebSession(SQLModel, table=True):
    """A browser that is signed in; the cookie holds the id whose hash this is. `proved_at`: the latest mailed link."""

    __tablename__ = "web_session"

    id: int = key()
    digest: str = Field(max_length=64, unique=True)
    subscriber_id: int = reference("subscriber.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)
    proved_at: datetime = Field(sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A key to the programming interface, kept as a hash; `scopes` says what it may do."""

    __tablename__ = "api_key"

    id: int = key()
    name: str = Field(max_length=80, unique=True)
    digest: str = Field(max_length=64, unique=True)
    scopes: list[str] = texts()
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
