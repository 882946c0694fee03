"""An author's papers, whatever the case, the accents and the dots of the name."""

from datetime import datetime, timedelta

import pytest
from factories import make_paper

from digest.db import Database
from digest.subscribers.authors import papers_by, spelling

NAMES = ["Erwin Schrödinger", "J. M. Müller-Lee", "Wei Li", "Ðo Ngọc", "李 伟"]


@pytest.mark.parametrize(
    ("typed", "author"),
    [
        ("erwin schrodinger", NAMES[0]),
        ("Erwin Schrödinger", NAMES[0]),
        ("J M Muller Lee", NAMES[1]),
        ("WEI LI", NAMES[2]),
        ("Wèi Lí", NAMES[2]),
        ("Ðo Ngoc", NAMES[3]),
        ("李 伟", NAMES[4]),
    ],
)
def test_an_author_is_found_by_any_spelling(database: Database, now: datetime, typed: str, author: str) -> None:
    with database.session() as session:
        mine = make_paper(session, now, authors=["Bob Writer", author])
        for other in ("Erwin Schrödingers", "W. Li", "Wei Lin", "Wei B. Li"):
            make_paper(session, now, authors=[other])
        assert [paper.id for paper in papers_by(session, typed, 5)] == [mine.id]
        assert spelling(mine, typed) == author


@pytest.mark.parametrize("typed", ["", "…", "%", "Wei", "Nobody Known"])
def test_a_name_that_nobody_has_finds_nothing(database: Database, now: datetime, typed: str) -> None:
    with database.session() as session:
        make_paper(session, now, authors=NAMES)
        assert papers_by(session, typed, 5) == []


def test_the_newest_works_come_first_and_no_duplicates(database: Database, now: datetime) -> None:
    with database.session() as session:
        old, new, newest = (
            make_paper(session, now, authors=["Wei Li"], announced_at=now - timedelta(days=days)) for days in (9, 2, 1)
        )
        make_paper(session, now, authors=["Wei Li"], merged_into=old.id)
        assert [paper.id for paper in papers_by(session, "Wei Li", 2)] == [newest.id, new.id]
        assert len(papers_by(session, "Wei Li", 9)) == 3
