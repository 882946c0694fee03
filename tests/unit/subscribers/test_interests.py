"""What a form says beside its fields, in the words that are written down for it."""

from datetime import datetime
from typing import Any

import pytest
from factories import make_paper, make_profile, make_subscriber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.db import Database
from digest.subscribers.interests import BALANCES, MOST_PROFILES, Interest, Reading, examine, read_form
from digest.tables import Profile, Subscriber


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        ada = make_subscriber(session, now)
        make_profile(session, ada, name="Robots")
        make_paper(session, now)
    return ada


def read(database: Database, subscriber: Subscriber, profile: Profile | None = None, **fields: Any) -> Reading:
    interest = Interest(**({"name": "Mamba", "text": "State spaces"} | fields))
    with database.session(write=False) as session:
        reading = examine(session, subscriber, interest, profile)
        read_form(session, interest, reading)
    return reading


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({}, {}),
        ({"name": " "}, {"name": ["Enter a name for this interest"]}),
        ({"name": "x" * 81}, {"name": ["Name must be 80 characters or fewer"]}),
        ({"name": "a\u202eb"}, {"name": ["Name must be on one line, without hidden characters"]}),
        ({"name": "ROBOTS"}, {"name": ["You already have an interest called ROBOTS"]}),
        ({"text": "x" * 4001}, {"text": ["Description must be 4,000 characters or fewer"]}),
        ({"against": "x" * 1001}, {"against": ["“Not this” must be 1,000 characters or fewer"]}),
        ({"categories": ("cs.XX",)}, {"categories": ["Select a category from the list"]}),
        ({"balance": float("nan")}, {"balance": ["Select how much trending papers count"]}),
        ({"balance": 0.61}, {"balance": ["Select how much trending papers count"]}),
        ({"required": ("ok", "", "a")}, {"required": ["Line 3: “a” is too short, use 2 characters or more"]}),
        ({"keywords": ("…!",)}, {"keywords": ["Line 1: “…!” has neither a letter nor a digit"]}),
        (
            {"keywords": ("x" * 61,)},
            {"keywords": ["Line 1: “xxxxxxxxxxxxxxxxxxxx…” is too long, use 60 characters or fewer"]},
        ),
        ({"keywords": tuple(f"word {n}" for n in range(51))}, {"keywords": ["Use 50 lines or fewer"]}),
        (
            {"muted": ("", "survey", "x until 2026-12-31")},
            {"muted": ["Line 3: “x” is too short, use 2 characters or more"]},
        ),
        (
            {"muted": ("survey until 2026-13-31",)},
            {"muted": ["Line 1: “2026-13-31” is not a day, write it as 2026-12-31"]},
        ),
        ({"authors": ("Ada", "\n", "…")}, {"authors": ["Line 3: write a name of 100 characters or fewer"]}),
        (
            {"liked": ("2605.00002", "", "https://example.org/x")},
            {"liked": ["Line 3: links must be to arxiv.org, huggingface.co, alphaxiv.org or doi.org"]},
        ),
        (
            {"liked": ("2401.00001\n" * 3,), "disliked": ("2401.00001",)},
            {"disliked": ["Line 1: this paper is one of the example papers, too"]},
        ),
        (
            {"liked": ("2605.00002",), "disliked": ("Mamba study number 2",)},
            {"disliked": ["Line 1: this paper is one of the example papers, too"]},
        ),
        ({"liked": ("x\n" * 51,)}, {"liked": ["51 papers are too many: 50 is the most"]}),
        (
            {"text": " ", "muted": ("survey",), "against": "x", "keywords": ("",)},
            {"form": ["Describe what you want to read, or give an example paper, category or author"]},
        ),
        ({"text": "", "required": ("survey",)}, {}),
        ({"text": "", "liked": ("2401.00001",)}, {}),
    ],
)
def test_each_field_has_its_message(
    database: Database, ada: Subscriber, fields: dict[str, Any], messages: dict[str, list[str]]
) -> None:
    assert read(database, ada, **fields).messages == messages


def test_lines_are_read_into_columns(database: Database, ada: Subscriber) -> None:
    reading = read(
        database,
        ada,
        name="  Mamba ",
        text=" one\r\ntwo\x00 ",
        required=("“state  space”", "State Space"),
        muted=("survey until 2026-12-31", "until death", '"new survey" until 2026-01-01'),
        authors=(" Ada ", "ada", ""),
        categories=("CS.ro", "cs.RO"),
        active=False,
    )
    assert reading.messages == {}
    assert reading.columns["name"] == "Mamba"
    assert reading.columns["text"] == "one\ntwo"
    assert reading.columns["required"] == ["state space"]
    assert reading.columns["muted"] == ["survey", "until death", "new survey"]
    assert reading.columns["muted_until"] == {"survey": "2026-12-31", "new survey": "2026-01-01"}
    assert (reading.columns["authors"], reading.columns["categories"]) == (["Ada"], ["cs.RO"])
    assert reading.columns["active"] is False


def test_an_interest_does_not_clash_with_itself_nor_count_against_its_own_room(
    database: Database, ada: Subscriber
) -> None:
    with database.session() as session:
        own = make_profile(session, ada, name="Mamba")
        for number in range(MOST_PROFILES - 2):
            make_profile(session, ada, name=f"other {number}")
    assert read(database, ada, own).messages == {}
    assert list(read(database, ada).messages) == ["name", "form"]


def test_somebody_without_a_row_has_no_interests_yet(database: Database, ada: Subscriber, now: datetime) -> None:
    stranger = Subscriber(email="", link_key="", status=ada.status, created_at=now)
    assert read(database, stranger, name="Robots").messages == {}


def test_the_steps_of_the_balance_lie_within_its_bounds(database: Database, ada: Subscriber) -> None:
    assert list(BALANCES.values()) == [0.0, 0.15, 0.3, 0.45, 0.6]
    assert all(read(database, ada, balance=value).messages == {} for value in BALANCES.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=90), max_size=4).map(tuple), st.text(max_size=100))
def test_nothing_that_is_typed_breaks_a_form(
    database: Database, ada: Subscriber, lines: tuple[str, ...], text: str
) -> None:
    fields = dict.fromkeys(("liked", "disliked", "categories", "keywords", "muted", "authors", "required"), lines)
    reading = read(database, ada, name=text, text=text, against=text, **fields)
    assert all(message for messages in reading.messages.values() for message in messages)
    assert all("\x00" not in str(value) for value in reading.columns.values())
