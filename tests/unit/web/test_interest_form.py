"""The form of an interest: what is stored is shown as it can be sent back, and what is sent is read line by line."""

from datetime import datetime
from typing import Any

import pytest
from browsing import ONE_DATABASE, Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData
from starlette.requests import Request

from digest.papers.categories import ARCHIVES, CATEGORIES, parse_category
from digest.subscribers.interests import BALANCES, HIGHEST_BALANCE, Interest
from digest.tables import Profile
from digest.web import interest_form
from digest.web.interest_form import LABELS, InterestForm, as_typed, step_of, stored_balance
from digest.web.visits import Visit

WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
LINES = st.lists(WORD, max_size=3).map(tuple)
INTERESTS = st.builds(
    Interest,
    name=WORD,
    text=WORD,
    liked=LINES,
    disliked=LINES,
    categories=st.lists(st.sampled_from(sorted(CATEGORIES)), unique=True).map(tuple),
    keywords=LINES,
    muted=LINES,
    authors=LINES,
    balance=st.sampled_from(sorted(BALANCES.values())),
    against=WORD,
    required=LINES,
    active=st.booleans(),
)


@pytest.fixture
def visit(browser: Browser, now: datetime) -> Visit:
    return Visit(browser.site, Request({"type": "http", "method": "POST", "path": "/"}), now, FormData())


def send(visit: Visit, fields: dict[str, Any]) -> InterestForm:
    """The form with these fields sent, a list being several of one name."""
    many = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    visit.form = FormData([(name, value) for name, values in many.items() for value in values])
    return InterestForm(visit)


def sent(interest: Interest) -> dict[str, Any]:
    """What a browser sends of a form that shows this interest: lines end as in a form, boxes only when ticked."""
    typed = as_typed(interest)
    typed["active"] = ["y"] if typed["active"] else []
    return {name: value.replace("\n", "\r\n") if isinstance(value, str) else value for name, value in typed.items()}


@ONE_DATABASE
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(INTERESTS)
def test_what_is_shown_and_sent_back_is_the_same_interest(visit: Visit, interest: Interest) -> None:
    read = send(visit, sent(interest)).read(interest.weight)
    empty = ("",)
    for name in interest_form.LINES:
        assert getattr(read, name) == (getattr(interest, name) or empty)
    for name in ("name", "text", "against", "categories", "balance", "active", "weight"):
        assert getattr(read, name) == getattr(interest, name)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"text": "I read about robots that learn to grasp objects."}, "I read about robots that learn to…"),
        ({"text": "Robots", "name": "  "}, "Robots"),
        ({"text": "  Robots\r\nthat\tgrasp "}, "Robots that grasp"),
        ({"text": "Ro\u00adbots\u200b"}, "Robots"),
        ({"authors": "\r\n  Ada Author1 \r\nBob Writer"}, "Ada Author1"),
        ({"name": " Mine ", "text": "Robots", "authors": "Ada"}, "Mine"),
        ({}, ""),
    ],
)
def test_a_name_is_made_of_what_there_is(visit: Visit, fields: dict[str, Any], name: str) -> None:
    assert send(visit, fields).read().name == name


@ONE_DATABASE
def test_a_step_that_there_is_not_is_out_of_range(visit: Visit) -> None:
    assert send(visit, {"balance": "<script>"}).read().balance < 0
    assert send(visit, {}).read().balance == BALANCES["even"]


def test_every_step_has_a_label() -> None:
    assert list(LABELS) == list(BALANCES)


@given(st.floats(0, HIGHEST_BALANCE))
def test_a_balance_is_shown_as_the_nearest_step(balance: float) -> None:
    nearest = BALANCES[step_of(balance)]
    assert all(abs(nearest - balance) <= abs(other - balance) for other in BALANCES.values())


@ONE_DATABASE
def test_a_balance_between_two_steps_stays_until_another_is_chosen(visit: Visit) -> None:
    profile = Profile(balance=0.2)
    for step, kept in [("mostly like this", 0.2), ("even", 0.3), ("only like this", 0.0)]:
        form = send(visit, {"balance": step})
        assert stored_balance(form, profile, form.read()) == kept


@ONE_DATABASE
def test_every_category_has_a_box_in_its_archive(visit: Visit) -> None:
    listed = InterestForm(visit).archives
    assert [archive for archive, _ in listed] == list(ARCHIVES)
    names = [name for _, names in listed for name in names]
    assert sorted(names) == sorted(CATEGORIES)
    assert [parse_category(name) for name in names] == names
