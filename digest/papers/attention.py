"""The stage that works out the trend of papers from what has been counted, and before any count from what is foreseen.

A paper with votes has in `trend_facts` the counts, the source of the votes that stand out most, `hours`, `times` and,
where the level of its field is known, `field`; one without has its `prior` and whether it is `likely` to trend.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import numpy as np
from sqlalchemy import and_, func, update
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, or_, select

from digest.db import take_turns
from digest.log import get_logger
from digest.papers import signals, trending
from digest.papers.prior import Past, Prior, Work
from digest.papers.signals import Count
from digest.papers.trending import Facts, habit_of
from digest.sources.sample import SampleSource
from digest.tables import Paper, PaperListing, Signal, TrendPrior

MEMORY = timedelta(days=28)  # of M
FIELD_MEMORY = timedelta(days=90)
FOLLOWED = timedelta(days=14)  # a paper's votes are watched for this long after its listing
SETTLED = 2.0  # hours before which a count teaches the prior nothing
LIKELY = 0.03  # share of a day's papers that may be called likely to trend


@dataclass(frozen=True, slots=True)
class Sighting:
    """A paper's latest votes at a source: how many, and how many hours into the listing day they were counted."""

    source: str
    votes: int
    hours: float


@dataclass(frozen=True, slots=True)
class Cohort:
    """What is usual: M by source, and the level of each field."""

    usual: Mapping[str, float]
    fields: Mapping[str, float]

    def measure(self, sighting: Sighting, prior: float) -> float:
        """How many times the usual a sighting is."""
        habit = habit_of(sighting.source)
        mean = self.usual.get(sighting.source, habit.usual)
        return float(trending.times_usual(sighting.votes, sighting.hours, mean, prior, habit.half_time))

    def strongest(self, seen: Sequence[Sighting], prior: float) -> tuple[float, Sighting]:
        """The sighting that is most times the usual, and how many times."""
        return max(((self.measure(one, prior), one) for one in seen), key=lambda found: (found[0], found[1].source))


class Verdict(NamedTuple):
    """A trend, the facts that it is made of, and when the latest of them was counted."""

    trend: float
    facts: Facts
    counted_at: datetime


def plan(session: Session, now: datetime) -> list[int]:
    """Papers whose votes were counted after their trend was last worked out, and new ones of which nothing is foreseen.

    Only papers that were listed in the last two weeks are asked about, so that a tick costs no walk through all counts.
    """
    newer = select(Signal.id).where(
        Signal.paper_id == PaperListing.paper_id,
        Signal.source == PaperListing.source,
        Signal.kind == "votes",
        Signal.observed_at <= now,
        or_(col(Paper.trended_at).is_(None), col(Signal.observed_at) > col(Paper.trended_at)),
    )
    listed = select(PaperListing.paper_id).join(Paper, col(Paper.id) == col(PaperListing.paper_id))
    counted = listed.where(PaperListing.listed_on > (now - FOLLOWED).date(), newer.exists())
    announced = select(Paper.id).where(Paper.announced_at > now - FOLLOWED, Paper.announced_at <= now)
    unforeseen = announced.where(col(Paper.prior).is_(None))
    return sorted({*session.exec(counted), *session.exec(unforeseen)})


def work(session: Session, now: datetime, ids: Sequence[int], prior: Prior) -> int:
    """Work out the trend of papers from the latest counts at or before `now`; returns how many."""
    take_turns(session, "trend")
    papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(ids)))}
    new = [paper for paper in papers.values() if paper.prior is None]
    for paper, foreseen in zip(new, prior.predict([*map(work_of, new)]), strict=True):
        paper.prior = float(foreseen)
    session.flush()
    judged = _judge_all(session, papers, now)
    for paper_id, verdict in judged.items():
        paper = papers[paper_id]
        paper.trend, paper.trend_facts, paper.trended_at = verdict
        if verdict.facts.get("alone") and verdict.facts["source"] != SampleSource.name:  # whose votes are long known
            get_logger().warning("votes_alone", paper=paper_id, **_brief_of(verdict.facts))
    for day in sorted({paper.announced_at.date() for paper in new}):
        _foresee(session, day)
    return len(papers)


def work_of(paper: Paper) -> Work:
    return Work(f"{paper.title}. {paper.abstract}", paper.authors, paper.author_count)


def turn_back(session: Session, papers: Sequence[Paper], now: datetime) -> None:
    """Let papers whose trend was worked out from later counts have the trend that they had at `now`.

    Nothing of it is stored: it is for who ranks at an earlier moment than the store has seen. Of papers that had no
    votes then, it is not known any more whether they were among the likeliest of their day.
    """
    late = {paper.id: paper for paper in papers if paper.trended_at is not None and paper.trended_at > now}
    judged = _judge_all(session, late, now) if late else {}
    for paper_id, paper in late.items():
        before = judged.get(paper_id) or Verdict(*_of_prior(paper.prior, likely=False), now)
        for name, value in zip(("trend", "trend_facts"), before, strict=False):
            set_committed_value(paper, name, value)


def _judge_all(session: Session, papers: Mapping[int, Paper], now: datetime) -> dict[int, Verdict]:
    """The trend of those of `papers` that had votes at `now`."""
    cohort = read_cohort(session, now)
    counts, days = signals.latest_counts(session, papers, now), signals.listing_days(session, papers)
    counted = ((papers[paper_id], kinds) for paper_id, kinds in counts.items() if "votes" in kinds)
    return {paper.id: _judge(paper, kinds, cohort, days) for paper, kinds in counted}


def _judge(
    paper: Paper, kinds: Mapping[str, Sequence[Count]], cohort: Cohort, days: Mapping[tuple[int, str], date]
) -> Verdict:
    """The trend of a paper with votes, and the facts of it; its numbers are only rounded where they are told."""
    listed = [(count, days.get((paper.id, count.source), paper.announced_at.date())) for count in kinds["votes"]]
    seen = [Sighting(count.source, count.value, trending.hours_listed(day, count.moment)) for count, day in listed]
    times, best = cohort.strongest(seen, float(trending.clip_prior(1.0 if paper.prior is None else paper.prior)))
    others = {kind: max(count.value for count in made) for kind, made in sorted(kinds.items()) if kind != "votes"}
    facts: Facts = {"votes": best.votes, **others, "hours": best.hours, "times": times, "source": best.source}
    if level := cohort.fields.get(trending.field_of(paper.categories)):
        facts["field"] = {"name": trending.field_of(paper.categories), "times": times / level}
    confirmed = bool(others.get("comments")) or sum(one.votes > 0 for one in seen) > 1
    if trending.is_burst(facts, confirmed=confirmed):
        facts["alone"] = True
    return Verdict(float(trending.trend_score(times)), facts, max(count.moment for count in kinds["votes"]))


def _brief_of(facts: Facts) -> Facts:
    return {name: facts[name] for name in ("source", "votes")} | {"times": round(facts["times"], 2)}


def _foresee(session: Session, day: date) -> None:
    """Give the papers of a day that have no votes the trend of their prior, and mark the few that are likely to."""
    start = datetime.combine(day, time(), UTC)
    announced = select(Paper).where(Paper.announced_at >= start, Paper.announced_at < start + timedelta(days=1))
    rows = session.exec(announced.where(col(Paper.merged_into).is_(None), col(Paper.prior).is_not(None))).all()
    ordered = sorted(rows, key=lambda paper: (-(paper.prior or 0.0), paper.id))
    for rank, paper in enumerate(ordered):
        if "votes" not in (paper.trend_facts or {}):
            likely = rank < math.floor(LIKELY * len(ordered))
            paper.trend, paper.trend_facts = _of_prior(paper.prior, likely=likely)


def _of_prior(prior: float | None, *, likely: bool) -> tuple[float, Facts]:
    """The trend of a paper without votes, and the facts of it."""
    known = 1.0 if prior is None else prior
    return float(trending.trend_score(known)), {"prior": round(known, 2), "likely": likely}


class _Listed(NamedTuple):
    """A sighting with what else the cohort needs of the paper."""

    sighting: Sighting
    day: date
    field: str
    prior: float
    paper: int


def read_cohort(session: Session, now: datetime) -> Cohort:
    """What is usual at `now`: M from the papers listed in the last 28 days, fields from those of the last 90."""
    paper, source, day = col(PaperListing.paper_id), col(PaperListing.source), col(PaperListing.listed_on)
    made = select(func.max(col(Signal.observed_at))).where(
        Signal.paper_id == paper, Signal.source == source, Signal.kind == "votes", Signal.observed_at <= now
    )
    seen = aliased(Signal)
    of_votes = col(seen.paper_id) == paper, col(seen.source) == source, col(seen.kind) == "votes"
    latest = col(seen.observed_at) == made.correlate(PaperListing).scalar_subquery()
    query = (
        columns(paper, source, day, col(Paper.categories), col(Paper.prior), col(seen.value), col(seen.observed_at))
        .join(Paper, col(Paper.id) == paper)
        .join(seen, and_(*of_votes, latest))
        .where(day > (now - FIELD_MEMORY).date())
    )
    listed = []
    for paper_id, name, listed_on, categories, prior, votes, moment in session.execute(query):
        sighting = Sighting(name, votes, trending.hours_listed(listed_on, moment))
        field, foreseen = trending.field_of(categories), 1.0 if prior is None else prior
        listed.append(_Listed(sighting, listed_on, field, foreseen, paper_id))
    usual = _usual([one.sighting for one in listed if one.day > (now - MEMORY).date()])
    return Cohort(usual, _levels(listed, Cohort(usual, {})))


def _usual(seen: Iterable[Sighting]) -> dict[str, float]:
    """M of each source."""
    by_source: dict[str, list[Sighting]] = defaultdict(list)
    for one in seen:
        by_source[one.source].append(one)
    return {
        source: trending.usual_votes([one.votes for one in made], [one.hours for one in made], habit_of(source))
        for source, made in by_source.items()
    }


def _levels(listed: Iterable[_Listed], cohort: Cohort) -> dict[str, float]:
    """The level of each field, from the strongest sighting of each of its papers."""
    by_paper: dict[int, list[_Listed]] = defaultdict(list)
    for one in listed:
        by_paper[one.paper].append(one)
    by_field: dict[str, list[float]] = defaultdict(list)
    for made in by_paper.values():
        if made[0].field:
            by_field[made[0].field].append(cohort.strongest([one.sighting for one in made], made[0].prior)[0])
    return {name: trending.field_level(times) for name, times in by_field.items()}


def past_of_store(session: Session, now: datetime) -> Past:
    """What a prior can be fitted on: the papers that were counted elsewhere, each with its latest votes."""
    query = select(PaperListing, Paper).join(Paper, col(Paper.id) == col(PaperListing.paper_id))
    rows = session.exec(query.where(PaperListing.source != trending.READERS).order_by(col(Paper.id))).all()
    counts = signals.latest_counts(session, {paper.id for _, paper in rows}, now, "votes")
    seen = []
    for listing, paper in rows:
        made = [one for one in counts.get(paper.id, {}).get("votes", ()) if one.source == listing.source]
        hours = trending.hours_listed(listing.listed_on, made[0].moment) if made else 0.0
        if hours >= SETTLED:
            seen.append((work_of(paper), listing.listed_on, made[0].value, hours))
    works, days, votes, elapsed = zip(*seen, strict=True) if seen else ((), (), (), ())
    return Past(works, days, np.array(votes, np.float64), np.array(elapsed, np.float64))


def adopt(session: Session, made: Prior, now: datetime) -> None:
    """Foresee by `made` from now on, and anew what was foreseen of the papers of the last two weeks."""
    session.add(TrendPrior(fitted_at=now, content=made.to_json()))
    recent = select(PaperListing.paper_id).where(PaperListing.listed_on > (now - FOLLOWED).date())
    young = or_(col(Paper.announced_at) > now - FOLLOWED, col(Paper.id).in_(recent))
    session.exec(update(Paper).where(young).values(prior=None, trended_at=None))
