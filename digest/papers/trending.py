"""Trend: how many times the usual attention for its age a paper has.

    expected(h) = M h / (h + 10)        votes a typical paper has h hours into its listing day
    times       = (votes + 4 p) / (expected(h) + 4)
    trend       = times / (1 + times)   0..1; 0.5 is usual, 0.75 is three times usual

`h` runs from 00:00 UTC of the listing day to the moment of counting, `p` is a prior (1 when nothing is known) and `M`
the mean of eventual votes over the last weeks. Source: Gamma-Poisson shrinkage of votes towards the cohort's growth.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from digest.db import batches
from digest.tables import Paper, Signal

HALF_TIME = 10.0  # hours after which a paper has half of its eventual votes
SHRINKAGE = 4.0  # votes' worth of prior
USUAL_VOTES = 25.0  # M before the instance has a history of its own
USUAL_WEIGHT = 30.0  # papers' worth of it
MEMORY = timedelta(days=28)
FOLLOWED = timedelta(days=14)  # a paper's signals are watched for this long
BADGE_TIMES, BADGE_VOTES, BADGE_HOURS = 2.0, 10, 6.0

CHUNK = 1_000

Count = tuple[int, datetime]
Floats = NDArray[np.float64]


def growth(hours: ArrayLike) -> Floats:
    """The share of its eventual votes that a paper has after `hours`, 0..1."""
    elapsed = np.maximum(np.asarray(hours, dtype=np.float64), 0.0)
    return elapsed / (elapsed + HALF_TIME)


def usual_votes(votes: ArrayLike, hours: ArrayLike) -> float:
    """M, the mean of eventual votes, estimated from the latest counts; never below one."""
    seen, shares = np.sum(np.asarray(votes, dtype=np.float64)), np.sum(growth(hours))
    return max(1.0, float((seen + USUAL_VOTES * USUAL_WEIGHT) / (shares + USUAL_WEIGHT)))


def times_usual(votes: ArrayLike, hours: ArrayLike, mean_votes: float, prior: ArrayLike = 1.0) -> Floats:
    """Lambda: how many times the usual for its age, shrunk towards `prior`."""
    counted = np.maximum(np.asarray(votes, dtype=np.float64), 0.0)
    return (counted + SHRINKAGE * np.asarray(prior)) / (max(mean_votes, 1.0) * growth(hours) + SHRINKAGE)


def trend_score(times: ArrayLike) -> Floats:
    """`times` brought into 0..1."""
    ratio = np.asarray(times, dtype=np.float64)
    return ratio / (1.0 + ratio)


def deserves_badge(facts: dict[str, Any] | None) -> bool:
    """Whether a paper may be called trending: enough votes, for long enough, well above the usual."""
    return bool(
        facts and facts["times"] >= BADGE_TIMES and facts["votes"] >= BADGE_VOTES and facts["hours"] >= BADGE_HOURS
    )


def plan(session: Session, now: datetime) -> list[int]:
    """Papers whose votes were counted after their trend was last worked out."""
    counted = func.max(Signal.observed_at)
    query = (
        select(Signal.paper_id)
        .join(Paper, col(Paper.id) == col(Signal.paper_id))
        .where(Signal.kind == "votes", Signal.observed_at <= now, Paper.announced_at > now - FOLLOWED)
        .group_by(col(Signal.paper_id), col(Paper.trended_at))
        .having((counted > Paper.trended_at) | col(Paper.trended_at).is_(None))
        .order_by(col(Signal.paper_id))
    )
    return list(session.exec(query))


def work(session: Session, now: datetime, ids: Sequence[int]) -> int:
    """Work out the trend of papers from the latest counts at or before `now`; returns how many."""
    mean_votes = _usual_votes_of_store(session, now)
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(ids)))}
    for paper_id, kinds in latest_counts(session, ids, now).items():
        paper, (votes, counted_at) = papers[paper_id], max(kinds["votes"])
        hours = _hours_listed(paper.announced_at, counted_at)
        times = float(times_usual(votes, hours, mean_votes))
        paper.trend = float(trend_score(times))
        paper.trended_at = max(moment for _, moment in kinds["votes"])
        counts = {kind: max(value for value, _ in observed) for kind, observed in sorted(kinds.items())}
        paper.trend_facts = {**counts, "hours": round(hours, 1), "times": round(times, 2)}
    return len(papers)


def _hours_listed(announced_at: datetime, counted_at: datetime) -> float:
    midnight = datetime.combine(announced_at.date(), time(), tzinfo=announced_at.tzinfo)
    return max(0.0, (counted_at - midnight).total_seconds() / 3600)


def latest_counts(
    session: Session, ids: Sequence[int], until: datetime | None = None
) -> dict[int, dict[str, list[Count]]]:
    """Per paper and kind the latest count of each source, of those made at `until` or before."""
    counts: dict[int, dict[str, list[Count]]] = {}
    for some in batches(ids, CHUNK):
        names = (col(Signal.paper_id), col(Signal.source), col(Signal.kind))
        observed = select(*names, func.max(col(Signal.observed_at)).label("moment")).where(names[0].in_(some))
        if until is not None:
            observed = observed.where(Signal.observed_at <= until)
        newest = observed.group_by(*names).subquery()
        same = [newest.c[name] == column for name, column in zip(("paper_id", "source", "kind"), names, strict=True)]
        query = select(Signal).join(newest, and_(*same, newest.c.moment == Signal.observed_at))
        for row in session.exec(query.order_by(col(Signal.id))):
            counts.setdefault(row.paper_id, {}).setdefault(row.kind, []).append((row.value, row.observed_at))
    return counts


def _usual_votes_of_store(session: Session, now: datetime) -> float:
    """M from every paper announced in the last 28 days that has votes."""
    voted = select(Signal.id).where(Signal.paper_id == Paper.id, Signal.kind == "votes").exists()
    query = select(Paper.id, Paper.announced_at).where(Paper.announced_at > now - MEMORY, Paper.announced_at <= now)
    announced = dict(session.exec(query.where(voted)).all())
    latest = latest_counts(session, list(announced), now)
    counts = {paper_id: max(kinds["votes"]) for paper_id, kinds in latest.items() if "votes" in kinds}
    hours = [_hours_listed(announced[paper_id], moment) for paper_id, (_, moment) in counts.items()]
    return usual_votes([votes for votes, _ in counts.values()], hours)
