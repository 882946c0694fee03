"""Observations of attention: what sources counted and when, and this instance's own readers as one of the sources."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import and_, func
from sqlmodel import Session, col, or_, select

from digest.db import batches, take_turns
from digest.papers.trending import READERS
from digest.tables import Feedback, Paper, PaperListing, Signal

CHUNK = 1_000

History = list[tuple[datetime, int]]


class Count(NamedTuple):
    """What one source counted at a moment."""

    value: int
    moment: datetime
    source: str


def latest_counts(
    session: Session, ids: Iterable[int], until: datetime | None = None, kind: str = ""
) -> dict[int, dict[str, list[Count]]]:
    """Per paper and kind the latest count of each source, of those made at `until` or before.

    An empty `kind` means all.
    """
    counts: dict[int, dict[str, list[Count]]] = {}
    for some in batches(ids, CHUNK):
        names = (col(Signal.paper_id), col(Signal.source), col(Signal.kind))
        observed = select(*names, func.max(col(Signal.observed_at)).label("moment")).where(names[0].in_(some))
        if until is not None:
            observed = observed.where(Signal.observed_at <= until)
        if kind:
            observed = observed.where(Signal.kind == kind)
        newest = observed.group_by(*names).subquery()
        same = [newest.c[name] == column for name, column in zip(("paper_id", "source", "kind"), names, strict=True)]
        query = select(Signal).join(newest, and_(*same, newest.c.moment == Signal.observed_at))
        for row in session.exec(query.order_by(col(Signal.id))):
            count = Count(row.value, row.observed_at, row.source)
            counts.setdefault(row.paper_id, {}).setdefault(row.kind, []).append(count)
    return counts


def listing_days(session: Session, ids: Iterable[int]) -> dict[tuple[int, str], date]:
    """The day on which a source listed a paper, by paper and source."""
    days: dict[tuple[int, str], date] = {}
    for some in batches(ids, CHUNK):
        rows = session.exec(select(PaperListing).where(col(PaperListing.paper_id).in_(some)))
        days |= {(row.paper_id, row.source): row.listed_on for row in rows}
    return days


def note_listings(session: Session, days: Mapping[tuple[int, str], date]) -> None:
    """Remember on which day a source listed a paper; of several days the first."""
    known: dict[tuple[int, str], PaperListing] = {}
    for some in batches({paper_id for paper_id, _ in days}, CHUNK):
        rows = session.exec(select(PaperListing).where(col(PaperListing.paper_id).in_(some)))
        known |= {(row.paper_id, row.source): row for row in rows}
    for name, day in days.items():
        if name not in known:
            session.add(PaperListing(paper_id=name[0], source=name[1], listed_on=day))
        elif day < known[name].listed_on:
            known[name].listed_on = day


def histories(session: Session, ids: Sequence[int]) -> dict[int, History]:
    """The votes of papers as they grew elsewhere: after each count the highest of what the sources last said."""
    query = select(Signal).where(col(Signal.paper_id).in_(ids), Signal.kind == "votes", Signal.source != READERS)
    grown: dict[int, dict[datetime, int]] = {}
    latest: dict[int, dict[str, int]] = {}
    for signal in session.exec(query.order_by(col(Signal.observed_at), col(Signal.id))) if ids else ():
        said = latest.setdefault(signal.paper_id, {})
        said[signal.source] = signal.value
        grown.setdefault(signal.paper_id, {})[signal.observed_at] = max(said.values())
    return {paper_id: list(points.items()) for paper_id, points in grown.items()}


def count_readers(session: Session, work_id: int, now: datetime) -> int:
    """Write down how many readers want more like a work at `now`: one vote a person, whichever duplicate it was on."""
    take_turns(session, f"votes {work_id}")
    session.flush()
    of_work = or_(col(Paper.id) == work_id, col(Paper.merged_into) == work_id)
    voters = select(func.count(func.distinct(Feedback.subscriber_id))).where(Feedback.value > 0)
    count = session.exec(voters.join(Paper, col(Paper.id) == col(Feedback.paper_id)).where(of_work)).one()
    note_listings(session, {(work_id, READERS): session.get_one(Paper, work_id).first_seen_at.date()})
    written = select(Signal).where(Signal.paper_id == work_id, Signal.source == READERS, Signal.kind == "votes")
    row = session.exec(written.where(Signal.observed_at == now)).first()
    row = row or Signal(paper_id=work_id, source=READERS, kind="votes", observed_at=now, value=count)
    row.value = count
    session.add(row)
    session.flush()
    return count
