"""The product's method is the product: the same queries as a desk's over a database with the same papers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from factories import make_subscriber
from public_sets import make_task, open_tiny, user_rows

from digest.db import Database
from digest.embeddings import background, vectors
from digest.embeddings.encoder import HashingEncoder
from digest.evaluation.conditions import Conditions
from digest.evaluation.methods import product
from digest.evaluation.methods.product import ask, exhaustive, make_library, searched
from digest.evaluation.tasks import Reader, Task
from digest.ranking import briefs, candidates, scoring
from digest.ranking.desks import Desk
from digest.ranking.desks import Reader as DeskReader
from digest.tables import Paper, Profile, ProfileExample, Subscriber


def with_dislikes(task: Task) -> Task:
    """Everybody dislikes two papers of the next reader's."""
    others = [*task.readers[1:], task.readers[0]]
    readers = [replace(one, disliked=other.liked[:2]) for one, other in zip(task.readers, others, strict=True)]
    return replace(task, readers=readers)


def store(database: Database, now: datetime, task: Task) -> list[Subscriber]:
    """The task's papers and readers in a database; papers held out are today's, the others are old."""
    new = set(task.held_out.tolist())
    order = [*task.held_out.tolist(), *(row for row in range(len(task.papers)) if row not in new)]
    with database.session() as session:
        for place, row in enumerate(order):
            paper, age = task.papers[row], timedelta(hours=1) if row in new else timedelta(days=300)
            fields = {"id": place + 1, "announced_at": now - age, "first_seen_at": now - age}
            session.add(Paper(**(paper.model_dump() | fields)))
        session.flush()
        people = [_store_reader(session, task, reader, order) for reader in task.readers]
    vectors.embed_papers(database, HashingEncoder(), now, range(1, len(order) + 1))
    with database.session() as session:
        background.refresh(session, HashingEncoder.name, now)
    return people


def _store_reader(session, task: Task, reader: Reader, order: list[int]) -> Subscriber:
    """A reader who gave every paper when it was announced."""
    now = datetime(2026, 5, 5, tzinfo=UTC)
    subscriber = make_subscriber(session, now)
    profile = Profile(subscriber_id=subscriber.id, name=reader.name, text=reader.text, balance=0.0, created_at=now)
    session.add(profile)
    session.flush()
    for sign, rows in ((1, reader.liked), (-1, reader.disliked)):
        for row in rows.tolist():
            own = {"profile_id": profile.id, "paper_id": order.index(row) + 1, "sign": sign}
            own["created_at"] = task.papers[row].announced_at
            session.add(ProfileExample(**own))
    return subscriber


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_its_relevance_is_that_of_a_desk_over_a_database(tmp_path: Path, database: Database, now: datetime) -> None:
    task = with_dislikes(make_task(open_tiny(tmp_path / "set")))
    people = store(database, now, task)
    since = now - timedelta(days=1)
    with database.session(write=False) as session:
        library = candidates.load_library(session, HashingEncoder.name, since, now)
        assert library is not None
        readers = [DeskReader(subscriber, since) for subscriber in people]
        brief = briefs.read(session, HashingEncoder.name, people, since)
        desk = Desk(session, library, brief, readers, now)
        expected = desk.likeness[:, [library.rows[place + 1] for place in range(len(task.held_out))]]
    np.testing.assert_allclose(exhaustive(task)(task.readers), expected, atol=0.02)


def test_search_only_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "OVER_FETCH", 6)
    monkeypatch.setattr(product, "OVER_FETCH", 6)
    task = make_task(open_tiny(tmp_path))
    found, everything = searched(task)(task.readers), exhaustive(task)(task.readers)
    kept = np.isfinite(found)
    assert (kept.sum(axis=1) == 6).all()
    np.testing.assert_allclose(found[kept], everything[kept], atol=1e-5)


def test_candidates_of_a_reader_are_searched_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "OVER_FETCH", 6)
    names = [f"{topic}{number}" for topic in ("galaxy", "mamba") for number in range(12, 16)]
    rows = [dict(user_rows()[0]) | {"candidates": names}]
    task = make_task(open_tiny(tmp_path, users=rows))
    reader = task.readers[0]
    assert reader.candidates is not None
    assert set(np.flatnonzero(np.isfinite(searched(task)([reader])[0]))) == set(reader.candidates)


def test_dislikes_and_words_reach_the_product(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path), Conditions(likes=2, phrases=3))
    library, view = make_library(task)
    reader = task.readers[0]
    plain = replace(reader, text="", vector=None)
    hostile = replace(reader, disliked=task.readers[1].liked)
    scores = [ask(library, view, task, [one]).relevance(library.view)[0] for one in (reader, plain, hostile)]
    assert not np.allclose(scores[0], scores[1])
    theirs = [column for column, row in enumerate(task.held_out) if task.papers[row].title.startswith("Auction")]
    assert scores[2][theirs].mean() < scores[0][theirs].mean()


def test_the_crowd_is_that_of_all_papers_whatever_the_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(open_tiny(tmp_path))
    whole = make_library(task)[0].crowd
    monkeypatch.setattr(background, "CHUNK", 7)
    parts = make_library(task)[0].crowd
    assert whole.size == parts.size == 80
    np.testing.assert_allclose(whole.covariance, np.cov(task.vectors.T, bias=True), atol=1e-6)
    np.testing.assert_allclose(parts.covariance, whole.covariance, atol=1e-6)
    np.testing.assert_array_equal(parts.counts, whole.counts)


def test_by_words_alone_it_ranks_as_well(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path, encoder=""))
    scores = searched(task)(task.readers)
    assert np.isfinite(scores).all()
    assert scores.max() > scoring.FLOOR
