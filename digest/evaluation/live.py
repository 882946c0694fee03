"""How good the editions are that went out, told by the votes on them; opens and clicks are not known.

A vote counts for the edition that brought the paper, wherever it was given. An edition counts once it has been out for
a day, unless its mail did not arrive. Intervals are of 95 %. Those of shares (Wilson's) take votes for independent of
each other, which the votes of one reader are not; where rankers are compared (`teams`), readers are counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from digest.evaluation.teams import Comparison, Match, compare, wilson
from digest.ranking.methods import OUTSIDE
from digest.tables import Edition, EditionItem, Feedback, OutboxMessage, OutboxState, Paper, Profile

SETTLED = timedelta(days=1)  # what a reader has for voting before an edition counts
AGES = (("first week", timedelta(days=7)), ("first month", timedelta(days=30)), ("later", timedelta.max))
RANKS = (("1", 1), ("2-3", 3), ("4-6", 6), ("7-10", 10), ("11 and on", 1_000))
UNRECORDED = "not recorded"
ENOUGH_VOTES, ENOUGH_VOTERS = 100, 20  # below which nothing should be concluded
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total` and Wilson's bounds of the share; None where there is nothing to take a share of."""

    count: int
    total: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """The votes on some of the papers that were sent: the share that got one, and the share of votes for more."""

    name: str
    voted: Share
    up: Share


@dataclass(frozen=True, slots=True)
class Quality:
    """What the votes on `days` days of editions say; `unsettled` editions went out too lately to count.

    By age: of the interest, when the edition was made; papers from outside every interest have none.
    """

    days: int
    editions: int
    unsettled: int
    readers: int
    voters: int
    votes: int
    votes_per_edition: float | None
    with_votes: Share
    up: Share
    by_age: list[Group]
    by_rank: list[Group]
    by_ranker: list[Group]
    comparisons: list[Comparison]
    conclusive: bool


@dataclass(frozen=True, slots=True)
class _Sent:
    """A paper in an edition, and what the reader voted on it: +1, -1, or nothing (0)."""

    edition: int
    reader: int
    rank: int
    ranker: str
    age: timedelta | None
    vote: int


@dataclass(slots=True)
class _Tally:
    papers: int = 0
    up: int = 0
    down: int = 0

    @property
    def votes(self) -> int:
        return self.up + self.down

    def add(self, vote: int) -> None:
        self.papers += 1
        self.up += vote > 0
        self.down += vote < 0


def _tallies() -> dict[str, _Tally]:
    return defaultdict(_Tally)


@dataclass(slots=True)
class _Book:
    """What is counted while editions go by."""

    editions: int = 0
    with_votes: int = 0
    readers: set[int] = field(default_factory=set)
    voters: set[int] = field(default_factory=set)
    total: _Tally = field(default_factory=_Tally)
    ages: dict[str, _Tally] = field(default_factory=_tallies)
    ranks: dict[str, _Tally] = field(default_factory=_tallies)
    rankers: dict[str, _Tally] = field(default_factory=_tallies)
    matches: list[Match] = field(default_factory=list)

    def add(self, reader: int, edition: Sequence[_Sent]) -> None:
        """Count the papers of one edition."""
        self.editions += 1
        self.readers.add(reader)
        if any(sent.vote for sent in edition):
            self.with_votes += 1
            self.voters.add(reader)
            self._match(reader, [sent for sent in edition if sent.ranker not in {"", OUTSIDE}])
        for sent in edition:
            self.total.add(sent.vote)
            self.ranks[next(name for name, last in RANKS if sent.rank <= last)].add(sent.vote)
            self.rankers[sent.ranker or UNRECORDED].add(sent.vote)
            if sent.age is not None:
                self.ages[_name_age(sent.age)].add(sent.vote)

    def _match(self, reader: int, picks: Sequence[_Sent]) -> None:
        """Note how two teams did, if there were two and one of their picks was voted on."""
        balance: dict[str, int] = defaultdict(int)
        for pick in picks:
            balance[pick.ranker] += pick.vote
        if len(balance) > 1 and any(pick.vote for pick in picks):
            self.matches.append(Match(reader, balance))


def _name_age(age: timedelta) -> str:
    return next(name for name, limit in AGES if age < limit)


def measure(session: Session, now: datetime, days: int) -> Quality:
    """The quality of the editions that were made in the `days` days before `now`."""
    book = _Book()
    for (_, reader), edition in groupby(_read(session, now, days), lambda sent: (sent.edition, sent.reader)):
        book.add(reader, list(edition))
    total = book.total
    return Quality(
        days=days,
        editions=book.editions,
        unsettled=_count_unsettled(session, now),
        readers=len(book.readers),
        voters=len(book.voters),
        votes=total.votes,
        votes_per_edition=total.votes / book.editions if book.editions else None,
        with_votes=share(book.with_votes, book.editions),
        up=share(total.up, total.votes),
        by_age=_groups(book.ages, [name for name, _ in AGES]),
        by_rank=_groups(book.ranks, [name for name, _ in RANKS]),
        by_ranker=_groups(book.rankers, sorted(book.rankers)),
        comparisons=compare(book.matches),
        conclusive=total.votes >= ENOUGH_VOTES and len(book.voters) >= ENOUGH_VOTERS,
    )


def share(count: int, total: int) -> Share:
    """A share with Wilson's interval."""
    if not total:
        return Share(count, total, None, None, None)
    return Share(count, total, count / total, *wilson(count / total, total))


def _groups(tallies: dict[str, _Tally], names: Iterable[str]) -> list[Group]:
    found = [(name, tallies[name]) for name in names if name in tallies]
    return [Group(name, share(one.votes, one.papers), share(one.up, one.votes)) for name, one in found]


def _read(session: Session, now: datetime, days: int) -> Iterator[_Sent]:
    """The papers of the editions that count, edition by edition."""
    start = now - timedelta(days=days)
    votes = _votes(session, start, now)
    item, edition = EditionItem, Edition
    work = func.coalesce(Paper.merged_into, Paper.id)
    moments = (col(edition.created_at), col(Profile.created_at))
    query = (
        select(edition.id, edition.subscriber_id, item.rank, item.ranker, work, *moments)  # type: ignore[call-overload]
        .join(edition, col(edition.id) == col(item.edition_id))
        .join(Paper, col(Paper.id) == col(item.paper_id))
        .outerjoin(Profile, col(Profile.id) == col(item.profile_id))
        .outerjoin(OutboxMessage, col(OutboxMessage.edition_id) == col(edition.id))
        .where(edition.created_at > start, edition.created_at <= now - SETTLED, _arrived())
        .order_by(col(edition.id), col(item.rank))
    )
    for found in session.exec(query.execution_options(yield_per=CHUNK)):
        number, reader, rank, ranker, paper, made, born = found
        yield _Sent(number, reader, rank, ranker, made - born if born else None, votes.get((reader, paper), 0))


def _votes(session: Session, start: datetime, now: datetime) -> dict[tuple[int, int], int]:
    """The votes since `start` by subscriber and work; of several under a work's names, the latest."""
    work = func.coalesce(Paper.merged_into, Paper.id)
    query = select(Feedback.subscriber_id, work, Feedback.value).join(Paper, col(Paper.id) == col(Feedback.paper_id))
    query = query.where(Feedback.created_at > start, Feedback.created_at <= now)
    rows = session.exec(query.order_by(col(Feedback.created_at), col(Feedback.id)))
    return {(reader, paper): value for reader, paper, value in rows}


def _arrived() -> ColumnElement[bool]:
    """Whether an edition's mail was taken, or nothing is known of it any more."""
    return func.coalesce(OutboxMessage.state, OutboxState.SENT.value) == OutboxState.SENT.value


def _count_unsettled(session: Session, now: datetime) -> int:
    query = select(func.count(col(Edition.id))).where(col(Edition.skip_reason).is_(None))
    return session.exec(query.where(Edition.created_at > now - SETTLED, Edition.created_at <= now)).one()
