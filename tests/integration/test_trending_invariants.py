"""What trending scores, blends and editions must never do, numbered as in the project's notes on trending.

The first part is about pure functions; the second takes papers, counts and readers through the store.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_record, make_subscriber
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlmodel import Session, select
from structlog.testing import capture_logs

from digest import pipeline
from digest.papers import ingest, trending
from digest.papers.ingest import IngestReport
from digest.papers.signals import note_listings
from digest.ranking import briefs, drafts, editions, reranking, scoring
from digest.ranking.candidates import Library, load_library
from digest.ranking.desks import Desk, Reader
from digest.ranking.drafts import Draft
from digest.ranking.methods import Method
from digest.tables import Edition, EditionItem, Paper, Signal, Subscriber
from digest.workshop import Workshop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
METHOD = Method(window=3 * DAY)
TRENDING = Path(__file__).parents[3] / "shared/trending"
in_store = settings(  # an example takes a second: it is told as it was found
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],
)

Floats = NDArray[np.float64]
balances = st.sampled_from([0.0, 0.15, 0.3, 0.45, 0.6])
priors = st.floats(1 / 3, 3)
means = st.floats(0, 1000)
hours = st.floats(0, 24 * 30)
few = st.integers(0, 10_000)


@dataclass(frozen=True)
class Pool:
    """Papers as one run sees them: the usual votes are fixed."""

    votes: list[int]
    hours: list[float]
    priors: list[float]
    relevance: list[float]
    mean: float

    @property
    def times(self) -> Floats:
        return trending.times_usual(self.votes, self.hours, self.mean, self.priors)

    @property
    def trend(self) -> Floats:
        return trending.trend_score(self.times)

    def scores(self, balance: float) -> Floats:
        return scoring.blend(np.array(self.relevance, np.float32), self.trend, np.float64(balance))

    def change(self, row: int, **fields: float) -> "Pool":
        """The pool with another number for one paper."""
        changed = {name: [*getattr(self, name)] for name in fields}
        for name, value in fields.items():
            changed[name][row] = value
        return replace(self, **changed)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    size = draw(st.integers(2, 12))

    def several(numbers: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(numbers, min_size=size, max_size=size))

    relevances = several(st.floats(-3, 12, width=32))
    return Pool(several(few), several(hours), several(priors), relevances, draw(means))


def place(scores: Floats, row: int) -> int:
    """How many others score more."""
    return int((scores > scores[row]).sum())


@given(pools(), balances, st.integers(1, 10**6))
def test_invariant_1_more_votes_never_lower_a_paper_and_move_no_other(pool: Pool, balance: float, more: int) -> None:
    voted = pool.change(0, votes=pool.votes[0] + more)
    before, after = pool.scores(balance), voted.scores(balance)
    assert voted.times[0] > pool.times[0]
    assert voted.trend[0] >= pool.trend[0]
    assert after[0] >= before[0]
    assert place(after, 0) <= place(before, 0)
    assert after[1:].tolist() == before[1:].tolist()


@given(pools(), balances, st.floats(0.01, 5))
def test_invariant_2_more_likeness_never_lowers_a_score(pool: Pool, balance: float, more: float) -> None:
    liker = pool.change(0, relevance=pool.relevance[0] + more)
    before, after = pool.scores(balance), liker.scores(balance)
    assert after[0] >= before[0]
    assert place(after, 0) <= place(before, 0)
    assert after[1:].tolist() == before[1:].tolist()


@given(pools())
def test_invariant_2_without_balance_the_order_is_relevance_and_at_one_it_is_lambda(pool: Pool) -> None:
    relevance, times = np.array(pool.relevance, np.float32), pool.times
    for one, other in itertools.combinations(range(len(relevance)), 2):
        by_relevance, by_trend = pool.scores(0)[[one, other]], pool.scores(1)[[one, other]]
        if abs(relevance[one] - relevance[other]) > 1e-3:
            assert (by_relevance[0] > by_relevance[1]) == (relevance[one] > relevance[other])
        if not np.isclose(times[one], times[other], rtol=1e-9):
            assert (by_trend[0] > by_trend[1]) == (times[one] > times[other])


@given(few, st.floats(0, 1000), st.floats(0.1, 100), st.floats(1, 1000), priors)
def test_invariant_3_lambda_falls_with_time_and_is_the_prior_before_any_vote(
    votes: int, age: float, later: float, usual: float, prior: float
) -> None:
    young, old = trending.times_usual(votes, [age, age + later], usual, prior)
    assert young > old
    assert float(trending.times_usual(0, 0.0, usual, prior)) == pytest.approx(prior)
    unknown = scoring.blend(np.float32(2), np.float32(np.nan), np.float32(0.6))
    assert unknown == scoring.blend(np.float32(2), trending.trend_score(1.0), np.float32(0.6))


@given(st.integers(0, 10**9), hours, means, priors, balances, st.floats(-50, 50, width=32))
def test_invariant_4_whatever_the_counts_a_trend_is_within_its_bounds(  # noqa: PLR0917
    votes: int, age: float, usual: float, prior: float, balance: float, relevance: float
) -> None:
    trend = trending.trend_score(trending.times_usual([votes, 0, 0], [age, 0, age], usual, prior))
    assert ((trend > 0) & (trend < 1)).all()
    hot, cold = (scoring.blend(np.float32(relevance), value, np.float64(balance)) for value in (trend[0], 0.0))
    assert 0 <= hot - cold <= balance + 1e-12
    assert np.isfinite(trending.times_usual([0, votes], [0.0, age], 0.0, prior)).all()


@given(few, few, hours, st.floats(1, 1000), priors)
def test_invariant_8_of_one_age_the_order_is_that_of_votes(
    one: int, other: int, age: float, usual: float, prior: float
) -> None:
    times = trending.times_usual([one, other], age, usual, prior)
    assert (times[0] > times[1]) == (one > other)


@given(st.lists(few, min_size=2, max_size=12), hours, st.floats(1, 1000), st.floats(1, 100))
def test_invariant_9_scale_leaves_the_order(counts: list[int], age: float, usual: float, factor: float) -> None:
    plain = trending.times_usual(counts, age, usual)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trending, "SHRINKAGE", trending.SHRINKAGE * factor)
        scaled = trending.times_usual(np.array(counts) * factor, age, usual * factor)
    np.testing.assert_allclose(scaled, plain, rtol=1e-9)


def test_invariant_9_of_typical_papers_the_usual_is_their_mean() -> None:
    ages = np.linspace(1, 500, 50_000)
    for typical in (3.0, 25.0, 400.0):
        assert trending.usual_votes(typical * trending.growth(ages), ages) == pytest.approx(typical, rel=0.02)


# From here on through the store.


def add_crowd(session: Session, now: datetime) -> None:
    """Last month's papers on other topics: what is usual, and none of it new."""
    for topic in sorted(TOPICS.keys() - {"mamba"}):
        for _ in range(30):
            make_paper(session, now, topic, announced_at=now - 30 * DAY)


@pytest.fixture
def later(shop: Workshop, now: datetime) -> Iterator[datetime]:
    """Moments so far apart that what is new at one is long past at the next, each with a crowd of its own."""

    def pass_time() -> Iterator[datetime]:
        for moment in (now + 40 * n * DAY for n in itertools.count()):
            with shop.database.session() as session:
                add_crowd(session, moment)
            yield moment

    return pass_time()


def add_reader(session: Session, now: datetime, *topics: str, count: int = 10, **fields: Any) -> Subscriber:
    subscriber = make_subscriber(session, now, papers_per_edition=count)
    for number, topic in enumerate(topics):
        make_profile(session, subscriber, topic, name=f"{topic} {number}", **fields)
    return subscriber


def count_votes(session: Session, paper: Paper, at: datetime, votes: int) -> None:
    session.add(Signal(paper_id=paper.id, source="files", kind="votes", observed_at=at, value=votes))


def load(session: Session, now: datetime) -> Library:
    library = load_library(session, "hashing", now - 15 * DAY, now)
    assert library is not None
    return library


def shuffle(library: Library, order: Sequence[int]) -> Library:
    """The same library with its papers in another order."""
    rows = np.array(order, np.int64)
    papers, sentences = ([things[row] for row in order] for things in (library.papers, library.sentences))
    return replace(library, papers=papers, sentences=sentences, view=library.view.rows(rows))


def draft(shop: Workshop, now: datetime, *readers: Subscriber) -> list[Draft]:
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        made = drafts.draft(session, load(session, now), readers, now, METHOD)
    return [made[reader.id] for reader in readers]


def listed(made: Draft) -> list[tuple[int, int | None, float]]:
    return [(pick.paper.id, pick.profile_id, pick.score) for pick in made.picks]


@in_store
@given(
    data=st.data(),
    steps=st.lists(st.sampled_from(["run", "again", "crash", "back", "version", "source"]), min_size=2, max_size=8),
)
def test_invariant_5_nobody_gets_a_paper_twice_whatever_runs_crash_or_clocks_do(
    shop: Workshop, later: Iterator[datetime], data: st.DataObject, steps: list[str]
) -> None:
    now = next(later)
    moment = now
    records = [make_record("mamba", authors=(f"Ann {n}", f"Zoe {n}")) for n in range(12)]
    with shop.database.session() as session:
        reader = add_reader(session, now, "mamba", count=3, balance=0.6)
    ingest.store(shop.database, [replace(record, announced_at=now) for record in records], now, IngestReport())
    for step in ["run", *steps]:
        if step in {"version", "source"}:
            record = data.draw(st.sampled_from(records))
            fresh = replace(record, announced_at=moment, source="files" if step == "version" else "huggingface")
            fresh = replace(fresh, version=2, title=f"{record.title}, revised") if step == "version" else fresh
            ingest.store(shop.database, [fresh], moment, IngestReport())
            continue
        moment += {"run": DAY, "crash": DAY, "back": -2 * DAY}.get(step, timedelta())
        send(shop, reader, moment, step)
    with shop.database.session(write=False) as session:
        query = select(EditionItem.paper_id).join(Edition).where(Edition.subscriber_id == reader.id)
        times = Counter(session.exec(query).all())
    assert all(count == 1 for count in times.values())
    assert times


def send(shop: Workshop, reader: Subscriber, moment: datetime, how: str) -> None:
    """What the stage does for a reader who is due: one that crashes commits nothing, one done again stores twice."""
    pipeline.prepare(shop, moment)
    with shop.database.session(write=False) as session:
        if not editions.plan(session, moment, only=reader.id):
            return
        who = session.get_one(Subscriber, reader.id)
        library = load_library(session, "hashing", moment - 15 * DAY, moment)
        made = drafts.draft(session, library, [who], moment, METHOD)
    for _ in range(2 if how == "again" else 1):
        with shop.database.session() as session:
            editions.store(session, made, moment, "hashing")
            if how == "crash":
                session.rollback()


@in_store
@given(data=st.data())
def test_invariant_6_the_order_of_papers_and_the_size_of_batches_change_nothing(
    shop: Workshop, later: Iterator[datetime], data: st.DataObject
) -> None:
    now = next(later)
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    with shop.database.session() as session:
        for topic in TOPICS:
            for _ in range(4):
                paper = make_paper(session, now, topic)
                count_votes(session, paper, now - HOUR, int(random.choice([0, 12, 300])))
        topics = random.choice(sorted(TOPICS), 6)
        readers = [add_reader(session, now, *topics[n : n + 2], balance=0.6) for n in (0, 2, 4)]
    together = [listed(made) for made in draft(shop, now, *readers)]
    with shop.database.session(write=False) as session:
        library = load(session, now)
        other = shuffle(library, random.permutation(len(library.papers)).tolist())
        reordered = drafts.draft(session, other, readers[::-1], now, METHOD)
    assert any(together)
    assert [listed(reordered[reader.id]) for reader in readers] == together
    assert [listed(draft(shop, now, reader)[0]) for reader in readers] == together


def test_invariant_6_ties_go_by_lambda_then_votes_then_the_newer_day_then_the_id(shop: Workshop, now: datetime) -> None:
    facts = {"votes": 20, "hours": 10.0, "times": 1.0}
    fields: list[dict[str, Any]] = [
        {},
        {},
        {"announced_at": now - 2 * DAY},
        {"trend_facts": facts},
        {"trend": 0.5, "trend_facts": facts | {"votes": 30}},
        {"trend": 0.51, "trend_facts": facts},
    ]
    with shop.database.session() as session:
        same = {"title": "Same", "abstract": TOPICS["mamba"], "prior": 1.0}  # which was foreseen, and is not anew
        papers = [make_paper(session, now, **(same | given_)) for given_ in fields]
        add_crowd(session, now)
        reader = add_reader(session, now, "mamba", balance=0.0)
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load(session, now)
        since = now - 7 * DAY
        desk = Desk(session, library, briefs.read(session, "hashing", [reader], since), [Reader(reader, since)], now)
        ranked = [library.papers[match.row].id for match in desk.matches(reader.id)]
    assert ranked == [papers[place].id for place in (5, 4, 3, 0, 1, 2)]


@in_store
@given(counts=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 10**6), st.integers(1, 40)), max_size=6))
def test_invariant_7_what_is_counted_after_the_cut_off_changes_nothing(
    shop: Workshop, later: Iterator[datetime], counts: list[tuple[int, int, int]]
) -> None:
    now = next(later)
    with shop.database.session() as session:
        papers = [make_paper(session, now, topic) for topic in ("mamba", "galaxy") for _ in range(4)]
        for number, paper in enumerate(papers):
            count_votes(session, paper, now - HOUR, 30 * number)
        reader = add_reader(session, now, "mamba", balance=0.6)
    before = listed(draft(shop, now, reader)[0])
    with shop.database.session() as session:
        for number, votes, hours_later in dict.fromkeys(counts):
            session.merge(
                Signal(
                    paper_id=papers[number].id,
                    source=f"s{votes}",
                    kind="votes",
                    observed_at=now + hours_later * HOUR,
                    value=votes,
                )
            )
    assert before
    assert listed(draft(shop, now, reader)[0]) == before


def test_invariant_7_votes_may_fall_and_the_latest_count_wins(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        fallen, steady = make_paper(session, now), make_paper(session, now)
        for paper, counts in ((fallen, (900, 5)), (steady, (40, 50))):
            for age, votes in zip((2, 1), counts, strict=True):
                count_votes(session, paper, now - age * HOUR, votes)
        reader = add_reader(session, now, "mamba", balance=0.6)
    picks = draft(shop, now, reader)[0].picks
    assert [pick.paper.id for pick in picks] == [steady.id, fallen.id]


def test_invariant_7_what_was_worked_out_later_changes_nothing(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        papers = [make_paper(session, now) for _ in range(6)]
        for number, paper in enumerate(papers[:4]):
            count_votes(session, paper, now - HOUR, 30 * number)
        note_listings(session, {(paper.id, "files"): now.date() for paper in papers})
        reader = add_reader(session, now, "mamba", balance=0.6)
    before = listed(draft(shop, now, reader)[0])
    with shop.database.session() as session:
        for number, paper in enumerate(papers):
            count_votes(session, paper, now + 3 * HOUR, 1000 - 100 * number)
    pipeline.prepare(shop, now + 4 * HOUR)
    with shop.database.session(write=False) as session:
        stored = [session.get_one(Paper, paper.id).trend_facts for paper in papers]
        library = load(session, now)
        again = drafts.draft(session, library, [reader], now, METHOD)
        assert not session.dirty
    assert [facts["votes"] for facts in stored if facts] == [1000, 900, 800, 700, 600, 500]
    assert listed(again[reader.id]) == before


SLOTS = {0.0: 0, 0.15: 1, 0.3: 1, 0.45: 2, 0.6: 3}
UNWANTED: list[dict[str, Any]] = [
    {"muted": ["redshift"]},
    {"against": "Galaxies and their spectra, redshift and star formation in a survey."},
    {"categories": ["cs.LG"]},
]


def outside(made: Draft) -> list[Paper]:
    return [pick.paper for pick in made.picks if pick.profile_id is None]


@in_store
@given(data=st.data(), balance=balances)
def test_invariant_10_slots_are_few_and_meet_their_conditions(
    shop: Workshop, later: Iterator[datetime], data: st.DataObject, balance: float
) -> None:
    now = next(later)
    count = data.draw(st.sampled_from([3, 5, 10]))
    with shop.database.session() as session:
        for topic in ("mamba", "galaxy", "robot"):
            for _ in range(12 if topic == "mamba" else 3):
                facts = {
                    "votes": data.draw(st.sampled_from([9, 10, 90])),
                    "hours": data.draw(st.sampled_from([5.9, 6.0, 20.0])),
                    "times": data.draw(st.sampled_from([1.9, 2.0, 5.0])),
                }
                trend = float(trending.trend_score(facts["times"]))
                make_paper(session, now, topic, trend=trend, trend_facts=facts)
        reader = add_reader(session, now, "mamba", count=count, balance=balance)
    made = draft(shop, now, reader)[0]
    guests = outside(made)
    assert len(made.picks) == count
    assert len(guests) <= min(SLOTS[balance], count // 3)
    assert all(
        trending.deserves_badge(paper.trend_facts) and paper.title.startswith(("Galaxy", "Robot")) for paper in guests
    )
    assert [paper.trend for paper in guests] == sorted((paper.trend for paper in guests), reverse=True)


def add_hot(session: Session, now: datetime, topic: str = "galaxy", times: float = 5.0, **fields: Any) -> Paper:
    facts = {"votes": 90, "hours": 20.0, "times": times}
    return make_paper(session, now, topic, trend=float(trending.trend_score(times)), trend_facts=facts, **fields)


@pytest.mark.parametrize("fields", UNWANTED, ids=lambda fields: next(iter(fields)))
def test_invariant_10_no_slot_for_what_is_muted_disliked_or_of_another_category(
    shop: Workshop, now: datetime, fields: dict[str, Any]
) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        for _ in range(12):
            make_paper(session, now, "mamba", categories=["cs.LG"])
        hot = add_hot(session, now, categories=["astro-ph.GA"])
        plain, careful = (add_reader(session, now, "mamba", **more) for more in ({}, fields))
    free, held = draft(shop, now, plain, careful)
    assert [paper.id for paper in outside(free)] == [hot.id]
    assert outside(held) == []
    assert len(free.picks) == len(held.picks) == 10


def test_invariant_10_no_slot_for_what_is_like_a_disliked_paper(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        disliked = make_paper(session, now, "galaxy", announced_at=now - 30 * DAY)
        make_paper(session, now, "mamba")
        hot, other = add_hot(session, now), add_hot(session, now, "robot", 4.0)
        plain, careful = (add_reader(session, now, "mamba") for _ in range(2))
        profile = make_profile(session, careful, "mamba", name="with a dislike")
        like(session, profile, disliked, -1)
    assert [[paper.id for paper in outside(made)] for made in draft(shop, now, plain, careful)] == [
        [hot.id],
        [other.id],
    ]


def test_invariant_10_no_slot_for_what_an_interest_would_match_but_for_its_limits(
    shop: Workshop, now: datetime
) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        make_paper(session, now, "mamba", title="A theory of mambas")
        add_hot(session, now, "mamba")
        reader = add_reader(session, now, "mamba", required=["theory"])
    assert outside(draft(shop, now, reader)[0]) == []


def over(papers: list[Paper], label: str, most: int) -> bool:
    if label == "source":
        return max(Counter(paper.source for paper in papers).values(), default=0) > most
    ends = Counter(name for paper in papers for name in {paper.authors[0], paper.authors[-1]})
    return max(ends.values(), default=0) > most


@in_store
@given(data=st.data())
def test_invariant_11_caps_hold_or_are_told_and_never_shorten_the_edition(
    shop: Workshop, later: Iterator[datetime], data: st.DataObject
) -> None:
    now = next(later)
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    authors, count = data.draw(st.integers(2, 12)), data.draw(st.sampled_from([5, 10]))
    papers = data.draw(st.integers(1, 16))
    with shop.database.session() as session:
        for _ in range(papers):
            first, last = (f"Ann {n}" for n in random.integers(0, authors, 2))
            source = str(random.choice(["files", "arxiv"], p=[0.9, 0.1]))
            make_paper(session, now, authors=[first, "Bob", last], author_count=3, source=source)
        reader = add_reader(session, now, "mamba", count=count)
    with capture_logs() as told:
        made = draft(shop, now, reader)[0]
    chosen = [pick.paper for pick in made.picks]
    assert len(chosen) == min(count, papers)
    for label, most in (("source", reranking.scale(7, count)), ("author", reranking.scale(2, count))):
        one_source = len({paper.source for paper in chosen}) == 1
        assert over(chosen, label, most) <= (label in made.gave_way) or (label == "source" and one_source)
    events = [event for event in told if event["event"] == "caps_gave_way"]
    assert [
        name for event in events for name in event if name in {"source", "author", "near_duplicate", "profile"}
    ] == made.gave_way


def test_invariant_11_with_enough_others_every_cap_holds(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        add_crowd(session, now)
        for number in range(12):  # the best by far, of one author and one source
            make_paper(session, now, abstract=TOPICS["mamba"], authors=["Ann"], author_count=1, source="arxiv")
            text = f"{TOPICS['mamba']} " + " ".join(f"word{number}{n}" for n in range(12))
            authors = [f"Cy {number}", f"Di {number}"]
            make_paper(session, now, title=f"Mamba {number}", abstract=text, authors=authors, source="files")
        reader = add_reader(session, now, "mamba", balance=0.0)
    with capture_logs() as told:
        made = draft(shop, now, reader)[0]
    chosen = [pick.paper for pick in made.picks]
    assert len(chosen) == 10
    assert Counter(paper.authors[0] for paper in chosen)["Ann"] == 2
    assert Counter(paper.source for paper in chosen)["files"] == 8 or "source" in made.gave_way
    assert made.gave_way == [] or told


@in_store
@given(data=st.data())
def test_invariant_12_reasons_are_made_of_stored_numbers(
    shop: Workshop, later: Iterator[datetime], data: st.DataObject
) -> None:
    now = next(later)
    with shop.database.session() as session:
        examples = [make_paper(session, now, "mamba", announced_at=now - 30 * DAY) for _ in range(3)]
        for topic in ("mamba", "galaxy"):
            for _ in range(4):
                votes = data.draw(st.sampled_from([0, 5, 9, 10, 60, 400]))
                count_votes(session, make_paper(session, now, topic), now - data.draw(st.integers(0, 8)) * HOUR, votes)
        reader = add_reader(session, now, "mamba", balance=0.6)
        profile = make_profile(session, reader, "mamba", name="liked")
        for paper in examples:
            like(session, profile, paper)
    made = draft(shop, now, reader)[0]
    with shop.database.session(write=False) as session:
        library = load(session, now)
        counted = {signal.paper_id: signal.value for signal in session.exec(select(Signal))}
    vectors = dict(zip([paper.id for paper in library.papers], library.view.vectors, strict=True))
    sample = dict(zip(library.sample_ids, library.sample.vectors, strict=True))
    for pick in made.picks:
        trend = pick.reason["trend"]
        assert trend is None or (trend["times"] >= 2 and trend["votes"] == counted[pick.paper.id] >= 10)
        assert pick.reason["kind"] == "match" or trend is not None
        if pick.reason.get("like"):
            cosines = {paper.title: float(vectors[pick.paper.id] @ sample[paper.id]) for paper in examples}
            assert cosines[pick.reason["like"]] == pytest.approx(max(cosines.values()), abs=1e-6)


# Invariant 13, the gate of quality on the public archive, is held by tests/unit/evaluation/test_trends.py.
