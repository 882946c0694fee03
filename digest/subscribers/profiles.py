"""Interest profiles: creating, listing, removing. What is stored has been checked; a bad field stores nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.errors import InvalidRequest
from digest.papers.categories import parse_category
from digest.papers.lookup import find_paper
from digest.tables import Profile, ProfileExample, Subscriber

LONGEST_NAME, LONGEST_TEXT, MOST_PROFILES, MOST_PHRASES = 80, 4000, 10, 50
SHORTEST_PHRASE, LONGEST_PHRASE = 2, 60
HIGHEST_BALANCE = 0.6


@dataclass(frozen=True, slots=True)
class Interest:
    """What somebody says of one interest. Example papers are named by id or link."""

    name: str
    text: str = ""
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    weight: float = 1.0
    balance: float = 0.3


def add(session: Session, subscriber: Subscriber, interest: Interest, now: datetime) -> Profile:
    """Store a profile with its examples; raises InvalidRequest and stores nothing when a field cannot be taken."""
    _check(session, subscriber, interest)
    profile = Profile(
        subscriber_id=subscriber.id,
        name=interest.name.strip(),
        text=interest.text.strip(),
        categories=[parse_category(category) for category in interest.categories],
        keywords=_phrases(interest.keywords),
        muted=_phrases(interest.muted),
        authors=[author.strip() for author in interest.authors],
        weight=interest.weight,
        balance=interest.balance,
        created_at=now,
    )
    examples = {find_paper(session, name).id: 1 for name in interest.liked}
    for name in interest.disliked:
        if examples.setdefault(find_paper(session, name).id, -1) > 0:
            raise InvalidRequest(f"The paper “{name}” cannot be both liked and disliked.")
    session.add(profile)
    session.flush()
    for paper_id, sign in examples.items():
        session.add(ProfileExample(profile_id=profile.id, paper_id=paper_id, sign=sign, created_at=now))
    return profile


def _check(session: Session, subscriber: Subscriber, interest: Interest) -> None:
    name = interest.name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(f"The name of an interest has 1 to {LONGEST_NAME} characters on one line.")
    if not all(author.strip() and author.isprintable() for author in interest.authors):
        raise InvalidRequest("The name of an author to follow must not be empty.")
    if len(interest.text) > LONGEST_TEXT:
        raise InvalidRequest(f"The description must have {LONGEST_TEXT} characters or fewer.")
    if not (interest.text.strip() or interest.liked or interest.keywords or interest.authors or interest.categories):
        raise InvalidRequest("Describe the interest: a text, an example paper, a keyword, an author or a category.")
    if not 0 <= interest.balance <= HIGHEST_BALANCE:
        raise InvalidRequest(f"The balance of trending papers lies between 0 and {HIGHEST_BALANCE}.")
    if not 0 < interest.weight <= 10:  # noqa: PLR2004 - beyond that the others would vanish
        raise InvalidRequest("The weight of an interest lies above 0 and is at most 10.")
    others = [profile.name.casefold() for profile in listing(session, subscriber)]
    if name.casefold() in others:
        raise InvalidRequest(f"{subscriber.email} has an interest called “{name}” already.")
    if len(others) >= MOST_PROFILES:
        raise InvalidRequest(f"{subscriber.email} has {MOST_PROFILES} interests, and that is the most.")


def _phrases(given: tuple[str, ...]) -> list[str]:
    phrases = [" ".join(phrase.split()) for phrase in given]
    for phrase in phrases:
        if not SHORTEST_PHRASE <= len(phrase) <= LONGEST_PHRASE or not any(c.isalnum() for c in phrase):
            raise InvalidRequest(f"“{phrase}” is not a phrase: use {SHORTEST_PHRASE} to {LONGEST_PHRASE} characters.")
    if len(phrases) > MOST_PHRASES:
        raise InvalidRequest(f"{len(phrases)} phrases are too many: {MOST_PHRASES} is the most.")
    return phrases


def listing(session: Session, subscriber: Subscriber) -> list[Profile]:
    query = select(Profile).where(Profile.subscriber_id == subscriber.id).order_by(col(Profile.id))
    return list(session.exec(query))


def find(session: Session, subscriber: Subscriber, name: str) -> Profile:
    """The subscriber's profile called `name`; raises InvalidRequest that lists those there are."""
    profiles = listing(session, subscriber)
    found = [profile for profile in profiles if profile.name.casefold() == name.strip().casefold()]
    if not found:
        known = ", ".join(f"“{profile.name}”" for profile in profiles) or "none yet"
        raise InvalidRequest(f"{subscriber.email} has no interest “{name}”; there are: {known}.")
    return found[0]


def count_examples(session: Session, profile: Profile) -> tuple[int, int]:
    """How many papers the profile likes and dislikes."""
    signs = session.exec(select(ProfileExample.sign).where(ProfileExample.profile_id == profile.id)).all()
    return sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)


def remove(session: Session, profile: Profile) -> None:
    session.delete(profile)
    session.flush()
