"""Storing records: each work once, whatever the source, the version and the number of tries."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from factories import make_record
from sqlalchemy import event
from sqlmodel import SQLModel, select

from digest.db import Database
from digest.errors import TransientError
from digest.papers import ingest
from digest.papers.ingest import LARGEST_COUNT, IngestReport, store
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.tables import Paper, PaperExternalId, PaperListing, PaperVector, Signal

ABC = {"title": "On Alphabets", "authors": ("Ada Lovelace", "Bob Writer")}
XYZ = {"title": "Of Letters", "authors": ("Charles Babbage",)}


def take(database: Database, now: datetime, *items: PaperRecord | Refusal) -> dict[str, int]:
    """Store and give the counts, those that are not nought."""
    return dict(+store(database, items, now, IngestReport()).counts)


def rows(database: Database, table: type[SQLModel]) -> list[Any]:
    with database.session(write=False) as session:
        return list(session.exec(select(table).order_by(*table.__table__.primary_key)))  # type: ignore[attr-defined]


def works(database: Database) -> list[Paper]:
    return [paper for paper in rows(database, Paper) if paper.merged_into is None]


def add_vectors(database: Database) -> None:
    with database.session() as session:
        for paper in session.exec(select(Paper)).all():
            session.add(PaperVector(paper_id=paper.id, encoder="hashing", dimension=1, vector=b"\0\0"))


def votes(at: datetime, value: int) -> SignalRecord:
    return SignalRecord("votes", at, value)


def test_a_new_record_is_stored_whole(database: Database, now: datetime) -> None:
    record = make_record(
        **ABC,
        ids={"arxiv": "2605.00001", "doi": "10.1234/x"},
        version=2,
        author_count=40,
        published_on=date(2026, 5, 4),
        announced_at=now - timedelta(hours=5),
        categories=("cs.LG", "cs.CL"),
        signals=(votes(now, 7),),
    )
    assert take(database, now, record) == {"received": 1, "new": 1, "signals": 1}
    (paper,) = rows(database, Paper)
    assert (paper.title, paper.abstract, paper.url) == (record.title, record.abstract, record.url)
    assert (paper.authors, paper.author_count) == (["Ada Lovelace", "Bob Writer"], 40)
    assert (paper.categories, paper.version, paper.source) == (["cs.LG", "cs.CL"], 2, "files")
    assert (paper.published_on, paper.announced_at) == (date(2026, 5, 4), now - timedelta(hours=5))
    assert paper.first_seen_at == now
    assert [(name.scheme, name.value) for name in rows(database, PaperExternalId)[:2]] == sorted(record.ids.items())


def test_a_record_without_a_date_is_announced_now(database: Database, now: datetime) -> None:
    take(database, now, make_record())
    assert works(database)[0].announced_at == now


def test_storing_twice_is_storing_once(database: Database, now: datetime) -> None:
    records = [make_record(signals=(votes(now, 3),)) for _ in range(3)]
    take(database, now, *records)
    before = {table: rows(database, table) for table in (Paper, PaperExternalId, Signal)}
    assert take(database, now + timedelta(days=1), *records, *records) == {"received": 6, "unchanged": 6}
    assert {table: rows(database, table) for table in before} == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"ids": {"arxiv": "2605.1"}}, {"ids": {"arxiv": "2605.1"}}),
        ({"ids": {"arxiv": "2605.1"}, "version": 1}, {"ids": {"arxiv": "2605.1"}, "version": 2}),
        ({"ids": {"arxiv": "2605.1", "doi": "10.1/x"}}, {"ids": {"doi": "10.1/x", "openreview": "abc"}}),
        ({"ids": {"arxiv": "2605.1"}, **ABC}, {"ids": {"doi": "10.1/x"}, "source": "huggingface", **ABC}),
        ({"ids": {}, **ABC}, {"ids": {"arxiv": "2605.1"}, "title": "on alphabets.", "authors": ("Lovelace, A.",)}),
    ],
    ids=["same id", "new version", "shared DOI", "same title and author", "title spelled otherwise"],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_two_records_of_one_work_are_one_paper(
    database: Database, now: datetime, first: dict[str, Any], second: dict[str, Any], together: bool
) -> None:
    records = [make_record(**first), make_record(**second)]
    for delivery in [records] if together else [records[:1], records[1:]]:
        take(database, now, *delivery)
    (paper,) = rows(database, Paper)
    names = {(name.scheme, name.value) for name in rows(database, PaperExternalId) if name.paper_id == paper.id}
    assert names >= {*first["ids"].items(), *second["ids"].items()}


@pytest.mark.parametrize(
    "other", [{"title": "On Alphabets II"}, {"authors": ("Bob Writer", "Ada Lovelace")}, {"authors": ()}]
)
def test_two_works_stay_two_papers(database: Database, now: datetime, other: dict[str, Any]) -> None:
    take(database, now, make_record(**ABC), make_record(**(ABC | other)))
    assert len(works(database)) == 2


def test_a_newer_version_replaces_the_text_and_drops_its_vectors(database: Database, now: datetime) -> None:
    take(database, now, make_record(**ABC, ids={"arxiv": "2605.1"}, version=1), make_record())
    add_vectors(database)
    newer = make_record(**XYZ, ids={"arxiv": "2605.1"}, version=2)
    assert take(database, now + timedelta(days=1), newer) == {"received": 1, "replaced": 1}
    paper, other = works(database)
    assert (paper.title, paper.abstract, paper.version) == (newer.title, newer.abstract, 2)
    assert (paper.authors, paper.author_count) == (["Charles Babbage"], 1)
    assert paper.announced_at == paper.first_seen_at == now  # a new version is not news
    assert [vector.paper_id for vector in rows(database, PaperVector)] == [other.id]


def test_a_source_may_correct_its_own_text(database: Database, now: datetime) -> None:
    record = make_record(abstract="With an eror.")
    take(database, now, record)
    add_vectors(database)
    take(database, now, replace(record, abstract="Without an error."))
    assert works(database)[0].abstract == "Without an error."
    assert rows(database, PaperVector) == []


@pytest.mark.parametrize(
    "later",
    [{"version": 1}, {"version": None}, {"version": None, "source": "huggingface"}, {"version": 2, "source": "x"}],
)
def test_what_is_not_newer_replaces_nothing(database: Database, now: datetime, later: dict[str, Any]) -> None:
    take(database, now, make_record(**ABC, ids={"arxiv": "2605.1"}, version=2))
    add_vectors(database)
    assert take(database, now, make_record(ids={"arxiv": "2605.1"}, **later)) == {"received": 1, "unchanged": 1}
    (paper,) = works(database)
    assert (paper.title, paper.version) == ("On Alphabets", 2)
    assert len(rows(database, PaperVector)) == 1


def test_a_version_with_the_same_text_keeps_its_vectors(database: Database, now: datetime) -> None:
    first = make_record(**ABC, ids={"arxiv": "2605.1"}, version=1)
    take(database, now, first)
    add_vectors(database)
    take(database, now, make_record(**ABC, ids={"arxiv": "2605.1"}, version=2, abstract=first.abstract))
    assert works(database)[0].version == 2
    assert len(rows(database, PaperVector)) == 1


def test_another_source_fills_in_what_was_missing(database: Database, now: datetime) -> None:
    bare = {"url": "", "authors": (), "ids": {"arxiv": "2605.1"}, "source": "huggingface"}
    full = {"ids": {"arxiv": "2605.1"}, "categories": ("cs.LG",), "published_on": date(2026, 5, 4), "url": "https://x"}
    take(database, now, make_record(**bare), make_record(**full, authors=("Ada", "Bob")))
    (paper,) = works(database)
    assert (paper.url, paper.categories, paper.published_on) == ("https://x", ["cs.LG"], date(2026, 5, 4))
    assert (paper.authors, paper.author_count) == (["Ada", "Bob"], 2)


def test_two_records_of_one_work_in_one_source_do_not_replace_each_other_for_ever(
    database: Database, now: datetime
) -> None:
    records = [make_record(**ABC, ids={"arxiv": number}, version=1) for number in ("2605.1", "2605.2")]
    take(database, now, *records)
    assert take(database, now, *records) == {"received": 2, "unchanged": 2}


def preprint(**fields: Any) -> PaperRecord:
    return make_record(**(ABC | {"ids": {"arxiv": "2605.1"}, "source": "arxiv", "abstract": "A to Z."} | fields))


def article(**fields: Any) -> PaperRecord:
    return make_record(**(XYZ | {"ids": {"doi": "10.1/x"}, "source": "files", "abstract": "Z to A."} | fields))


def link() -> PaperRecord:
    """A record from which it is seen that `preprint` and `article` are one work."""
    return preprint(ids={"arxiv": "2605.1", "doi": "10.1/x"})


def test_a_record_that_links_two_papers_merges_them(database: Database, now: datetime) -> None:
    take(database, now, preprint(), article(signals=(votes(now, 5),)))
    assert take(database, now, link()) == {"received": 1, "merged": 1, "unchanged": 1}
    kept, duplicate = rows(database, Paper)
    assert (kept.merged_into, duplicate.merged_into) == (None, kept.id)
    assert {name.paper_id for name in rows(database, PaperExternalId)} == {kept.id}
    assert [(signal.paper_id, signal.value) for signal in rows(database, Signal)] == [(kept.id, 5)]
    assert take(database, now, article()) == {"received": 1, "unchanged": 1}
    assert works(database)[0].title == "On Alphabets"


def test_papers_merged_one_after_the_other_all_lead_to_the_last(database: Database, now: datetime) -> None:
    take(database, now, make_record(ids={"openreview": "o"}), preprint(), article())
    take(database, now, link())
    take(database, now, preprint(ids={"arxiv": "2605.1", "openreview": "o"}))
    kept, *duplicates = rows(database, Paper)
    assert kept.merged_into is None
    assert [duplicate.merged_into for duplicate in duplicates] == [kept.id, kept.id]


def test_merging_within_a_batch_is_merging(database: Database, now: datetime) -> None:
    again = article(ids={"doi": "10.1/x", "openreview": "o"})
    counts = take(database, now, preprint(), article(), link(), again, preprint())
    assert counts == {"received": 5, "new": 2, "merged": 1, "unchanged": 3}
    (paper,) = works(database)
    assert {name.paper_id for name in rows(database, PaperExternalId)} == {paper.id}


def test_signals_of_a_paper_that_is_merged_in_the_same_batch_move_with_it(database: Database, now: datetime) -> None:
    take(database, now, preprint(), article(signals=(votes(now, 5),)), link())
    assert [signal.paper_id for signal in rows(database, Signal)] == [works(database)[0].id]


def test_an_observation_that_both_papers_have_counts_once(database: Database, now: datetime) -> None:
    signals = (votes(now, 5),)
    take(database, now, preprint(source="files", signals=signals), article(signals=(*signals, votes(now, 5))))
    take(database, now, link())
    (paper,) = works(database)
    assert [signal.value for signal in rows(database, Signal) if signal.paper_id == paper.id] == [5]


def test_a_merged_work_is_as_old_as_the_older_of_the_two(database: Database, now: datetime) -> None:
    take(database, now, preprint(announced_at=now), article(announced_at=now - timedelta(days=2)), link())
    assert works(database)[0].announced_at == now - timedelta(days=2)


def test_an_observation_is_stored_once_and_the_next_beside_it(database: Database, now: datetime) -> None:
    ids = {"arxiv": "2605.1"}
    hour = timedelta(hours=1)
    take(database, now, make_record(**ABC, ids=ids, signals=(votes(now, 5), SignalRecord("stars", now, 5))))
    again = make_record(**ABC, ids=ids, signals=(votes(now, 5), votes(now + hour, 4)))
    assert take(database, now, again)["signals"] == 1
    assert [(s.kind, s.observed_at, s.value) for s in rows(database, Signal)] == [
        ("votes", now, 5),
        ("stars", now, 5),
        ("votes", now + hour, 4),
    ]


@pytest.mark.parametrize(
    ("value", "stored"), [(0, 1), (LARGEST_COUNT, 1), (-1, 0), (LARGEST_COUNT + 1, 0), (10**30, 0)]
)
def test_an_absurd_count_is_none(database: Database, now: datetime, value: int, stored: int) -> None:
    assert take(database, now, make_record(signals=(votes(now, value),)))["new"] == 1
    assert len(rows(database, Signal)) == stored


def test_refusals_are_counted_and_stop_nothing(database: Database, now: datetime) -> None:
    refused = [Refusal(f"line {number}", "no title") for number in range(120)]
    report = store(database, [make_record(), *refused, make_record()], now, IngestReport())
    assert dict(+report.counts) == {"received": 122, "new": 2}
    written = report.as_json()
    assert (written["refused"], written["new"], written["error"]) == (120, 2, "")
    assert written["refusals"][0] == "line 0: no title"
    assert len(written["refusals"]) == 100


def test_a_source_that_fails_half_way_keeps_its_whole_batches(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH", 2)

    def deliver() -> Iterator[PaperRecord]:
        yield from (make_record() for _ in range(5))
        raise TransientError("the source is gone")

    report = IngestReport()
    with pytest.raises(TransientError):
        store(database, deliver(), now, report)
    assert dict(+report.counts) == {"received": 4, "new": 4}
    assert len(works(database)) == 4


def test_papers_known_before_a_batch_are_found_whatever_its_size(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [make_record() for _ in range(7)]
    take(database, now, *records)
    monkeypatch.setattr(ingest, "BATCH", 3)
    assert take(database, now, *records) == {"received": 7, "unchanged": 7}


def test_reading_a_source_again_asks_as_many_queries_for_many_papers_as_for_few(
    database: Database, now: datetime
) -> None:
    records = [make_record() for _ in range(40)]
    take(database, now, *records)
    asked: list[int] = []
    event.listen(database.engine, "before_cursor_execute", lambda *_: asked.append(0))
    take(database, now, *records[:4])
    few = len(asked)
    take(database, now, *records)
    assert len(asked) - few == few


def test_the_first_day_on_which_a_source_listed_a_paper_is_kept(database: Database, now: datetime) -> None:
    votes = (SignalRecord("votes", now, 3),)
    early, late = now - timedelta(days=2), now - timedelta(days=1)
    listed = {"ids": {"arxiv": "2605.77777"}, "signals": votes}
    take(database, now, make_record(**listed, announced_at=late), make_record(**listed, announced_at=early))
    take(database, now, make_record(**listed, announced_at=now), make_record(announced_at=now))  # one without counts
    take(database, now, make_record(**listed, source="sample"))
    told = {(row.paper_id, row.source): row.listed_on for row in rows(database, PaperListing)}
    assert told == {(1, "files"): early.date(), (1, "sample"): now.date()}


def test_a_merged_work_keeps_the_listings_of_both(database: Database, now: datetime) -> None:
    votes = (SignalRecord("votes", now, 3),)
    names = {"arxiv": "2605.77777"}, {"doi": "10.1000/7"}
    for ids, source, days in ((names[0], "one", 1), (names[1], "one", 3), (names[1], "two", 2)):
        moment = now - timedelta(days=days)
        take(
            database,
            now,
            make_record(
                "galaxy" if "doi" in ids else "mamba", ids=ids, source=source, announced_at=moment, signals=votes
            ),
        )
    take(database, now, make_record(ids=names[0] | names[1]))
    told = {row.source: row.listed_on for row in rows(database, PaperListing) if row.paper_id == 1}
    assert told == {"one": (now - timedelta(days=3)).date(), "two": (now - timedelta(days=2)).date()}


def test_another_text_is_foreseen_anew(database: Database, now: datetime) -> None:
    take(database, now, record := make_record())
    with database.session() as session:
        session.exec(select(Paper)).one().prior = 2.0
    take(database, now, record)
    assert works(database)[0].prior == 2.0
    take(database, now, replace(record, abstract="Quite another abstract."))
    assert works(database)[0].prior is None
