"""Interest profiles: creating, changing, copying, removing. What is stored was checked; a bad field stores nothing.

A form is patient: papers that the store lacks are looked up later. A shell is not: they are refused at once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.db import take_turns
from digest.errors import InvalidRequest
from digest.subscribers import authors, examples, requests
from digest.subscribers.examples import CHOSEN, VOTED
from digest.subscribers.interests import (
    BALANCES,
    LONGEST_AGAINST,
    LONGEST_NAME,
    LONGEST_PHRASE,
    LONGEST_TEXT,
    MOST_AUTHORS,
    MOST_PHRASES,
    MOST_PROFILES,
    Interest,
    Reading,
    examine,
    living,
    read_form,
    read_options,
)
from digest.tables import PaperRequest, Profile, ProfileExample, ProfileVector, Subscriber
from digest.templating import shorten

__all__ = [
    "BALANCES",
    "LONGEST_NAME",
    "LONGEST_PHRASE",
    "LONGEST_TEXT",
    "MOST_PHRASES",
    "MOST_PROFILES",
    "Interest",
    "add",
    "change",
    "check",
    "copy",
    "count_examples",
    "describe",
    "find",
    "free_name",
    "from_author",
    "from_sentence",
    "get",
    "listing",
    "name_from",
    "remove",
    "removed",
    "restore",
    "sketch",
]

LONGEST_TITLE = 40  # of an interest that is named after its first words
MOST_BY_AUTHOR = 20  # papers that stand for an author
MOST = {  # letters or lines of a column
    "name": LONGEST_NAME,
    "text": LONGEST_TEXT,
    "against": LONGEST_AGAINST,
    "authors": MOST_AUTHORS,
    **dict.fromkeys(("required", "keywords", "muted"), MOST_PHRASES),
}
EMBEDDED = ("text", "keywords", "against")  # what a profile's vectors are made of

listing = living


def check(
    session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None = None
) -> dict[str, list[str]]:
    """What is wrong with an interest, by field; what belongs to no single one is under “form”. Empty: all is well."""
    reading = examine(session, subscriber, interest, profile)
    read_form(session, interest, reading)
    return reading.messages


def add(
    session: Session, subscriber: Subscriber, interest: Interest, now: datetime, *, patient: bool = False
) -> Profile:
    """Store a profile with its examples; raises InvalidRequest and stores nothing when a field cannot be taken."""
    take_turns(session, f"interests {subscriber.id}")
    reading = _take(session, interest, examine(session, subscriber, interest), patient=patient)
    profile = Profile(subscriber_id=subscriber.id, created_at=now, **reading.columns)
    _make_way(session, subscriber.id, profile.name)
    session.add(profile)
    session.flush()
    for paper_id, sign in reading.signs.items():
        examples.keep(session, profile.id, paper_id, sign, now)
    requests.ask(session, profile, reading.waiting, now)
    return profile


def change(session: Session, profile: Profile, interest: Interest, now: datetime, *, patient: bool = True) -> Profile:
    """Store what is said now in place of what was said before; what votes have taught stays."""
    take_turns(session, f"interests {profile.subscriber_id}")
    stored = session.get_one(Profile, profile.id)
    subscriber = session.get_one(Subscriber, stored.subscriber_id)
    reading = _take(session, interest, examine(session, subscriber, interest, stored), patient=patient)
    if any(getattr(stored, name) != reading.columns[name] for name in EMBEDDED):
        stored.embedded_by = None
        session.exec(delete(ProfileVector).where(col(ProfileVector.profile_id) == stored.id))
    _make_way(session, subscriber.id, reading.columns["name"])
    for name, value in reading.columns.items():
        setattr(stored, name, value)
    _replace_examples(session, stored, reading.signs, now)
    requests.replace(session, stored, reading.waiting, now)
    session.flush()
    return stored


def _take(session: Session, interest: Interest, reading: Reading, *, patient: bool) -> Reading:
    """The reading with its papers; raises InvalidRequest when something cannot be taken."""
    if patient:
        read_form(session, interest, reading)
        told = [message for messages in reading.messages.values() for message in messages]
        if told:
            raise InvalidRequest(f"{'. '.join(told)}.")
        return reading
    if reading.problems:
        raise InvalidRequest(reading.problems[0].at_shell)
    read_options(session, interest, reading)
    return reading


def _replace_examples(session: Session, profile: Profile, signs: dict[int, int], now: datetime) -> None:
    for example in session.exec(select(ProfileExample).where(ProfileExample.profile_id == profile.id)).all():
        if example.origin != VOTED and signs.get(example.paper_id) != example.sign:
            session.delete(example)
    session.flush()
    for paper_id, sign in signs.items():
        examples.keep(session, profile.id, paper_id, sign, now)


def describe(session: Session, profile: Profile) -> Interest:
    """What a form shows again: examples by id and title, papers that are still looked for as they were typed."""
    liked, disliked = (
        (*examples.lines_of(session, profile.id, sign), *requests.open_lines(session, profile, sign))
        for sign in (1, -1)
    )
    days = profile.muted_until
    return Interest(
        name=profile.name,
        text=profile.text,
        liked=liked,
        disliked=disliked,
        categories=tuple(profile.categories),
        keywords=tuple(profile.keywords),
        muted=tuple(f"{phrase} until {days[phrase]}" if phrase in days else phrase for phrase in profile.muted),
        authors=tuple(profile.authors),
        weight=profile.weight,
        balance=profile.balance,
        against=profile.against,
        required=tuple(profile.required),
        active=profile.active,
    )


def sketch(
    session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None = None
) -> tuple[Profile, list[int], list[int]]:
    """A profile that is never stored, and the papers it would like and dislike: what a preview is made of.

    What cannot be taken is left out, or cut to what can.
    """
    reading = examine(session, subscriber, interest, profile)
    read_form(session, interest, reading)
    wrong = {"balance", "weight"} & {problem.field for problem in reading.problems}
    columns = {name: value for name, value in reading.columns.items() if name not in wrong}
    cut = {name: columns[name][:most] for name, most in MOST.items()}
    made = Profile(subscriber_id=subscriber.id, **columns | cut)
    liked = [paper_id for paper_id, sign in reading.signs.items() if sign > 0]
    return made, liked, [paper_id for paper_id, sign in reading.signs.items() if sign < 0]


def copy(session: Session, profile: Profile, now: datetime) -> Profile:
    """A second profile like this one, with what was chosen for it and without what votes have taught it."""
    subscriber = session.get_one(Subscriber, profile.subscriber_id)
    take_turns(session, f"interests {subscriber.id}")
    _check_room(session, subscriber)
    kept = profile.model_dump(exclude={"id", "name", "embedded_by", "removed_at", "created_at"})
    made = Profile(name=free_name(session, subscriber, profile.name), created_at=now, **kept)
    session.add(made)
    session.flush()
    for table in (ProfileExample, PaperRequest):
        for row in session.exec(select(table).where(table.profile_id == profile.id)).all():
            if getattr(row, "origin", CHOSEN) != VOTED:
                session.add(table(**row.model_dump(exclude={"id", "profile_id"}), profile_id=made.id))
    session.flush()
    return made


def from_sentence(session: Session, subscriber: Subscriber, text: str, now: datetime) -> Profile:
    """A profile made from one sentence, and named after its first words."""
    name = free_name(session, subscriber, name_from(text))
    return add(session, subscriber, Interest(name, text), now, patient=True)


def from_author(session: Session, subscriber: Subscriber, author: str, now: datetime) -> Profile:
    """A profile that likes what an author wrote and follows them; raises InvalidRequest when nothing is in store."""
    papers = authors.papers_by(session, author, MOST_BY_AUTHOR)
    if not papers:
        raise InvalidRequest(
            f"No stored paper is by “{author.strip()}”: check the spelling, or name one of the papers."
        )
    name = authors.spelling(papers[0], author)
    interest = Interest(free_name(session, subscriber, name[:LONGEST_NAME]), authors=(name,))
    profile = add(session, subscriber, interest, now, patient=True)
    for paper in papers:
        examples.keep(session, profile.id, paper.id, 1, now)
    return profile


def name_from(text: str) -> str:
    """The first words of a text, as a name."""
    seen = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return shorten(seen, LONGEST_TITLE)


def free_name(session: Session, subscriber: Subscriber, name: str) -> str:
    """`name`, or “name (2)” and so on where the subscriber has it already, removed interests counted."""
    query = select(Profile.name).where(Profile.subscriber_id == subscriber.id)
    taken = {other.casefold() for other in session.exec(query)}
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        ending = f" ({number})"
        free = f"{name[: LONGEST_NAME - len(ending)].rstrip()}{ending}"
    return free


def _make_way(session: Session, subscriber_id: int, name: str) -> None:
    """A removed interest does not hold on to its name."""
    gone = col(Profile.removed_at).is_not(None)
    query = select(Profile).where(Profile.subscriber_id == subscriber_id, Profile.name == name, gone)
    for profile in session.exec(query).all():
        profile.name = free_name(session, session.get_one(Subscriber, subscriber_id), name)
    session.flush()


def _check_room(session: Session, subscriber: Subscriber) -> None:
    if len(living(session, subscriber)) >= MOST_PROFILES:
        raise InvalidRequest(f"There are {MOST_PROFILES} interests, and that is the most: remove one first.")


def find(session: Session, subscriber: Subscriber, name: str) -> Profile:
    """The subscriber's profile called `name`; raises InvalidRequest that lists those there are."""
    profiles = listing(session, subscriber)
    found = [profile for profile in profiles if profile.name.casefold() == name.strip().casefold()]
    if not found:
        known = ", ".join(f"“{profile.name}”" for profile in profiles) or "none yet"
        raise InvalidRequest(f"{subscriber.email} has no interest “{name}”; there are: {known}.")
    return found[0]


def get(session: Session, subscriber: Subscriber, profile_id: int) -> Profile | None:
    """The subscriber's profile with this number, also when it is removed; None when it is nobody's or another's."""
    profile = session.get(Profile, profile_id)
    return profile if profile is not None and profile.subscriber_id == subscriber.id else None


def count_examples(session: Session, profile: Profile) -> tuple[int, int]:
    """How many papers the profile likes and dislikes."""
    signs = session.exec(select(ProfileExample.sign).where(ProfileExample.profile_id == profile.id)).all()
    return sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)


def remove(session: Session, profile: Profile, now: datetime) -> None:
    """Take an interest away; it can be restored for thirty days, and its name is free at once."""
    stored = session.get_one(Profile, profile.id)
    stored.active, stored.removed_at = False, stored.removed_at or now
    session.flush()


def removed(session: Session, subscriber: Subscriber) -> Sequence[Profile]:
    """What can still be restored, the latest first."""
    query = select(Profile).where(Profile.subscriber_id == subscriber.id, col(Profile.removed_at).is_not(None))
    return session.exec(query.order_by(col(Profile.removed_at).desc(), col(Profile.id).desc())).all()


def restore(session: Session, profile: Profile) -> Profile:
    """Bring a removed interest back and switch it on; under another name where its own is taken by now."""
    stored = session.get_one(Profile, profile.id)
    if stored.removed_at is None:
        return stored
    subscriber = session.get_one(Subscriber, stored.subscriber_id)
    take_turns(session, f"interests {subscriber.id}")
    _check_room(session, subscriber)
    if stored.name.casefold() in {other.name.casefold() for other in living(session, subscriber)}:
        stored.name = free_name(session, subscriber, stored.name)
    stored.active, stored.removed_at = True, None
    session.flush()
    return stored
