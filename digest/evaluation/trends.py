"""Does the trend foresee what becomes of papers? On an archive of votes, against what others rank by.

A pool is what a digest could know on one morning: the papers listed on that day, counted about three hours into it, and
those of the listing day before, as last counted on that day. The truth is the votes a week or more after the listing.
For every month the prior is fitted anew, on counts made before the first morning of the month alone; M is what
the last four weeks' counts before the morning gave. Nothing later is known to any formula.
"""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from digest.errors import InvalidRequest
from digest.papers import prior, trending
from digest.papers.attention import SETTLED
from digest.papers.prior import Past, Prior, Work
from digest.papers.trending import USUAL_HABIT, Floats

FINAL = 168.0  # hours after which votes are taken for final
MORNING, EARLIER = ("B", 1.0, 7.0), ("A", 4.0, 14.5)  # the archive's letter, and hours of the listing day
FEWEST_NEW, FEWEST = 4, 12  # papers of the day, and of a pool
MEMORY = timedelta(days=28)
FIRST = 10  # nDCG looks at as many
BEST = 5
DRAWS = 20


@dataclass(frozen=True, slots=True)
class Record:
    """A paper of the archive: the day of its listing, what it says, and its counts (moment, votes, letter) in order."""

    day: date
    work: Work
    counts: tuple[tuple[datetime, int, str], ...]

    def hours(self, moment: datetime) -> float:
        return trending.hours_listed(self.day, moment)

    @property
    def final(self) -> int | None:
        moment, votes, _ = self.counts[-1] if self.counts else (None, 0, "")
        return votes if moment and self.hours(moment) >= FINAL else None

    def first(self, letter: str, least: float, most: float) -> tuple[datetime, int] | None:
        """The first count under a letter that was made between two hours of the listing day."""
        fitting = ((moment, votes) for moment, votes, source in self.counts if source == letter)
        return next((one for one in fitting if least <= self.hours(one[0]) <= most), None)

    def last(self, until: datetime) -> tuple[datetime, int] | None:
        """The last count made at a moment or before."""
        return next(((moment, votes) for moment, votes, _ in reversed(self.counts) if moment <= until), None)


@dataclass(frozen=True, slots=True)
class Pool:
    """One morning: of each paper the votes, the hour of its listing day when they were counted, its age, the truth."""

    day: date
    morning: datetime
    records: list[Record]
    votes: Floats
    hours: Floats
    ages: Floats
    finals: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """A formula over all pools (one entry each): Spearman, nDCG@10, and the share of the true best five among five."""

    name: str
    spearman: Floats
    ndcg: Floats
    best: Floats

    @property
    def means(self) -> tuple[float, float, float]:
        return float(self.spearman.mean()), float(self.ndcg.mean()), float(self.best.mean())

    def tell(self) -> dict[str, float]:
        return dict(zip(("spearman", "ndcg", "best"), (round(mean, 4) for mean in self.means), strict=True))

    def against(self, base: "Score") -> str:
        """How much more Spearman than `base` over the same pools, with its standard error."""
        more = self.spearman - base.spearman
        error = more.std(ddof=1) / math.sqrt(len(more)) if len(more) > 1 else 0.0
        return f"{more.mean():+.3f} ± {error:.3f}"


def read(path: Path) -> list[Record]:
    """The archive, gzipped JSON Lines. Raises InvalidRequest for what is none."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return [read_record(json.loads(line)) for line in lines]
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"{path} is no archive of votes that can be read: {error}.") from error


def read_record(told: Mapping[str, Any]) -> Record:
    """A line of the archive. Counts that are null are not known, and are left out."""
    counted = [
        (datetime.fromisoformat(count[0]).replace(tzinfo=UTC), int(count[1]), str(count[5]))
        for count in told["snapshots"]
        if count[1] is not None
    ]
    counts = sorted(counted, key=lambda count: count[0])
    return Record(date.fromisoformat(told["day"]), work_of(told), tuple(counts))


def work_of(told: Mapping[str, Any]) -> Work:
    authors = list(told.get("authors") or [])
    return Work(f"{told['title']}. {told['abstract']}", authors, int(told.get("n_authors") or len(authors)))


def gather(records: Iterable[Record]) -> list[Pool]:
    """The pools of all days on which enough papers with a final count were seen early."""
    new: dict[date, list[tuple[Record, datetime, int]]] = defaultdict(list)
    old: dict[date, list[tuple[Record, datetime, int]]] = defaultdict(list)
    for record in records:
        for seen, span in ((new, MORNING), (old, EARLIER)):
            if record.final is not None and (count := record.first(*span)):
                seen[record.day].append((record, *count))
    days = sorted({*new, *old})
    before = dict(zip(days[1:], days, strict=False))
    chosen = [(day, new[day], old[before[day]] if day in before else []) for day in days if len(new[day]) >= FEWEST_NEW]
    return [_make_pool(day, fresh + aged, fresh) for day, fresh, aged in chosen if len(fresh + aged) >= FEWEST]


def _make_pool(day: date, rows: list[tuple[Record, datetime, int]], fresh: list[tuple[Record, datetime, int]]) -> Pool:
    morning = max(moment for _, moment, _ in fresh)
    return Pool(
        day=day,
        morning=morning,
        records=[record for record, _, _ in rows],
        votes=np.array([votes for _, _, votes in rows], np.float64),
        hours=np.array([record.hours(moment) for record, moment, _ in rows]),
        ages=np.array([record.hours(morning) for record, _, _ in rows]),
        finals=np.array([record.final for record, _, _ in rows], np.float64),
    )


Formula = Callable[[Pool], Floats]
PLAIN: dict[str, Formula] = {
    "raw votes": lambda pool: pool.votes,
    "Hacker News, age now": lambda pool: (pool.votes - 1) / (pool.ages + 2) ** 1.8,
    "Hacker News, age when counted": lambda pool: (pool.votes - 1) / (pool.hours + 2) ** 1.8,
    "Reddit hot, age now": lambda pool: np.log10(np.maximum(pool.votes, 1)) - pool.ages * 3600 / 45_000,
    "votes per hour": lambda pool: pool.votes / np.maximum(pool.hours, 0.5),
}
WITHOUT, BY_TEXT, WHOLE = (
    "digest, without a prior",
    "digest, prior from the text",
    "digest, prior from text and authors",
)


def evaluate(records: Sequence[Record]) -> list[Score]:
    """Every formula over all pools. Raises InvalidRequest when the archive gives none."""
    pools = gather(records)
    if not pools:
        raise InvalidRequest("The archive has no morning with enough papers that were counted early and late.")
    ranked: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for pool, usual, fitted in _walk(records, pools):
        works = [record.work for record in pool.records]
        priors = {
            WITHOUT: np.ones(len(works)),
            BY_TEXT: fitted.without_authors().predict(works),
            WHOLE: fitted.predict(works),
        }
        scores = {name: formula(pool) for name, formula in PLAIN.items()}
        scores |= {name: trending.times_usual(pool.votes, pool.hours, usual, p) for name, p in priors.items()}
        for name, score in scores.items():
            ranked[name].append(rate(score, pool.finals))
    return [Score(name, *(np.array(column) for column in zip(*rows, strict=True))) for name, rows in ranked.items()]


def _walk(records: Sequence[Record], pools: Iterable[Pool]) -> Iterator[tuple[Pool, float, Prior]]:
    """Each pool with M and the prior as they could be known on its morning."""
    month, fitted = None, None
    for pool in pools:
        if fitted is None or month != (pool.day.year, pool.day.month):
            month = (pool.day.year, pool.day.month)
            fitted = prior.fit(past_of(records, datetime.combine(pool.day, time(), UTC)), {})
        yield pool, usual_at(records, pool.morning), fitted


def past_of(records: Iterable[Record], until: datetime) -> Past:
    """What the counts made before a moment tell, each paper with its latest."""
    seen = [(record, count) for record in records if (count := record.last(until - timedelta(microseconds=1)))]
    seen = [(record, count) for record, count in seen if record.hours(count[0]) >= SETTLED]
    return Past(
        works=[record.work for record, _ in seen],
        days=[record.day for record, _ in seen],
        votes=np.array([votes for _, (_, votes) in seen], np.float64),
        hours=np.array([record.hours(moment) for record, (moment, _) in seen]),
    )


def usual_at(records: Iterable[Record], moment: datetime) -> float:
    """M from the papers listed in the four weeks before a moment, as last counted."""
    recent = [record for record in records if (moment - MEMORY).date() < record.day <= moment.date()]
    seen = [(record, count) for record in recent if (count := record.last(moment))]
    return trending.usual_votes([votes for _, (_, votes) in seen], [r.hours(when) for r, (when, _) in seen])


def rate(score: Floats, truth: Floats) -> tuple[float, float, float]:
    """Spearman, nDCG@10 with the votes as gains, and the share of the best five; over all ways to break ties, drawn."""
    discounts = 1 / np.log2(np.arange(min(FIRST, len(truth))) + 2)
    most = float(np.sort(truth)[::-1][:FIRST] @ discounts)
    gains, shares = [], []
    for draw in np.random.default_rng(1).permuted(np.tile(np.arange(len(truth)), (DRAWS, 1)), axis=1):
        order, ideal = np.lexsort((draw, -score)), np.lexsort((draw, -truth))
        gains.append(float(truth[order[:FIRST]] @ discounts) / most if most else 1.0)
        shares.append(len({*order[:BEST].tolist()} & {*ideal[:BEST].tolist()}) / min(BEST, len(truth)))
    return spearman(score, truth), float(np.mean(gains)), float(np.mean(shares))


def spearman(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation; 0 where one of the two has a single value."""
    from scipy.stats import rankdata

    ranks = rankdata(one), rankdata(other)
    if any(math.isclose(float(rank.std()), 0) for rank in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def score(told: Mapping[str, Any]) -> float:
    """A paper as `trending_eval.py` tells of it, by the product's formula with the prior that is in the package."""
    foreseen = prior.shipped().predict([work_of(told["paper"])])
    return float(trending.times_usual(told["votes"], told["hours"], USUAL_HABIT.usual, foreseen)[0])
