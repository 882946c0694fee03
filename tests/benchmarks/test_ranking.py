"""How fast profiles are scored, beside the bare search. Off by default: `make bench`."""

from statistics import median
from time import perf_counter

import numpy as np
import pytest
from scipy import sparse

from digest.embeddings import index, lexical
from digest.embeddings.encoder import unit
from digest.ranking import scoring
from digest.ranking.scoring import Evidence, View

PROFILES, PAPERS, CROWD, DIMENSION, TERMS_PER_PAPER, ROUNDS = 500, 2_000, 1_000, 384, 250, 5
pytestmark = pytest.mark.benchmark


def make_view(count: int, chance: np.random.Generator) -> View:
    vectors = unit(chance.normal(size=(count, DIMENSION)).astype(np.float32))
    return View(vectors, make_terms(count, TERMS_PER_PAPER, chance), make_terms(count, TERMS_PER_PAPER, chance))


def make_terms(count: int, each: int, chance: np.random.Generator) -> lexical.Matrix:
    """Rows of terms that are as unevenly frequent as words are."""
    columns = np.minimum(chance.zipf(1.3, size=count * each), lexical.TERMS) - 1
    rows = np.repeat(np.arange(count), each)
    values = chance.random(count * each).astype(np.float32)
    return lexical.scale_rows(sparse.csr_matrix((values, (rows, columns)), shape=(count, lexical.TERMS)))


def test_scoring_beside_the_bare_search(capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(7)
    papers, crowd = make_view(PAPERS, chance), make_view(CROWD, chance)
    evidence = Evidence(
        vectors=unit(chance.normal(size=(PROFILES, DIMENSION)).astype(np.float32)),
        lift=make_terms(PROFILES, 60, chance),
        tfidf=make_terms(PROFILES, 60, chance),
        owner=np.arange(PROFILES),
        likes=np.full(PROFILES, 5),
        sign=np.ones(PROFILES, np.int64),
    )
    covariance = np.cov(papers.vectors.T).astype(np.float32)
    own = np.zeros((PROFILES, CROWD), dtype=bool)
    seconds: dict[str, list[float]] = {"bare search": [], "fold": [], "score": []}
    for _ in range(ROUNDS):
        started = perf_counter()
        index.search(evidence.vectors, papers.vectors, 200)
        seconds["bare search"].append(perf_counter() - started)
        started = perf_counter()
        contrast = scoring.contrast_direction(evidence.vectors, papers.vectors.mean(axis=0), covariance, PAPERS)
        queries, _ = scoring.fold(evidence, contrast, crowd, own)
        seconds["fold"].append(perf_counter() - started)
        started = perf_counter()
        relevance = queries.relevance(papers)
        seconds["score"].append(perf_counter() - started)
    assert relevance.shape == (PROFILES, PAPERS)
    with capsys.disabled():
        bare = median(seconds["bare search"])
        print(f"\n{PROFILES} profiles x {PAPERS} papers, crowd of {CROWD}, median of {ROUNDS}")
        for name, taken in seconds.items():
            rate = PROFILES / median(taken)
            print(
                f"{name:<12} {median(taken) * 1000:8.1f} ms {rate:10.0f} profiles/s {median(taken) / bare:6.1f} x bare"
            )
