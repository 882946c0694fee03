"""Lists of papers for people to read: the trending ones of a day, a week or a month, with what was counted of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import String, cast, func
from sqlmodel import Session, col, select

from digest.clock import FIRST_YEAR
from digest.errors import InvalidRequest
from digest.papers import signals
from digest.papers.keywords import in_categories
from digest.papers.signals import Count
from digest.papers.trending import BADGE_VOTES, READERS
from digest.tables import Feedback, Paper, PaperListing

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
FOLLOWED = timedelta(days=15)  # how long after its listing a paper is counted
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days from `start` until before `end`: a day, a week from Monday on, or a month."""

    start: date
    end: date

    def previous(self) -> "Period | None":
        """The one before; None before there were papers."""
        before = _month_of(self.start - DAY) if self._is_month else self._moved(-1)
        return before if (before.end - DAY).year >= FIRST_YEAR else None

    def next(self, now: datetime) -> "Period | None":
        """The one after; None while it has not begun."""
        after = _month_of(self.end) if self._is_month else self._moved(1)
        return after if after.start <= now.astimezone(UTC).date() else None

    @property
    def _is_month(self) -> bool:
        return self.end - self.start > WEEK

    def _moved(self, steps: int) -> "Period":
        length = steps * (self.end - self.start)
        return Period(self.start + length, self.end + length)


def day(day: date, now: datetime) -> Period:
    """A day; raises InvalidRequest, as do the others, when there can be no papers of it."""
    _check(day, day, now)
    return Period(day, day + DAY)


def week(year: int, week: int, now: datetime) -> Period:
    """An ISO week."""
    try:
        start, last = (date.fromisocalendar(year, week, weekday) for weekday in (1, 7))
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"There is no week {week} of {year}: write it as 2026-W19.") from error
    _check(start, last, now)
    return Period(start, start + WEEK)


def month(year: int, month: int, now: datetime) -> Period:
    """A month, 1 to 12."""
    try:
        start = date(year, month, 1)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"There is no month {month} of {year}: write it as 2026-05.") from error
    _check(start, start, now)
    return _month_of(start)


def _check(first: date, last: date, now: datetime) -> None:
    if last.year < FIRST_YEAR:
        raise InvalidRequest(f"{first} lies before there were papers: choose a day from {FIRST_YEAR} on.")
    if first > now.astimezone(UTC).date() + DAY:
        raise InvalidRequest(f"{first} lies in the future: choose a day that has come.")


def _month_of(within: date) -> Period:
    start = within.replace(day=1)
    return Period(start, (start + 31 * DAY).replace(day=1))


@dataclass(frozen=True, slots=True)
class Listed:
    """A paper with its latest counts by kind (votes, comments, stars …) and how many readers here want more like it.

    A kind that was never counted is None, which is not nought.
    """

    paper: Paper
    counts: dict[str, int]
    readers: int

    @property
    def votes(self) -> int | None:
        return self.counts.get("votes")

    @property
    def comments(self) -> int | None:
        return self.counts.get("comments")

    @property
    def stars(self) -> int | None:
        return self.counts.get("stars")


def top(session: Session, period: Period, category: str = "", limit: int = 50, offset: int = 0) -> list[Listed]:
    """Papers announced in the period: those with votes by trend, then by what is foreseen, then newest first."""
    query = (
        select(Paper.id)
        .where(*_announced(period, category))
        .order_by(
            col(Paper.trended_at).is_(None),
            col(Paper.trend).is_(None),
            col(Paper.trend).desc(),
            col(Paper.announced_at).desc(),
            col(Paper.id).desc(),
        )
    )
    return read(session, session.exec(query.limit(limit).offset(offset)).all())


@dataclass(frozen=True, slots=True)
class Riser:
    """A paper announced before a period that got more votes in it than before: how many it had, and by its end has."""

    listed: Listed
    before: int
    after: int


def late_risers(session: Session, period: Period, category: str = "", limit: int = 5) -> list[Riser]:
    """Papers announced before the period whose votes it at least doubled, by ten or more: most gained first.

    What nobody counted before is not known to be nought, unless the listing came later.
    """
    start, end = _midnight(period.start), _midnight(period.end)
    listed = select(PaperListing).join(Paper, col(Paper.id) == col(PaperListing.paper_id))
    followed = PaperListing.listed_on >= period.start - FOLLOWED, PaperListing.listed_on < period.end
    older = Paper.announced_at < start, col(Paper.merged_into).is_(None), in_categories([category] if category else [])
    days = {
        (row.paper_id, row.source): row.listed_on
        for row in session.exec(listed.where(PaperListing.source != READERS, *followed, *older))
    }
    ids = {paper_id for paper_id, _ in days}
    known, grown = (_votes(session, ids, moment) for moment in (start - INSTANT, end - INSTANT))
    gains: dict[int, tuple[int, int]] = {}
    for name, after in grown.items():
        before = 0 if days.get(name, date.min) >= period.start else known.get(name)
        if before is not None and after - before >= max(BADGE_VOTES, before):
            gains[name[0]] = max(gains.get(name[0], (0, 0)), (after - before, after))
    best = sorted(gains, key=lambda paper_id: (-gains[paper_id][0], paper_id))[:limit]
    found = {one.paper.id: one for one in read(session, best)}
    return [Riser(found[name], gains[name][1] - gains[name][0], gains[name][1]) for name in best]


def _votes(session: Session, ids: set[int], until: datetime) -> dict[tuple[int, str], int]:
    """The latest votes by paper and source."""
    counts = signals.latest_counts(session, ids, until, "votes")
    return {(name, one.source): one.value for name, kinds in counts.items() for one in kinds["votes"]}


def page_by_date(
    session: Session, period: Period, category: str, after: tuple[datetime, int] | None, limit: int
) -> list[Listed]:
    """Papers announced in the period, newest first, that come after one with a moment and a number."""
    query = select(Paper.id).where(*_announced(period, category))
    if after is not None:
        moment, number = after
        earlier = col(Paper.announced_at) < moment
        query = query.where(earlier | ((col(Paper.announced_at) == moment) & (col(Paper.id) < number)))
    query = query.order_by(col(Paper.announced_at).desc(), col(Paper.id).desc()).limit(limit)
    return read(session, session.exec(query).all())


def count(session: Session, period: Period, category: str = "") -> int:
    """How many papers were announced in the period."""
    return session.exec(select(func.count(col(Paper.id))).where(*_announced(period, category))).one()


def categories(session: Session, period: Period) -> list[str]:
    """The categories of the papers announced in the period, each after the archive that it is a part of."""
    combination = cast(col(Paper.categories), String)
    found = session.exec(select(combination).where(*_announced(period, "")).distinct())
    names = {name for written in found for name in json.loads(written)}
    return sorted(names | {name.partition(".")[0] for name in names})


def nearest_day(session: Session, day: date) -> date | None:
    """The day with papers that is nearest to `day`, which may be `day` itself; of two as near, the earlier."""
    moment, works = _midnight(day), select(Paper.announced_at).where(col(Paper.merged_into).is_(None))
    before = works.where(Paper.announced_at < moment).order_by(col(Paper.announced_at).desc())
    after = works.where(Paper.announced_at >= moment).order_by(col(Paper.announced_at))
    found = [session.exec(query.limit(1)).first() for query in (before, after)]
    days = [announced.date() for announced in found if announced is not None]
    return min(days, key=lambda there: abs(there - day), default=None)


def read(session: Session, ids: Sequence[int]) -> list[Listed]:
    """Papers with their counts, in the order of `ids`; ids of no paper are left out."""
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(ids)))} if ids else {}
    if not papers:
        return []
    counts, readers = signals.latest_counts(session, ids), _readers(session, ids)
    return [
        Listed(
            paper=papers[paper_id],
            counts=_largest(counts.get(paper_id, {})),
            readers=readers.get(paper_id, 0),
        )
        for paper_id in ids
        if paper_id in papers
    ]


def _largest(counts: dict[str, list[Count]]) -> dict[str, int]:
    """Of each kind the largest count of a source elsewhere; the readers here are told of by themselves."""
    outside = {kind: [one.value for one in made if one.source != READERS] for kind, made in sorted(counts.items())}
    return {kind: max(values) for kind, values in outside.items() if values}


def _announced(period: Period, category: str) -> tuple[Any, ...]:
    return (
        Paper.announced_at >= _midnight(period.start),
        Paper.announced_at < _midnight(period.end),
        col(Paper.merged_into).is_(None),
        in_categories([category] if category else []),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _readers(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """How many subscribers voted each work up, under whichever of its duplicates."""
    work = func.coalesce(Paper.merged_into, Paper.id)
    query = (
        select(work, func.count(func.distinct(Feedback.subscriber_id)))
        .join(Feedback, col(Feedback.paper_id) == col(Paper.id))
        .where(col(Paper.id).in_(ids) | col(Paper.merged_into).in_(ids), Feedback.value > 0)
        .group_by(work)
    )
    return dict(session.exec(query).all())
