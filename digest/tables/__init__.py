"""Every persisted row, a class per table. Foreign keys, but no ORM relationships: a query says what it reads."""

from sqlmodel import SQLModel

from digest.tables.mail import (
    BounceScore,
    Edition,
    EditionItem,
    MailKind,
    OutboxMessage,
    OutboxState,
    Pace,
    SkipReason,
    Suppression,
)
from digest.tables.papers import (
    Background,
    EncoderInForce,
    LearntRanking,
    Paper,
    PaperExternalId,
    PaperListing,
    PaperVector,
    Signal,
    TrendPrior,
)
from digest.tables.people import (
    ApiKey,
    Feedback,
    MailedLink,
    PaperRequest,
    Profile,
    ProfileExample,
    ProfileVector,
    Subscriber,
    SubscriberStatus,
    WebSession,
)
from digest.tables.work import Batch, Lease, Run

__all__ = [
    "ApiKey",
    "Background",
    "Batch",
    "BounceScore",
    "Edition",
    "EditionItem",
    "EncoderInForce",
    "Feedback",
    "LearntRanking",
    "Lease",
    "MailKind",
    "MailedLink",
    "OutboxMessage",
    "OutboxState",
    "Pace",
    "Paper",
    "PaperExternalId",
    "PaperListing",
    "PaperRequest",
    "PaperVector",
    "Profile",
    "ProfileExample",
    "ProfileVector",
    "Run",
    "SQLModel",
    "Signal",
    "SkipReason",
    "Subscriber",
    "SubscriberStatus",
    "Suppression",
    "TrendPrior",
    "WebSession",
]
