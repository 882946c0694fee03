"""Words find the newest papers that hold them all, in the categories asked for."""

from datetime import date, datetime, timedelta

import pytest
from factories import make_paper
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlmodel import col, select

from digest.db import Database
from digest.papers import keywords
from digest.ranking.wishes import _is_in
from digest.tables import Paper

DAY = timedelta(days=1)
CATEGORIES = ("cs", "cs.LG", "cs.L", "csx.LG", "math.OC", "cs_LG", 'a"b', "%")


def find(database: Database, *words: str, categories: tuple[str, ...] = (), since: date | None = None) -> list[str]:
    with database.session(write=False) as session:
        return [paper.title for paper in keywords.find(session, words, categories, since, 3)]


def add(database: Database, now: datetime, **titles: str) -> None:
    """Papers called by name, each a day older than the one before it."""
    with database.session() as session:
        for age, (title, abstract) in enumerate(titles.items()):
            make_paper(session, now, title=title, abstract=abstract, announced_at=now - age * DAY)


def test_all_words_are_found_in_any_case_in_title_or_abstract_newest_first(database: Database, now: datetime) -> None:
    add(database, now, One="State SPACE models", Two="space", Space="the state of it", Four="a state space")
    assert find(database, "state", "space") == ["One", "Space", "Four"]
    assert find(database, "state", "space", since=now.date() - DAY) == ["One"]
    assert find(database) == ["One", "Two", "Space"]


@pytest.mark.parametrize("sign", ["%", "_", "\\"])
def test_signs_mean_themselves(database: Database, now: datetime, sign: str) -> None:
    add(database, now, With=f"gains of 5{sign}6 points", Without="gains of 5x6 points")
    assert find(database, f"5{sign}6") == ["With"]


def test_duplicates_and_what_lies_too_far_back_are_not_found(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, now, New="word", Old="word", Older="word")
    with database.session() as session:
        (new, old) = session.exec(select(Paper).order_by(col(Paper.id)).limit(2)).all()
        new.merged_into = old.id
    assert find(database, "word") == ["Old", "Older"]
    monkeypatch.setattr(keywords, "LOOKED_THROUGH", 1)
    assert find(database, "word") == ["Old"]


@given(
    papers=st.lists(st.lists(st.sampled_from(CATEGORIES), max_size=3, unique=True), min_size=1, max_size=5),
    wanted=st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2),
)
@limits(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_categories_are_those_of_the_ranker(
    database: Database, now: datetime, papers: list[list[str]], wanted: list[str]
) -> None:
    with database.session(write=False) as session:
        ids = [make_paper(session, now, categories=categories).id for categories in papers]
        query = select(Paper.id).where(col(Paper.id).in_(ids), keywords.in_categories(wanted))
        found = set(session.exec(query))
        session.rollback()
    assert found == {number for number, has in zip(ids, papers, strict=True) if _is_in(has, wanted)}
