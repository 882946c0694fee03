"""Interest profiles: what is stored has been checked, and a refused field stores nothing."""

from datetime import datetime
from typing import Any

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.profiles import (
    LONGEST_NAME,
    LONGEST_PHRASE,
    LONGEST_TEXT,
    MOST_PHRASES,
    MOST_PROFILES,
    Interest,
    add,
    count_examples,
    find,
    listing,
    remove,
)
from digest.tables import Paper, Profile, ProfileExample, Subscriber


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


@pytest.fixture
def papers(database: Database, now: datetime) -> list[Paper]:
    with database.session() as session:
        return [make_paper(session, now) for _ in range(2)]


def interest(**fields: Any) -> Interest:
    return Interest(**({"name": "Robots", "text": "Robots that learn."} | fields))


def test_what_somebody_said_is_stored(database: Database, ada: Subscriber, papers: list[Paper], now: datetime) -> None:
    said = Interest(
        name=" Robots ",
        text=" Robots that learn. ",
        liked=(f"#{papers[0].id}",),
        disliked=(f"#{papers[1].id}",),
        categories=("CS.ro", "stat"),
        keywords=("tactile \n sensing",),
        muted=("survey",),
        authors=(" Ada Lovelace ",),
        weight=2,
        balance=0.6,
    )
    with database.session() as session:
        add(session, ada, said, now)
    with database.session(write=False) as session:
        (stored,) = listing(session, ada)
        assert count_examples(session, stored) == (1, 1)
        signs = {row.paper_id: row.sign for row in session.exec(select(ProfileExample))}
    assert signs == {papers[0].id: 1, papers[1].id: -1}
    assert (stored.name, stored.text, stored.categories) == ("Robots", "Robots that learn.", ["cs.RO", "stat"])
    assert (stored.keywords, stored.muted, stored.authors) == (["tactile sensing"], ["survey"], ["Ada Lovelace"])
    assert (stored.weight, stored.balance, stored.active, stored.created_at) == (2, 0.6, True, now)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * (LONGEST_NAME + 1)},
        {"name": "two\nlines"},
        {"text": "x" * (LONGEST_TEXT + 1)},
        {"text": ""},
        {"text": " \n", "muted": ("survey",)},
        {"balance": -0.01},
        {"balance": 0.61},
        {"balance": float("nan")},
        {"weight": 0},
        {"weight": 10.1},
        {"weight": float("nan")},
        {"weight": float("inf")},
        {"categories": ("cs.RO", "cs.XX")},
        {"keywords": ("",)},
        {"keywords": ("x",)},
        {"keywords": ("...",)},
        {"keywords": ("x" * (LONGEST_PHRASE + 1),)},
        {"keywords": ("robot",) * (MOST_PHRASES + 1)},
        {"muted": ("x",)},
        {"muted": ("survey",) * (MOST_PHRASES + 1)},
        {"liked": ("9999.99999",)},
        {"liked": ("",)},
        {"disliked": ("#404",)},
        {"liked": ("#1",), "disliked": ("#1",)},
        {"liked": ("#1", "#404")},
        {"text": "", "authors": (" ",)},
    ],
)
@pytest.mark.usefixtures("papers")
def test_a_field_that_cannot_be_taken_stores_nothing(
    database: Database, ada: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    with database.session() as session, pytest.raises(InvalidRequest):
        add(session, ada, interest(**fields), now)
    with database.session(write=False) as session:
        assert session.exec(select(Profile)).all() == []
        assert session.exec(select(ProfileExample)).all() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"liked": ("#1",)},
        {"keywords": ("robot",)},
        {"authors": ("Ada Lovelace",)},
        {"categories": ("cs.RO",)},
        {"text": "x" * LONGEST_TEXT},
    ],
)
@pytest.mark.usefixtures("papers")
def test_an_interest_may_be_described_in_one_way_alone(
    database: Database, ada: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    with database.session() as session:
        add(session, ada, interest(**({"text": "", "name": "x" * LONGEST_NAME} | fields)), now)
        assert len(listing(session, ada)) == 1


def test_a_paper_that_is_liked_under_two_names_is_one_example(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        duplicate = make_paper(session, now, merged_into=papers[0].id)
        liked = (f"#{papers[0].id}", papers[0].url, f"#{duplicate.id}")
        assert count_examples(session, add(session, ada, interest(liked=liked), now)) == (1, 0)


def test_a_name_is_used_once_by_a_subscriber_and_freely_by_others(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        add(session, ada, interest(), now)
        with pytest.raises(InvalidRequest, match="already"):
            add(session, ada, interest(name=" ROBOTS "), now)
        add(session, make_subscriber(session, now), interest(), now)
        assert len(listing(session, ada)) == 1


def test_there_is_a_most_of_interests(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        for number in range(MOST_PROFILES):
            add(session, ada, interest(name=f"interest {number}"), now)
        with pytest.raises(InvalidRequest, match="most"):
            add(session, ada, interest(), now)
        assert len(listing(session, ada)) == MOST_PROFILES


def test_an_interest_is_found_by_its_name(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        make_profile(session, make_subscriber(session, now), name="Robots")
        mine = make_profile(session, ada, name="Robots")
        assert find(session, ada, " robots ") == mine


def test_a_name_that_is_not_found_is_answered_with_those_there_are(database: Database, ada: Subscriber) -> None:
    with database.session() as session:
        with pytest.raises(InvalidRequest, match="none yet"):
            find(session, ada, "Robots")
        make_profile(session, ada, name="Galaxies")
        with pytest.raises(InvalidRequest, match="“Galaxies”"):
            find(session, ada, "Robots")


def test_an_interest_goes_with_its_examples(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        for name in ("Robots", "Galaxies"):
            add(session, ada, interest(name=name, liked=(f"#{papers[0].id}",)), now)
        remove(session, find(session, ada, "Robots"))
    with database.session(write=False) as session:
        (left,) = listing(session, ada)
        assert left.name == "Galaxies"
        assert [row.profile_id for row in session.exec(select(ProfileExample))] == [left.id]
