"""The shelf finds what brute force finds, whatever the filter and however it was filled."""

from datetime import UTC, date, datetime, timedelta
from threading import Thread

import numpy as np
import pytest
from factories import make_paper
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from digest.db import Database
from digest.embeddings import shelf as shelves
from digest.embeddings import vectors
from digest.embeddings.encoder import HashingEncoder, unit
from digest.embeddings.shelf import Filter, Shelf
from digest.ranking.wishes import _is_in
from digest.tables import Paper, PaperVector

DAY = timedelta(days=1)
ENCODER = HashingEncoder()
CATEGORIES = ("cs", "cs.LG", "cs.CL", "csx.LG", "math.OC", "hep-th")


def embed(database: Database, now: datetime, ids: list[int]) -> None:
    vectors.embed_papers(database, ENCODER, now, ids)


def bring(database: Database, now: datetime, *topics: str, embedded: bool = True) -> list[int]:
    with database.session() as session:
        ids = [make_paper(session, now, topic).id for topic in topics]
    if embedded:
        embed(database, now, ids)
    return ids


def refresh(database: Database, shelf: Shelf) -> int:
    with database.session(write=False) as session:
        return shelf.refresh(session)


def find(shelf: Shelf, text: str = "galaxy", count: int = 99) -> set[int]:
    return set(shelf.search(ENCODER.encode([text])[0], count)[1].tolist())


def fill(shelf: Shelf, rows: np.ndarray, papers: list[tuple[date, list[str]]]) -> None:
    """Put vectors on a shelf without a database, in two deliveries."""
    half = len(papers) // 2
    for first, last in ((0, half), (half, len(papers))):
        if first < last:
            contents = [
                (n, datetime(day.year, day.month, day.day, 5, tzinfo=UTC), categories, vectors.to_bytes(rows[n]))
                for n, (day, categories) in enumerate(papers[first:last], first)
            ]
            shelf._stock = shelves._add(shelf._stock, shelf._deliver(contents))


papers = st.lists(
    st.tuples(
        st.dates(date(2026, 1, 1), date(2026, 1, 9)), st.lists(st.sampled_from(CATEGORIES), max_size=3, unique=True)
    ),
    min_size=1,
    max_size=60,
)


@given(
    papers=papers,
    wanted=st.lists(st.sampled_from(CATEGORIES), max_size=2).map(tuple),
    since=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 10)),
    count=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
)
@limits(deadline=None, max_examples=60)
def test_a_filtered_search_is_a_filtered_sort_of_all_inner_products(
    papers: list[tuple[date, list[str]]], wanted: tuple[str, ...], since: date | None, count: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    rows = unit(chance.normal(size=(len(papers), 8)).astype(np.float32))
    vector = unit(chance.normal(size=(1, 8)).astype(np.float32))[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelves, "SEGMENT", 16)
        shelf = Shelf("any")
        fill(shelf, rows, papers)
        scores, ids = shelf.search(vector, count, Filter(wanted, since))
    exact = vectors.from_bytes(vectors.to_bytes(rows), 8) @ vector
    allowed = [
        n
        for n, (day, categories) in enumerate(papers)
        if (since is None or day >= since) and (not wanted or _is_in(categories, list(wanted)))
    ]
    assert set(ids.tolist()) <= set(allowed)
    assert len(set(ids.tolist())) == len(ids) == min(count, len(allowed))
    np.testing.assert_allclose(scores, -np.sort(-exact[allowed])[:count], atol=2e-3)
    np.testing.assert_allclose(scores, exact[ids], atol=2e-3)


def test_a_shelf_is_filled_in_chunks_and_segments(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "CHUNK", 4)
    monkeypatch.setattr(shelves, "SEGMENT", 5)
    ids = bring(database, now, *["galaxy", "mamba", "robot"] * 4)
    shelf = Shelf(ENCODER.name)
    assert refresh(database, shelf) == 12
    assert [segment.ntotal for segment in shelf._stock.segments] == [5, 5, 2]
    assert find(shelf) == set(ids)
    assert find(shelf, "galaxy spectra redshift", 4) == set(ids[::3])
    assert shelf.nbytes > 12 * 2 * ENCODER.dimension


def test_an_empty_shelf_finds_nothing(database: Database) -> None:
    shelf = Shelf(ENCODER.name)
    assert refresh(database, shelf) == len(shelf) == 0
    assert find(shelf) == set()


def test_a_refresh_brings_what_came_and_nothing_twice(database: Database, now: datetime) -> None:
    first = bring(database, now, "galaxy", "mamba")
    shelf = Shelf(ENCODER.name)
    refresh(database, shelf)
    late = bring(database, now, "robot", embedded=False)
    second = bring(database, now, "galaxy")
    assert refresh(database, shelf) == 1
    embed(database, now, late)
    assert refresh(database, shelf) == 1
    assert refresh(database, shelf) == 0
    assert find(shelf) == {*first, *late, *second}
    assert len(shelf) == 4


def test_what_is_embedded_long_after_it_came_is_found(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "OVERLAP", 0)
    (late,) = bring(database, now, "robot", embedded=False)
    rest = bring(database, now, "galaxy", "mamba")
    shelf = Shelf(ENCODER.name)
    assert refresh(database, shelf) == 2
    embed(database, now, [late])
    assert refresh(database, shelf) == 1
    assert find(shelf) == {late, *rest}


def test_a_paper_of_another_encoder_stays_off(database: Database, now: datetime) -> None:
    bring(database, now, "galaxy")
    shelf = Shelf("another")
    assert refresh(database, shelf) == 0


def test_a_text_that_was_embedded_anew_is_found_by_its_new_vector_only(database: Database, now: datetime) -> None:
    (changed, other) = bring(database, now, "galaxy", "mamba")
    shelf = Shelf(ENCODER.name)
    refresh(database, shelf)
    with database.session() as session:
        paper = session.get_one(Paper, changed)
        paper.title, paper.abstract, paper.embedded_by = "Octopus", "Octopus arms.", None
        session.delete(session.get_one(PaperVector, (changed, ENCODER.name)))
    refresh(database, shelf)
    embed(database, now, [changed])
    assert refresh(database, shelf) == 1
    scores, ids = shelf.search(ENCODER.encode(["Octopus. Octopus arms."])[0], 9)
    assert ids.tolist() == [changed, other]
    assert scores[0] == pytest.approx(1, abs=1e-3)
    assert len(shelf) == 2


def test_a_duplicate_is_found_no_more(database: Database, now: datetime) -> None:
    keep, double = bring(database, now, "galaxy", "galaxy")
    shelf = Shelf(ENCODER.name)
    refresh(database, shelf)
    with database.session() as session:
        session.get_one(Paper, double).merged_into = keep
    refresh(database, shelf)
    assert find(shelf) == {keep}
    assert len(shelf) == 1


def test_threads_search_while_the_shelf_grows(database: Database, now: datetime) -> None:
    bring(database, now, *["galaxy"] * 20)
    shelf = Shelf(ENCODER.name)
    refresh(database, shelf)
    sizes: list[int] = []

    def search() -> None:
        sizes.extend(len(find(shelf)) for _ in range(200))

    threads = [Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        bring(database, now, "mamba", "robot")
        refresh(database, shelf)
    for thread in threads:
        thread.join()
    assert len(sizes) == 400
    assert set(sizes) <= {20, 22, 24, 26, 28, 30}


@pytest.mark.parametrize("wanted", [Filter(("nlin",)), Filter(since=date(2026, 5, 7))])
def test_a_filter_that_nothing_passes_finds_nothing(database: Database, now: datetime, wanted: Filter) -> None:
    with database.session() as session:
        ids = [make_paper(session, now, "galaxy", categories=["cs.LG"]).id]
    embed(database, now, ids)
    shelf = Shelf(ENCODER.name)
    refresh(database, shelf)
    assert shelf.search(ENCODER.encode(["galaxy"])[0], 9, wanted)[1].tolist() == []
