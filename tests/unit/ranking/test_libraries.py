"""A process keeps one library: at once what it has, and soon what there is."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from factories import make_paper
from sqlmodel import select

from digest import pipeline
from digest.db import Database
from digest.embeddings.encoder import LEXICAL
from digest.errors import Unreachable
from digest.ranking import libraries
from digest.ranking.candidates import Library, load_library
from digest.ranking.libraries import RecentLibrary
from digest.tables import Paper
from digest.workshop import Workshop

DAY = timedelta(days=1)


@pytest.fixture
def recent(database: Database) -> Iterator[RecentLibrary]:
    made = RecentLibrary(database)
    yield made
    made.settle()


def bring(shop: Workshop, now: datetime, **fields: object) -> Paper:
    with shop.database.session() as session:
        paper = make_paper(session, now, **fields)
    pipeline.prepare(shop, now)
    return paper


def ids(library: Library | None) -> set[int]:
    assert library is not None
    return {paper.id for paper in library.papers}


def test_it_holds_the_papers_of_seven_days_and_is_the_same_while_nothing_comes(
    shop: Workshop, recent: RecentLibrary, now: datetime
) -> None:
    paper = bring(shop, now)
    bring(shop, now, announced_at=now - 8 * DAY)
    library = recent.get("hashing", now)
    assert ids(library) == {paper.id}
    assert recent.get("hashing", now + DAY) is library


def test_a_library_that_is_out_of_date_is_served_and_renewed_behind(
    shop: Workshop, recent: RecentLibrary, now: datetime
) -> None:
    first = bring(shop, now)
    old = recent.get("hashing", now)
    second = bring(shop, now)
    assert recent.get("hashing", now) is old
    recent.settle()
    assert ids(recent.get("hashing", now)) == {first.id, second.id}


def test_a_paper_that_becomes_due_and_a_trend_that_changes_renew_it(
    shop: Workshop, recent: RecentLibrary, now: datetime
) -> None:
    paper, later = bring(shop, now), bring(shop, now, announced_at=now + DAY)
    old = recent.get("hashing", now)
    assert ids(old) == {paper.id}
    recent.get("hashing", now + DAY)
    recent.settle()
    renewed = recent.get("hashing", now + DAY)
    assert ids(renewed) == {paper.id, later.id}
    with shop.database.session() as session:
        session.exec(select(Paper).where(Paper.id == paper.id)).one().trended_at = None
        session.add(make_run(now))
    recent.get("hashing", now + DAY)
    recent.settle()
    assert recent.get("hashing", now + DAY) is not renewed


def make_run(now: datetime) -> libraries.Run:
    return libraries.Run(moment=now, stage="trend", started_at=now, ok=True)


def test_while_there_is_none_it_is_waited_for(shop: Workshop, recent: RecentLibrary, now: datetime) -> None:
    assert recent.get("hashing", now) is None
    paper = bring(shop, now)
    assert ids(recent.get("hashing", now)) == {paper.id}


def test_another_encoder_is_never_given_the_librarys_vectors(
    shop: Workshop, recent: RecentLibrary, now: datetime
) -> None:
    bring(shop, now)
    recent.get("hashing", now)
    shop.encoder_name = LEXICAL
    pipeline.prepare(shop, now)
    library = recent.get(LEXICAL, now)
    assert library is not None
    assert (library.encoder, library.view.vectors.shape[1]) == (LEXICAL, 0)


def test_many_threads_make_it_once(
    shop: Workshop, recent: RecentLibrary, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shop, now)
    made: list[str] = []

    def load(*arguments: object) -> Library | None:
        made.append(threading.current_thread().name)
        return load_library(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(libraries, "load_library", load)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: recent.get("hashing", now), range(8)))
    assert len(made) == 1
    assert len({id(library) for library in found}) == 1


def test_a_renewal_that_fails_leaves_the_old_one_and_the_next_reader_tries_again(
    shop: Workshop, recent: RecentLibrary, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = bring(shop, now)
    old = recent.get("hashing", now)
    other = bring(shop, now)

    def fail(*_: object) -> Library | None:
        raise Unreachable("The database cannot be reached.")

    with monkeypatch.context() as patched:
        patched.setattr(libraries, "load_library", fail)
        assert recent.get("hashing", now) is old
        recent.settle()
    assert recent.get("hashing", now) is old
    recent.settle()
    assert ids(recent.get("hashing", now)) == {paper.id, other.id}
