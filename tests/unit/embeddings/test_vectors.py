"""Which vectors are missing, and how they come into the store and out of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import numpy as np
import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import select

from digest.db import Database
from digest.embeddings import vectors
from digest.embeddings.encoder import HashingEncoder, Vectors, unit
from digest.papers import sentences
from digest.tables import Paper, PaperVector, ProfileVector

ENCODER = HashingEncoder()


@contextmanager
def counted(database: Database) -> Iterator[Callable[[], int]]:
    """Counts the statements that reach the database."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield lambda: len(statements)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def embed_all(database: Database, now: datetime) -> int:
    with database.session(write=False) as session:
        ids = vectors.plan_papers(session, ENCODER.name)
    return vectors.embed_papers(database, ENCODER, now, ids)


def stored(database: Database) -> dict[int, PaperVector]:
    with database.session(write=False) as session:
        return {row.paper_id: row for row in session.exec(select(PaperVector))}


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 5), dimension=st.integers(1, 400))
def test_float16_keeps_the_direction(seed: int, count: int, dimension: int) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32))
    back = vectors.from_bytes(vectors.to_bytes(rows), dimension)
    assert back.shape == (count, dimension)
    assert back.dtype == np.float32
    assert np.linalg.norm(back, axis=1) == pytest.approx(1, abs=1e-6)
    assert (rows * back).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_papers_without_a_vector_are_planned_newest_first(database: Database, now: datetime) -> None:
    with database.session() as session:
        old = make_paper(session, now, announced_at=now - timedelta(days=9)).id
        new = make_paper(session, now).id
        make_paper(session, now, merged_into=new)
    with database.session() as session:
        assert vectors.plan_papers(session, ENCODER.name) == [new, old]
        session.add(PaperVector(paper_id=new, encoder="another", dimension=1, vector=b"00"))
    with database.session(write=False) as session:
        assert vectors.plan_papers(session, ENCODER.name) == [new, old]


def test_embedding_stores_what_the_encoder_says_of_title_and_abstract(database: Database, now: datetime) -> None:
    with database.session() as session:
        papers = [make_paper(session, now, topic) for topic in TOPICS]
    assert embed_all(database, now) == len(TOPICS)
    rows = stored(database)
    for paper in papers:
        found = vectors.from_bytes(rows[paper.id].vector, ENCODER.dimension)[0]
        assert found @ ENCODER.encode([f"{paper.title}. {paper.abstract}"])[0] > 0.9999
        pieces = vectors.from_bytes(rows[paper.id].sentences or b"", ENCODER.dimension)
        expected = ENCODER.encode(sentences.split(paper.abstract))
        assert (pieces * expected).sum(axis=1) == pytest.approx(1, abs=1e-4)
        assert rows[paper.id].dimension == ENCODER.dimension


def test_embedding_is_idempotent(database: Database, now: datetime) -> None:
    with database.session() as session:
        ids = [make_paper(session, now).id for _ in range(3)]
    embed_all(database, now)
    first = {paper_id: row.vector for paper_id, row in stored(database).items()}
    with database.session(write=False) as session:
        assert vectors.plan_papers(session, ENCODER.name) == []
    vectors.embed_papers(database, ENCODER, now, ids)
    assert {paper_id: row.vector for paper_id, row in stored(database).items()} == first


def test_sentences_are_embedded_for_new_papers_only(database: Database, now: datetime) -> None:
    with database.session() as session:
        old = make_paper(session, now, announced_at=now - vectors.NEW).id
        new = make_paper(session, now, announced_at=now - vectors.NEW + timedelta(seconds=1)).id
        bare = make_paper(session, now, abstract="").id
    embed_all(database, now)
    rows = stored(database)
    assert rows[new].sentences is not None
    assert rows[old].sentences is None
    assert rows[bare].sentences is None


def test_the_number_of_statements_does_not_grow_with_the_papers(database: Database, now: datetime) -> None:
    def cost(count: int) -> int:
        with database.session() as session:
            for _ in range(count):
                make_paper(session, now)
        with counted(database) as statements:
            assert embed_all(database, now) == count
            return statements()

    assert cost(50) == cost(2) <= 10


def test_a_text_that_changed_while_it_was_embedded_is_planned_again(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now)

    class Interrupted(HashingEncoder):
        def encode(self, texts: Sequence[str]) -> Vectors:
            with database.session() as session:
                session.get_one(Paper, paper.id).abstract = "A correction."
            return super().encode(texts)

    vectors.embed_papers(database, Interrupted(), now, [paper.id])
    assert stored(database) == {}
    with database.session(write=False) as session:
        assert vectors.plan_papers(session, ENCODER.name) == [paper.id]


def test_profiles_are_planned_once_and_embedded_when_they_say_something(database: Database, now: datetime) -> None:
    with database.session() as session:
        subscriber = make_subscriber(session, now)
        text = make_profile(session, subscriber).id
        keywords = make_profile(session, subscriber, name="k", text=" ", keywords=["graph"]).id
        silent = make_profile(session, subscriber, name="silent", text=" \n").id
        make_profile(session, subscriber, name="off", active=False)
        assert vectors.plan_profiles(session, ENCODER.name) == [text, keywords, silent]
    assert vectors.embed_profiles(database, ENCODER, [text, keywords, silent]) == 2
    with database.session(write=False) as session:
        assert vectors.plan_profiles(session, ENCODER.name) == []
        assert len(vectors.plan_profiles(session, "another")) == 3


def test_profile_vectors_are_of_text_and_keywords_and_are_replaced(database: Database, now: datetime) -> None:
    with database.session() as session:
        profile = make_profile(session, make_subscriber(session, now), keywords=["graphs", "trees"])
    for text in ("mamba models", "robot arms"):
        with database.session() as session:
            profile.text = text
            session.add(profile)
        assert vectors.embed_profiles(database, ENCODER, [profile.id]) == 1
        with database.session(write=False) as session:
            row = session.exec(select(ProfileVector)).one()
            assert vectors.plan_profiles(session, ENCODER.name) == []
        found = vectors.from_bytes(row.vector, row.dimension)[0]
        assert found @ ENCODER.encode([f"{text}. graphs, trees"])[0] > 0.9999


def test_what_a_profile_is_against_is_embedded_beside_its_text_and_forgotten_with_it(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        profile = make_profile(session, make_subscriber(session, now), text="", against=" robot arms ")
    assert vectors.embed_profiles(database, ENCODER, [profile.id]) == 1
    with database.session() as session:
        row = session.exec(select(ProfileVector)).one()
        assert not vectors.from_bytes(row.vector, row.dimension).any()
        assert vectors.from_bytes(row.against or b"", row.dimension)[0] @ ENCODER.encode(["robot arms"])[0] > 0.9999
        profile.text, profile.against = "mamba", " "
        session.add(profile)
    assert vectors.embed_profiles(database, ENCODER, [profile.id]) == 1
    with database.session(write=False) as session:
        row = session.exec(select(ProfileVector)).one()
    assert row.against is None
    assert vectors.from_bytes(row.vector, row.dimension)[0] @ ENCODER.encode(["mamba"])[0] > 0.9999


def test_the_text_of_a_paper_without_an_abstract_is_its_title() -> None:
    assert vectors.paper_text(Paper(title="T", abstract="")).strip(" .") == "T"
