"""Makes rows with sensible values; a test names only what matters to it."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlmodel import Session

from digest.sources.base import PaperRecord
from digest.tables import (
    Edition,
    OutboxMessage,
    OutboxState,
    Paper,
    PaperExternalId,
    Profile,
    ProfileExample,
    Subscriber,
    SubscriberStatus,
)

_numbers = count(1)


def start_over() -> None:
    """Count from one again, so that a test's rows do not depend on the tests before it."""
    global _numbers  # noqa: PLW0603
    _numbers = count(1)


TOPICS = {
    "mamba": "State space models such as Mamba replace attention by a selective recurrence of linear cost.",
    "auction": "We study auctions and matching markets, and give a truthful mechanism for bidders with budgets.",
    "protein": "Protein folding is predicted from sequences by a network that reads evolutionary couplings.",
    "robot": "A robot arm learns to grasp objects from a few human demonstrations and tactile feedback.",
    "galaxy": "Galaxies in a deep survey are classified by their spectra, redshift and star formation.",
}


def make_record(topic: str = "mamba", **fields: Any) -> PaperRecord:
    number = next(_numbers)
    given = {
        "source": "files",
        "title": f"{topic.title()} study number {number}",
        "abstract": f"{TOPICS[topic]} Experiment {number} confirms it. The gain over older methods is large.",
        "ids": {"arxiv": f"2605.{number:05}"},
        "authors": (f"Ada Author{number}", "Bob Writer"),
        "url": f"https://arxiv.org/abs/2605.{number:05}",
    }
    return PaperRecord(**(given | fields))


def make_paper(session: Session, now: datetime, topic: str = "mamba", **fields: Any) -> Paper:
    """A stored paper on a topic, announced two hours ago."""
    number = next(_numbers)
    given = {
        "title": f"{topic.title()} study number {number}",
        "abstract": f"{TOPICS[topic]} Experiment {number} confirms it. The gain over older methods is large.",
        "authors": [f"Ada Author{number}", "Bob Writer"],
        "author_count": 2,
        "url": f"https://arxiv.org/abs/2605.{number:05}",
        "source": "files",
        "announced_at": now - timedelta(hours=2),
        "first_seen_at": now - timedelta(hours=2),
    }
    paper = Paper(**(given | fields))
    session.add(paper)
    session.flush()
    session.add(PaperExternalId(paper_id=paper.id, scheme="arxiv", value=f"2605.{number:05}", source=paper.source))
    session.flush()
    return paper


def make_subscriber(session: Session, now: datetime, **fields: Any) -> Subscriber:
    """An active subscriber whose first edition is due."""
    number = next(_numbers)
    given = {
        "email": f"reader{number}@example.org",
        "name": f"Reader {number}",
        "status": SubscriberStatus.ACTIVE,
        "link_key": f"key{number}",
        "next_edition_at": now - timedelta(hours=1),
        "created_at": now - timedelta(days=1),
    }
    subscriber = Subscriber(**(given | fields))
    session.add(subscriber)
    session.flush()
    return subscriber


def make_profile(session: Session, subscriber: Subscriber, topic: str = "mamba", **fields: Any) -> Profile:
    """A profile whose text is about a topic."""
    given = {"name": topic, "text": TOPICS[topic], "created_at": subscriber.created_at}
    profile = Profile(subscriber_id=subscriber.id, **(given | fields))
    session.add(profile)
    session.flush()
    return profile


def like(session: Session, profile: Profile, paper: Paper, sign: int = 1) -> None:
    session.add(ProfileExample(profile_id=profile.id, paper_id=paper.id, sign=sign, created_at=profile.created_at))
    session.flush()


def make_edition(session: Session, subscriber: Subscriber, now: datetime, **fields: Any) -> Edition:
    given = {"subscriber_id": subscriber.id, "edition_date": now.date(), "created_at": now}
    edition = Edition(**(given | fields))
    session.add(edition)
    session.flush()
    return edition


def make_message(subscriber: Subscriber, now: datetime, number: int, **fields: Any) -> OutboxMessage:
    """A promised message, not stored."""
    given = {
        "subscriber_id": subscriber.id,
        "envelope_from": "digest@papers.example",
        "recipient": subscriber.email,
        "message_id": f"<{number}@papers.example>",
        "content": b"mail",
        "state": OutboxState.PLANNED,
        "next_at": now,
        "created_at": now,
    }
    return OutboxMessage(**(given | fields))
