"""How many profiles are ranked in a second, stage by stage, beside the bare matrix product and beside rivals.

Papers and readers are made up: words come as unevenly often as in abstracts, half of them from a paper's own subject.
Nothing is read from a database, and neither reasons nor highlights are made. Run it with `OMP_NUM_THREADS=1 python -m
pytest -q -s -m benchmark tests/benchmarks/test_ranking.py`; `DIGEST_BENCH_PROFILES` says how many (100000).
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from time import process_time
from typing import TypeVar

import numpy as np
import pytest
from scipy import sparse

from digest.embeddings import background, index, lexical
from digest.embeddings.encoder import unit
from digest.embeddings.vectors import paper_text
from digest.evaluation.methods.tfidf import arxiv_sanity_lite
from digest.evaluation.tasks import Reader, Task
from digest.ranking import candidates, learning, reranking, scoring
from digest.ranking.candidates import CROWD_SAMPLE, Ints, Library
from digest.ranking.desks import WANTED
from digest.ranking.model import Model, make_model
from digest.ranking.profiles import average
from digest.ranking.scoring import Floats, Queries, View
from digest.tables import Paper

pytestmark = pytest.mark.benchmark

PROFILES = int(os.environ.get("DIGEST_BENCH_PROFILES", "100000"))
BATCH, NEW, ARCHIVE, PLACES, LIKES, LEARNT_FROM, TRAINED = 500, 2_000, 6_000, 20, 10, 900, 20
SUBJECTS, DIMENSION, NOISE = 40, 384, 1.2
LENGTH, VOCABULARY, JARGON = 150, 5_000, 600  # words in an abstract, in the language, of a subject
NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
OURS = ("evidence", "calibration", "search", "scoring", "re-ranking")

Result = TypeVar("Result")


@dataclass
class Clock:
    """Seconds of the processor that each kind of work took, by batch."""

    taken: dict[str, list[float]]

    def time(self, name: str, work: Callable[[], Result]) -> Result:
        started = process_time()
        result = work()
        self.taken[name].append(process_time() - started)
        return result

    def each(self, name: str) -> float:
        """Seconds a profile, by the batch in the middle."""
        return median(self.taken[name]) / BATCH


@dataclass(frozen=True)
class Store:
    """What readers have liked (`archive`), and a day's news."""

    archive: View
    library: Library

    def without_words(self) -> "Store":
        library = replace(self.library, view=blind(self.library.view), sample=blind(self.library.sample))
        return Store(blind(self.archive), library)


def blind(view: View) -> View:
    return replace(view, saturated=sparse.csr_matrix(view.saturated.shape, dtype=np.float32))


def make_words(subjects: Ints, chance: np.random.Generator) -> list[str]:
    """A text for each paper."""
    often = 1 / (np.arange(VOCABULARY) + 2.7)
    common = chance.choice(VOCABULARY, (len(subjects), LENGTH), p=often / often.sum())
    own = (subjects[:, None] * JARGON + common % JARGON) % VOCABULARY
    words = np.where(chance.random(common.shape) < 0.5, common, own)
    return [" ".join(f"w{word}" for word in row) for row in words.tolist()]


def make_store(chance: np.random.Generator) -> tuple[Store, Ints, Task]:
    """The store, the subject of each paper of the archive, and what a rival is given."""
    subjects = chance.integers(SUBJECTS, size=ARCHIVE + NEW)
    centres = unit(chance.normal(size=(SUBJECTS, DIMENSION)).astype(np.float32))
    noise = chance.normal(size=(len(subjects), DIMENSION)).astype(np.float32) / np.sqrt(DIMENSION)
    vectors = unit(centres[subjects] + NOISE * noise)
    papers = [
        Paper(id=number, title="", abstract=text, trend=None, announced_at=NOW)
        for number, text in enumerate(make_words(subjects, chance), 1)
    ]
    counts = lexical.count_terms([paper_text(paper) for paper in papers])
    model = make_model("made up", background.describe([(counts, vectors)], DIMENSION))
    old, new = slice(0, ARCHIVE), slice(ARCHIVE, None)
    known = list(make_likes(subjects[old], LEARNT_FROM, chance))
    model = learning.study(model, vectors[old], counts[old], known)
    readers = [Reader(str(number), rows, np.empty(0, np.int64)) for number, rows in enumerate(known[:TRAINED])]
    task = Task(papers, vectors, np.arange(ARCHIVE, ARCHIVE + NEW), readers, "made up")
    return (
        Store(model.look_at(vectors[old], counts[old]), shelve(model, vectors[new], counts[new])),
        subjects[old],
        task,
    )


def shelve(model: Model, vectors: Floats, counts: lexical.Matrix) -> Library:
    papers = [Paper(id=number, title="", abstract="", announced_at=NOW) for number in range(len(vectors))]
    view = model.look_at(vectors, counts)
    ids = [paper.id for paper in papers[:CROWD_SAMPLE]]
    return Library(papers, [], view, view.rows(np.arange(CROWD_SAMPLE)), ids, model)


def make_likes(subjects: Ints, readers: int, chance: np.random.Generator) -> Iterator[Ints]:
    """Rows of papers of two subjects for each reader."""
    by_subject = [np.flatnonzero(subjects == subject) for subject in range(SUBJECTS)]
    for _ in range(readers):
        first, second = chance.integers(SUBJECTS, size=2)
        rows = [chance.choice(by_subject[first], LIKES * 4 // 5), chance.choice(by_subject[second], LIKES // 5)]
        yield np.unique(np.concatenate(rows))


def rank(store: Store, likes: list[Ints], clock: Clock, mark: str = "") -> list[list[int]]:
    """As a desk and a draft do it: the rows of the papers that each profile gets."""
    library, model = store.library, store.library.model
    evidence = clock.time(OURS[0] + mark, lambda: average(model, store.archive, likes))
    queries = clock.time(OURS[1] + mark, lambda: calibrate(library, evidence))
    balance, everything = np.full(len(likes), 0.2, np.float32), [np.ones(len(library.papers), dtype=bool)] * len(likes)
    found = clock.time(
        OURS[2] + mark, lambda: candidates.nearest(library, queries, balance, everything, WANTED * PLACES)
    )
    relevance = clock.time(OURS[3] + mark, lambda: score(library, queries, found))
    return clock.time(
        OURS[4] + mark, lambda: [rerank(library, row, share) for row, share in zip(relevance, balance, strict=True)]
    )


def calibrate(library: Library, evidence: scoring.Evidence) -> Queries:
    model = library.model
    own = np.zeros((len(evidence.owner), len(library.sample_ids)), dtype=bool)
    contrast = model.whitening.contrast(evidence.vectors)
    return scoring.fold(evidence, contrast, library.sample, own, model.fusion)[0]


def score(library: Library, queries: Queries, found: list[Ints]) -> Floats:
    relevance = np.full((len(found), len(library.papers)), -np.inf, np.float32)
    scores = queries.relevance(library.view)
    for place, rows in enumerate(found):
        relevance[place, rows] = scores[place, rows]
    return relevance


def rerank(library: Library, relevance: Floats, balance: float) -> list[int]:
    matched = np.flatnonzero(relevance >= scoring.FLOOR)
    scores = scoring.blend(relevance[matched], library.trend[matched], balance)
    order = np.argsort(-scores, kind="stable")
    rows, vectors = matched[order], library.view.vectors[matched[order]]
    caps = [
        reranking.cap_profiles(np.zeros(len(rows), np.int64), {0: 1.0}, PLACES),
        reranking.cap_groups("near_duplicate", reranking.cluster(vectors), 2),
    ]
    return [int(rows[place]) for place in reranking.select(scores[order], vectors, caps, PLACES).rows]


def compare(store: Store, likes: list[Ints], clock: Clock) -> None:
    """What is as little as can be, and the usual rival."""
    means = unit(np.stack([store.archive.vectors[rows].mean(axis=0) for rows in likes]))
    papers = store.library.view.vectors
    clock.time("bare matrix product", lambda: means @ papers.T)
    clock.time("product and FAISS's top 20", lambda: index.search(means, papers, PLACES))
    clock.time(
        "dense centroid by FAISS",
        lambda: index.search(
            unit(np.stack([store.archive.vectors[rows].mean(axis=0) for rows in likes])), papers, PLACES
        ),
    )


def test_profiles_ranked_in_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    chance, clock = np.random.default_rng(7), Clock(defaultdict(list))
    store, subjects, task = make_store(chance)
    blind_store = store.without_words()
    filled = 0
    for _ in range(-(-PROFILES // BATCH)):
        likes = list(make_likes(subjects, BATCH, chance))
        chosen = rank(store, likes, clock)
        filled += sum(map(len, chosen))
        rank(blind_store, likes, clock, " without words")
        compare(store, likes, clock)
        assert all(len(set(rows)) == len(rows) <= PLACES for rows in chosen)
    train = arxiv_sanity_lite(task)
    started = process_time()
    assert train(task.readers).shape == (TRAINED, NEW)
    clock.taken["SVM a user"].append((process_time() - started) / TRAINED * BATCH)
    with capsys.disabled():
        tell(clock, filled / len(clock.taken[OURS[0]]) / BATCH, matches(store, likes))


def matches(store: Store, likes: list[Ints]) -> float:
    """How many terms of a profile a paper has."""
    asked = average(store.library.model, store.archive, likes).lift.sign()
    return float(lexical.overlap(asked, store.library.view.saturated.sign()).mean())


def tell(clock: Clock, filled: float, matched: float) -> None:
    bare, whole = clock.each("bare matrix product"), sum(clock.each(name) for name in OURS)
    words = sum(clock.each(name) - clock.each(f"{name} without words") for name in OURS)
    batches = len(clock.taken[OURS[0]])
    print(f"\n{batches * BATCH} profiles x {NEW} papers, {filled:.1f} papers each; batches of {BATCH}, their median")
    print(f"a paper has {matched:.0f} terms of a profile; the lexical view takes {words / whole:.0%} of the whole")
    rows = {name: clock.each(name) for name in OURS} | {"together": whole}
    rows |= {name: clock.each(name) for name in clock.taken if name not in OURS and "without" not in name}
    for name, seconds in rows.items():
        print(f"{name:<28} {1e6 * seconds:10.1f} µs {1 / seconds:10.0f} profiles/s {seconds / bare:8.1f} x bare")
    for name in OURS:
        print(f"{name + ' without words':<28} {1e6 * clock.each(name + ' without words'):10.1f} µs")
