"""The crowd: its moments against numpy, its counts, and when it is looked at anew."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, make_paper
from sqlmodel import select

from digest.db import Database
from digest.embeddings import background, lexical, vectors
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.tables import Background, PaperVector

ENCODER = HashingEncoder()


def add_papers(database: Database, now: datetime, count: int, *, embed: bool = True) -> list[int]:
    topics = list(TOPICS)
    with database.session() as session:
        ids = [make_paper(session, now, topics[n % len(topics)]).id for n in range(count)]
    if embed:
        vectors.embed_papers(database, ENCODER, now, ids)
    return ids


def plan(database: Database, now: datetime, encoder: str = ENCODER.name) -> list[int]:
    with database.session(write=False) as session:
        return background.plan(session, encoder, now)


def refresh(database: Database, now: datetime, encoder: str = ENCODER.name) -> background.Crowd:
    with database.session() as session:
        background.refresh(session, encoder, now)
    with database.session(write=False) as session:
        crowd = background.load(session, encoder)
    assert crowd is not None
    return crowd


@pytest.mark.parametrize("chunk", [4, 1000])
def test_mean_and_covariance_are_those_of_the_stored_vectors(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(background, "CHUNK", chunk)
    add_papers(database, now, 23)
    crowd = refresh(database, now)
    with database.session(write=False) as session:
        content = b"".join(session.exec(select(PaperVector.vector)))
    rows = vectors.from_bytes(content, ENCODER.dimension).astype(np.float64)
    assert crowd.size == len(rows) == 23
    np.testing.assert_allclose(crowd.mean, rows.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(crowd.covariance, np.cov(rows.T, bias=True), atol=1e-6)


def test_counts_are_papers_per_term(database: Database, now: datetime) -> None:
    add_papers(database, now, 10)
    counts = refresh(database, now).counts
    columns = lexical.hash_terms(["confirm", "galaxy", "matching market", "zebra"])
    assert [int(counts[column]) for column in columns.values()] == [10, 2, 2, 0]


def test_the_mean_length_is_in_different_terms() -> None:
    texts = ["graph graph graph", "graph tree"]  # graph, graph graph; graph, tree, graph tree
    crowd = background.describe([(lexical.count_terms([text]), np.empty((1, 0), np.float32)) for text in texts], 0)
    assert (crowd.size, crowd.mean_length) == (2, 2.5)
    assert background.describe([], 3).mean_length == 0


def test_duplicates_and_papers_without_a_vector_do_not_belong_to_the_crowd(database: Database, now: datetime) -> None:
    first, *_ = add_papers(database, now, 4)
    add_papers(database, now, 2, embed=False)
    with database.session() as session:
        duplicate = make_paper(session, now, merged_into=first).id
    vectors.embed_papers(database, ENCODER, now, [duplicate])
    assert refresh(database, now).size == 4


def test_only_the_newest_papers_are_read(database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MOST_PAPERS", 5)
    add_papers(database, now, 8)
    assert refresh(database, now).size == 5


def test_a_crowd_replaces_the_one_before_and_leaves_other_encoders_alone(database: Database, now: datetime) -> None:
    add_papers(database, now, 3)
    for _ in range(2):
        refresh(database, now)
    refresh(database, now, LEXICAL)
    with database.session(write=False) as session:
        assert sorted(session.exec(select(Background.encoder))) == [LEXICAL, ENCODER.name]


def test_by_words_alone_every_paper_counts_and_there_are_no_vectors(database: Database, now: datetime) -> None:
    add_papers(database, now, 6, embed=False)
    assert len(plan(database, now, LEXICAL)) == 1
    crowd = refresh(database, now, LEXICAL)
    assert crowd.size == 6
    assert crowd.mean.shape == (0,)
    assert crowd.covariance.shape == (0, 0)
    assert crowd.counts[lexical.hash_terms(["confirm"])["confirm"]] == 6


def test_an_empty_store_has_no_crowd(database: Database, now: datetime) -> None:
    assert plan(database, now) == plan(database, now, LEXICAL) == []
    with database.session(write=False) as session:
        assert background.load(session, ENCODER.name) is None


@pytest.mark.parametrize(
    ("more", "later", "planned"),
    [
        (0, timedelta(days=9), False),
        (1, timedelta(hours=1), False),
        (2, timedelta(hours=1), True),
        (1, background.FRESH, False),
        (1, background.FRESH + timedelta(minutes=1), True),
    ],
    ids=["no news", "a twentieth more", "a tenth more", "not yet old", "old"],
)
def test_it_is_looked_at_anew_when_it_has_grown_by_a_tenth_or_aged(
    database: Database, now: datetime, more: int, later: timedelta, planned: bool
) -> None:
    newest = max(add_papers(database, now, 20))
    assert plan(database, now) == [newest]
    refresh(database, now)
    newest = max([newest, *add_papers(database, now, more)])
    assert plan(database, now + later) == ([newest] if planned else [])


def test_a_store_larger_than_what_is_read_is_not_looked_at_anew_for_each_paper(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MOST_PAPERS", 10)
    add_papers(database, now, 30)
    refresh(database, now)
    add_papers(database, now, 1)
    assert plan(database, now) == []
