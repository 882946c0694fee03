"""Which papers an edition may hold, and the search that widens until enough are left."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, make_paper
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from digest import pipeline
from digest.embeddings import lexical
from digest.embeddings.background import Crowd
from digest.embeddings.encoder import LEXICAL, HashingEncoder, unit
from digest.embeddings.vectors import paper_text
from digest.ranking import candidates, scoring
from digest.ranking.candidates import Library, load_library, nearest, no_pull, pull_of
from digest.ranking.model import make_model
from digest.ranking.scoring import Floats, Queries, View
from digest.tables import Paper, Profile
from digest.workshop import Workshop

DAY = timedelta(days=1)


def make_library(vectors: Floats, texts: list[str] | None = None) -> Library:
    """A library in memory; nothing but vectors, titles and trends matters to what is tested on it."""
    count, width = vectors.shape
    empty = sparse.csr_matrix((count, lexical.TERMS), dtype=np.float32)
    view = View(vectors, np.empty((count, 0), np.float32), empty)
    crowd = Crowd(count, np.zeros(width, np.float32), np.eye(width, dtype=np.float32), np.zeros(0, np.uint32))
    titles = texts or [""] * count
    papers = [
        Paper(id=n + 1, title=title, abstract="", trend=None if n % 3 else (n % 10) / 10)
        for n, title in enumerate(titles)
    ]
    return Library(papers, [], view, view, [paper.id for paper in papers], make_model("hashing", crowd))


def ask(directions: Floats) -> Queries:
    nothing = sparse.csr_matrix((len(directions), lexical.TERMS), dtype=np.float32)
    return Queries(
        directions, np.empty((len(directions), 0), np.float32), nothing, np.zeros(len(directions), np.float32)
    )


@given(
    total=st.integers(1, 1200),
    wanted=st.integers(0, 60),
    rare=st.sampled_from([0.0, 0.005, 0.1, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=15)
def test_the_best_allowed_papers_are_found_and_enough_of_them(total: int, wanted: int, rare: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    library = make_library(unit(random.normal(size=(total, 8)).astype(np.float32)))
    queries = ask(unit(random.normal(size=(3, 8)).astype(np.float32)))
    balance = np.array([0.0, 0.3, 0.6], np.float32)
    masks = random.random((3, total)) < np.array([[1.0], [rare], [0.5]])
    scores = scoring.with_balance(queries, balance) @ scoring.with_trend(library.view, library.trend).T
    found = nearest(library, queries, replace(no_pull(library, 3), balance=balance), masks, wanted)
    for profile, rows in enumerate(found):
        allowed = int(masks[profile].sum())
        assert masks[profile][rows].all()
        assert len(rows) >= min(wanted, allowed)
        best = np.sort(scores[profile][masks[profile]])[::-1][: len(rows)]
        np.testing.assert_allclose(scores[profile][rows], best, atol=1e-5)


def set_trend(paper: Paper, field: str, times: float, within: float | None = None) -> None:
    paper.categories, paper.trend = [field], times / (1 + times)
    paper.trend_facts = {"times": times} if within is None else {"field": {"name": field, "times": within}}


OWN: list[list[str]] = [["cs.SD"], ["cs"], ["math.CO"], []]


def test_candidates_are_those_whose_trend_counts_by_the_measure_of_the_profiles_own_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "OVER_FETCH", 50)
    random = np.random.default_rng(7)
    library = make_library(unit(random.normal(size=(900, 8)).astype(np.float32)))
    for number, paper in enumerate(library.papers):
        if number % 5:
            field = ("cs.SD", "cs.CL", "math.CO")[number % 3]
            set_trend(paper, field, random.uniform(0.1, 4), random.uniform(0.1, 4) if number % 2 else None)
    profiles = [Profile(subscriber_id=1, name="", categories=own, balance=0.6) for own in OWN]
    pull, queries = pull_of(library, profiles), ask(unit(random.normal(size=(4, 8)).astype(np.float32)))
    rows, every = np.arange(900), [np.ones(900, dtype=bool)] * 4
    known = [np.nan_to_num(pull.trend(place, rows), nan=scoring.UNKNOWN_TREND) for place in range(4)]
    scores = queries.direction @ library.view.vectors.T + 6.0 * np.array(known)
    for place, found in enumerate(nearest(library, queries, pull, every, 1)):
        assert len(found) == 50
        best = np.sort(scores[place])[::-1][: len(found)]
        np.testing.assert_allclose(scores[place][found], best, atol=1e-4)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["cs.SD"], [0.75, 0.5, 0.2]),
        (["cs"], [0.75, 0.5, 0.2]),
        (["cs.CL"], [0.5, 0.5, 0.2]),
        (["cs.S"], [0.5, 0.5, 0.2]),
        ([], [0.5, 0.5, 0.2]),
    ],
)
def test_of_its_own_fields_a_profile_takes_the_trend_by_their_level(own: list[str], expected: list[float]) -> None:
    library = make_library(np.ones((4, 2), np.float32))
    set_trend(library.papers[0], "cs.SD", 1.0, 3.0)
    set_trend(library.papers[1], "cs.SD", 1.0)
    set_trend(library.papers[2], "math.CO", 0.25, 9.0)
    library.papers[3].trend, library.papers[3].categories = None, []
    pull = pull_of(library, [Profile(subscriber_id=1, name="", categories=own)])
    assert pull.trend(0, np.arange(4))[:3] == pytest.approx(expected)
    assert np.isnan(pull.trend(0, np.arange(4))[3])


def test_ties_go_by_trend_then_votes_then_the_newer_day_then_the_id(now: datetime) -> None:
    rows = [(None, None, 0), (None, 0, 0), (0.5, 3, 1), (0.5, 3, 0), (0.5, 3, 0), (0.4, 99, 0), (0.6, 1, 9)]
    library = make_library(np.empty((len(rows), 0), np.float32))
    for paper, (trend, votes, age) in zip(library.papers, rows, strict=True):
        paper.trend, paper.announced_at = trend, now - age * DAY
        paper.trend_facts = None if votes is None else {"votes": votes}
    assert np.argsort(library.precedence).tolist() == [6, 3, 4, 2, 1, 0, 5]


def test_it_widens_to_the_last_paper_when_only_that_is_allowed() -> None:
    vectors = unit(np.column_stack([np.linspace(1, -1, 1001), np.ones(1001)]).astype(np.float32))
    mask = np.zeros(1001, dtype=bool)
    mask[-1] = True
    queries = ask(np.array([[1, 0]], np.float32))
    library = make_library(vectors)
    (rows,) = nearest(library, queries, no_pull(library, 1), [mask], 5)
    assert rows.tolist() == [1000]


def test_by_words_alone_all_allowed_papers_are_candidates() -> None:
    library = make_library(np.empty((4, 0), np.float32))
    mask = np.array([True, False, True, True])
    queries = ask(np.empty((1, 0), np.float32))
    (rows,) = nearest(library, queries, no_pull(library, 1), [mask], 1)
    assert rows.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("phrase", "text", "there"),
    [
        ("graph", "On Graphs and trees", True),
        ("Graphs", "a graph", True),
        ("graph", "graphical models", False),
        ("cat", "category theory", False),
        ("state space", "State-space models", True),
        ("state space", "space state", False),
        ("state space", "the state of space", False),
        ("Erdős", "an Erdos number", True),
        ("study", "two studies", True),
        ("C++", "in Rust", False),
        ("++", "in Rust", False),
    ],
)
def test_a_phrase_is_mentioned_as_whole_words_in_any_number_and_case(phrase: str, text: str, there: bool) -> None:
    assert make_library(np.empty((1, 0), np.float32), [text]).mentions(phrase).tolist() == [there]


@given(st.lists(st.sampled_from(["graph", "graphs", "tree", "of", "state-space", "a"]), max_size=8), st.data())
def test_a_phrase_is_found_in_exactly_the_papers_that_have_it(words: list[str], data: st.DataObject) -> None:
    texts = [" ".join(data.draw(st.permutations(words))) for _ in range(3)]
    phrase = " ".join(data.draw(st.lists(st.sampled_from(["graph", "tree", "of", "space", "a", "yak"]), min_size=1)))
    library = make_library(np.empty((3, 0), np.float32), texts)
    wanted = f" {' '.join(lexical.words(phrase))} "
    there = [wanted in f" {' '.join(lexical.words(text))} " for text in texts]
    assert library.mentions(phrase).tolist() == library.mentions(phrase).tolist() == there
    assert library.mention_any([phrase, "yak"]).tolist() == there
    assert not library.mention_any([]).any()


def test_an_empty_store_has_no_library(shop: Workshop, now: datetime) -> None:
    with shop.database.session(write=False) as session:
        assert load_library(session, "hashing", now - DAY, now) is None


def test_the_window_is_open_at_its_start_and_holds_nothing_from_the_future(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        announced = {
            moment: make_paper(session, now, announced_at=moment).id
            for moment in (now - 2 * DAY, now - DAY, now - DAY / 2, now, now + DAY / 24)
        }
        make_paper(session, now, merged_into=announced[now])
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, "hashing", now - DAY, now)
    assert library is not None
    assert [paper.id for paper in library.papers] == [announced[now], announced[now - DAY / 2]]
    assert sorted(library.sample_ids) == sorted(paper for moment, paper in announced.items() if moment <= now)
    assert library.announced_after(now - DAY / 2).tolist() == [True, False]


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_every_row_belongs_to_its_paper_in_window_and_sample(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    monkeypatch.setattr(candidates, "CROWD_SAMPLE", 12)
    monkeypatch.setattr(candidates, "CHUNK", 3)
    shop.encoder_name = encoder
    with shop.database.session() as session:
        stored = {
            paper.id: paper
            for n, topic in enumerate([*TOPICS] * 4)
            for paper in [make_paper(session, now, topic, announced_at=now - n * DAY, trend=n / 20 if n % 2 else None)]
        }
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, encoder, now - 5 * DAY, now)
    assert library is not None
    assert (len(library.papers), len(library.sample_ids), library.crowd.size) == (5, 12, 20)
    for ids, view in (([paper.id for paper in library.papers], library.view), (library.sample_ids, library.sample)):
        texts = [paper_text(stored[paper_id]) for paper_id in ids]
        if encoder:
            assert (view.vectors * HashingEncoder().encode(texts)).sum(axis=1) == pytest.approx(1, abs=1e-4)
        else:
            assert view.vectors.shape == (len(ids), 0)
        assert view.tastes.shape == (len(ids), 0)
        saturated = lexical.saturate(lexical.count_terms(texts), library.crowd.mean_length)
        assert abs(view.saturated - saturated).max() < 1e-6
    assert [library.rows[paper.id] for paper in library.papers] == [0, 1, 2, 3, 4]
    trends = [np.nan if paper.trend is None else paper.trend for paper in library.papers]
    np.testing.assert_allclose(library.trend, trends, atol=1e-6)
