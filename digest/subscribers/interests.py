"""What somebody says of an interest, read into columns and papers; what cannot be taken is told field by field."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from digest.errors import InvalidRequest
from digest.papers.categories import parse_category
from digest.papers.lookup import find_paper
from digest.subscribers import examples
from digest.subscribers.examples import Line, Resolved
from digest.tables import Profile, Subscriber

LONGEST_NAME, LONGEST_TEXT, LONGEST_AGAINST, LONGEST_AUTHOR = 80, 4000, 1000, 100
MOST_PROFILES, MOST_PHRASES, MOST_AUTHORS = 10, 50, 50
SHORTEST_PHRASE, LONGEST_PHRASE = 2, 60
HIGHEST_BALANCE, HIGHEST_WEIGHT = 0.6, 10
BALANCES = {
    "only like this": 0.0,
    "mostly like this": 0.15,
    "even": 0.3,
    "mostly trending": 0.45,
    "only trending": HIGHEST_BALANCE,
}
UNTIL = re.compile(r"(?P<phrase>.*\S)\s+until\s+(?P<day>\S*\d\S*)", re.IGNORECASE)
QUOTES = "\"“”„'‘’"


@dataclass(frozen=True, slots=True)
class Interest:
    """What somebody says of one interest. Example papers are named by id, link or title; a muted phrase may go on with
    “until 2026-12-31”. The tuples may hold the lines of a form's field as they are, blank ones too.
    """

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
    against: str = ""
    required: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be taken of a field: as a form tells it beside the field, and as a shell tells it alone.

    Where `message` is empty a form lets it pass.
    """

    field: str
    message: str
    at_shell: str = ""


@dataclass(slots=True)
class Reading:
    """What an interest comes to: a profile's columns, a sign for each paper, papers to be looked up, problems."""

    columns: dict[str, Any] = field(default_factory=dict)
    signs: dict[int, int] = field(default_factory=dict)
    waiting: list[tuple[Line, int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def find_fault(self, name: str, message: str, at_shell: str = "") -> None:
        self.problems.append(Problem(name, message, at_shell or f"{message}."))

    @property
    def messages(self) -> dict[str, list[str]]:
        """By field, as a form tells them."""
        told: dict[str, list[str]] = {}
        for problem in self.problems:
            if problem.message:
                told.setdefault(problem.field, []).append(problem.message)
        return told


def living(session: Session, subscriber: Subscriber) -> list[Profile]:
    """The subscriber's interests without those that were removed, oldest first."""
    query = select(Profile).where(Profile.subscriber_id == subscriber.id, col(Profile.removed_at).is_(None))
    return list(session.exec(query.order_by(col(Profile.id))))


def examine(session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None = None) -> Reading:
    """Read all fields of an interest that is to be stored, as `profile` if it is there already."""
    reading = Reading()
    _read_name(session, subscriber, interest, profile, reading)
    _read_texts(interest, reading)
    _read_numbers(interest, reading)
    for name in ("required", "keywords"):
        reading.columns[name] = [phrase for _, phrase in _read_phrases(name, getattr(interest, name), reading)]
    _read_muted(interest, reading)
    _read_authors(interest, reading)
    _read_categories(interest, reading)
    return reading


def read_form(session: Session, interest: Interest, reading: Reading) -> None:
    """Add the example papers of a form; those that the store lacks are to be looked up."""
    for name, sign in (("liked", 1), ("disliked", -1)):
        resolved = _resolve(session, name, getattr(interest, name), reading)
        for number, why in resolved.wrong:
            reading.find_fault(name, f"Line {number}: {why}")
        for line, paper in resolved.found:
            if reading.signs.setdefault(paper.id, sign) != sign:
                reading.find_fault(name, f"Line {line.number}: this paper is one of the example papers, too")
        for line in resolved.waiting:
            if any(line.identifier == other.identifier for other, _ in reading.waiting):
                reading.find_fault(name, f"Line {line.number}: this paper is one of the example papers, too")
            reading.waiting.append((line, sign))


def _resolve(session: Session, name: str, lines: tuple[str, ...], reading: Reading) -> Resolved:
    try:
        return examples.resolve(session, examples.read("\n".join(lines)))
    except InvalidRequest as error:
        reading.find_fault(name, str(error).removesuffix("."))
        return Resolved()


def read_options(session: Session, interest: Interest, reading: Reading) -> None:
    """Add the example papers that a shell names, each of which must be in store. Raises InvalidRequest."""
    for name, sign in [*((name, 1) for name in interest.liked), *((name, -1) for name in interest.disliked)]:
        for paper_id in _find_at_shell(session, name):
            if reading.signs.setdefault(paper_id, sign) != sign:
                raise InvalidRequest(f"The paper “{name}” cannot be both liked and disliked.")


def _find_at_shell(session: Session, name: str) -> list[int]:
    found = [] if name.startswith("#") else examples.resolve(session, examples.read(name)).found
    return [paper.id for _, paper in found] or [find_paper(session, name).id]


def _read_name(
    session: Session, subscriber: Subscriber, interest: Interest, profile: Profile | None, reading: Reading
) -> None:
    name = interest.name.strip()
    reading.columns["name"] = _tidy(name)  # a preview is made of it, whatever is wrong with it
    at_shell = f"The name of an interest has 1 to {LONGEST_NAME} characters on one line."
    if not name:
        reading.find_fault("name", "Enter a name for this interest", at_shell)
    elif len(name) > LONGEST_NAME:
        reading.find_fault("name", f"Name must be {LONGEST_NAME} characters or fewer", at_shell)
    elif not name.isprintable():
        reading.find_fault("name", "Name must be on one line, without hidden characters", at_shell)
    own = None if profile is None else profile.id
    others = [other.name.casefold() for other in living(session, subscriber) if other.id != own]
    if name.casefold() in others:
        at_shell = f"{subscriber.email} has an interest called “{name}” already."
        reading.find_fault("name", f"You already have an interest called {name}", at_shell)
    if len(others) >= MOST_PROFILES:
        at_shell = f"{subscriber.email} has {MOST_PROFILES} interests, and that is the most."
        reading.find_fault("form", f"You have {MOST_PROFILES} interests, and that is the most: remove one", at_shell)


def _read_texts(interest: Interest, reading: Reading) -> None:
    reading.columns |= {"text": _tidy(interest.text), "against": _tidy(interest.against)}
    if len(reading.columns["text"]) > LONGEST_TEXT:
        at_shell = f"The description must have {LONGEST_TEXT} characters or fewer."
        reading.find_fault("text", f"Description must be {LONGEST_TEXT:,} characters or fewer", at_shell)
    if len(reading.columns["against"]) > LONGEST_AGAINST:
        reading.find_fault("against", f"“Not this” must be {LONGEST_AGAINST:,} characters or fewer")
    said = (reading.columns["text"], *interest.liked, *interest.keywords, *interest.required, *interest.authors)
    if not any(part.strip() for part in (*said, *interest.categories)):
        message = "Describe what you want to read, or give an example paper, category or author"
        at_shell = "Describe the interest: a text, an example paper, a keyword, an author or a category."
        reading.find_fault("form", message, at_shell)


def _tidy(text: str) -> str:
    """`text` as it can be stored and shown: without control characters, lines kept."""
    return "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c in "\n\t").strip()


def _read_numbers(interest: Interest, reading: Reading) -> None:
    reading.columns |= {"balance": interest.balance, "weight": interest.weight, "active": interest.active}
    if not 0 <= interest.balance <= HIGHEST_BALANCE:
        at_shell = f"The balance of trending papers lies between 0 and {HIGHEST_BALANCE}."
        reading.find_fault("balance", "Select how much trending papers count", at_shell)
    if not 0 < interest.weight <= HIGHEST_WEIGHT:  # beyond that the others would vanish
        at_shell = f"The weight of an interest lies above 0 and is at most {HIGHEST_WEIGHT}."
        reading.find_fault("weight", f"Weight must be above 0 and at most {HIGHEST_WEIGHT}", at_shell)


def _read_phrases(name: str, lines: tuple[str, ...], reading: Reading) -> list[tuple[int, str]]:
    """The phrases of a field with the numbers of their lines, each phrase once."""
    phrases: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, start=1):
        phrase = " ".join(_tidy(line).split())
        if len(phrase) > 1 and phrase[0] in QUOTES and phrase[-1] in QUOTES:
            phrase = phrase[1:-1].strip()
        why = _fault_of(phrase)
        if why is None:
            phrases.setdefault(phrase.casefold(), (number, phrase))
            continue
        at_shell = f"“{phrase}” is not a phrase: use {SHORTEST_PHRASE} to {LONGEST_PHRASE} characters."
        reading.find_fault(name, f"Line {number}: {why}" if why else "", at_shell)
    if len(phrases) > MOST_PHRASES or len(lines) - lines.count("") > MOST_PHRASES:
        at_shell = f"{len(lines)} phrases are too many: {MOST_PHRASES} is the most."
        reading.find_fault(name, f"Use {MOST_PHRASES} lines or fewer", at_shell)
    return list(phrases.values())


def _fault_of(phrase: str) -> str | None:
    """Why this is no phrase: None when it is one, and nothing to be told when there is nothing."""
    if not phrase:
        return ""
    if len(phrase) < SHORTEST_PHRASE:
        return f"“{phrase}” is too short, use {SHORTEST_PHRASE} characters or more"
    if len(phrase) > LONGEST_PHRASE:
        return f"“{phrase[:20]}…” is too long, use {LONGEST_PHRASE} characters or fewer"
    return None if any(c.isalnum() for c in phrase) else f"“{phrase}” has neither a letter nor a digit"


def _read_muted(interest: Interest, reading: Reading) -> None:
    days: dict[int, str] = {}
    bare: list[str] = []
    for number, line in enumerate(interest.muted, start=1):
        match = UNTIL.fullmatch(line.strip())
        bare.append(match["phrase"] if match else line)
        if match and _is_day(match["day"]):
            days[number] = match["day"]
        elif match:
            message = f"Line {number}: “{match['day'][:20]}” is not a day, write it as 2026-12-31"
            reading.find_fault("muted", message)
    phrases = _read_phrases("muted", tuple(bare), reading)
    reading.columns["muted"] = [phrase for _, phrase in phrases]
    reading.columns["muted_until"] = {phrase: days[number] for number, phrase in phrases if number in days}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _read_authors(interest: Interest, reading: Reading) -> None:
    authors: dict[str, str] = {}
    for number, line in enumerate(interest.authors, start=1):
        name = line.strip()
        if not name or not name.isprintable():
            message = f"Line {number}: write the name on one line" if name else ""
            reading.find_fault("authors", message, "The name of an author to follow must not be empty.")
        elif len(name) > LONGEST_AUTHOR or not any(c.isalnum() for c in name):
            message = f"Line {number}: write a name of {LONGEST_AUTHOR} characters or fewer"
            reading.find_fault("authors", message)
        else:
            authors.setdefault(name.casefold(), name)
    if len(authors) > MOST_AUTHORS:
        reading.find_fault("authors", f"Use {MOST_AUTHORS} lines or fewer")
    reading.columns["authors"] = list(authors.values())


def _read_categories(interest: Interest, reading: Reading) -> None:
    chosen: Counter[str] = Counter()
    for category in interest.categories:
        try:
            chosen[parse_category(category)] += 1
        except InvalidRequest as error:
            reading.find_fault("categories", "Select a category from the list", str(error))
    reading.columns["categories"] = list(chosen)
