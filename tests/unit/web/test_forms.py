"""A form's token: bound to a session, for two hours; and errors of the layers below at the fields they name."""

from datetime import datetime
from typing import cast

import pytest
from browsing import ONE_DATABASE
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.datastructures import FormData
from starlette.requests import Request
from wtforms import StringField

from digest.tables import WebSession
from digest.web.forms import LONGEST, PageForm, StrangersForm
from digest.web.site import Site
from digest.web.visits import Visit
from digest.workshop import Workshop

pytestmark = ONE_DATABASE


class Named(StrangersForm):
    """A form with a field."""

    name = StringField("Name")


@pytest.fixture
def site(shop: Workshop) -> Site:
    return Site(shop)


def visit(site: Site, now: datetime, fields: dict[str, str] | None = None, session: str = "") -> Visit:
    request = Request({"type": "http", "method": "GET" if fields is None else "POST", "path": "/", "headers": []})
    row = WebSession(digest=session) if session else None
    return Visit(site, request, now, FormData(fields or {}), session=row)


def seal(site: Site, now: datetime, session: str = "") -> str:
    return cast("str", PageForm(visit(site, now, session=session)).form_token.current_token)


def later(now: datetime, seconds: float) -> datetime:
    return datetime.fromtimestamp(now.timestamp() + seconds, now.tzinfo)


@pytest.mark.parametrize(
    ("age", "button", "strangers"),
    [
        (0, True, False),
        (1, True, False),
        (2, True, True),
        (LONGEST, True, True),
        (LONGEST + 1, False, False),
        (-1, False, False),
    ],
)
def test_a_form_lies_open_for_two_hours(site: Site, now: datetime, age: int, button: bool, strangers: bool) -> None:
    sent = visit(site, later(now, age), {"form_token": seal(site, now)})
    assert PageForm(sent).accept() is button
    assert Named(sent).accept() is strangers


def test_a_token_is_good_in_its_own_session_only(site: Site, now: datetime) -> None:
    for made in ("", "ada", "bob"):
        for used in ("", "ada", "bob"):
            sent = visit(site, now, {"form_token": seal(site, now, made)}, used)
            assert PageForm(sent).accept() is (made == used)


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(token=st.text() | st.from_regex(r"\d{1,12}\.[0-9a-f]{0,40}", fullmatch=True))
def test_a_token_cannot_be_guessed(site: Site, now: datetime, token: str) -> None:
    token = token.encode("utf-8", "ignore").decode()
    assert not PageForm(visit(site, now, {"form_token": token})).accept()


def test_a_page_that_is_looked_at_is_never_accepted(site: Site, now: datetime) -> None:
    assert not PageForm(visit(site, now)).accept()


def test_errors_stand_at_the_fields_that_they_name(site: Site, now: datetime) -> None:
    form = Named(visit(site, later(now, 3), {"form_token": seal(site, now), "name": "x"}))
    assert form.accept()
    form.blame({"name": ["Too short"], "elsewhere": ["Not today"]})
    assert form.summary == [("", "Not today"), ("name", "Too short")]


def test_a_field_that_nobody_sees_gives_a_robot_away(site: Site, now: datetime) -> None:
    assert Named(visit(site, now, {"website": "x"})).is_robot()
    assert not Named(visit(site, now, {"website": ""})).is_robot()
