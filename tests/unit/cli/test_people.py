"""What the commands on people fill in, and what they show of a row."""

from datetime import datetime

import pytest
from factories import make_profile, make_subscriber
from sqlmodel import select

from digest.cli.main import cli
from digest.cli.people import _interest, _person
from digest.tables import Subscriber
from digest.workshop import Workshop


def test_a_person_is_shown_without_keys(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        shown = _person(make_subscriber(session, now))
    assert shown["next_edition_at"] == "2026-05-06 08:00 UTC"
    assert not {"id", "link_key"} & set(shown)


def test_a_person_who_is_not_due_has_no_next_edition(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        assert _person(make_subscriber(session, now, next_edition_at=None))["next_edition_at"] == ""


def test_an_interest_is_shown_with_all_that_was_given(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        shown = _interest(make_profile(session, make_subscriber(session, now), muted=["survey"]))
    assert shown["muted"] == ["survey"]
    assert set(shown) >= {"name", "text", "categories", "keywords", "authors", "weight", "balance", "active"}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--text", "state space models"], "state space models"),
        (["--text", "long " * 40], "long long long long long long long…"),
        (["--keyword", "mamba"], "mamba"),
        (["--category", "cs.LG"], "cs.LG"),
        (["--author", "Ada Byron"], "Ada Byron"),
        (["--text", "two\nlines"], "two lines"),
    ],
)
def test_an_interest_without_a_name_is_called_by_its_first_words(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str
) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, email="ada@example.org")
    monkeypatch.setattr("digest.cli.people.open_shop", lambda: shop)
    told: list[str] = []
    monkeypatch.setattr("click.echo", told.append)
    cli(["profiles", "add", "ada@example.org", *words], standalone_mode=False)
    assert f"has the interest “{name}”" in told[0]


def test_a_new_subscriber_gets_as_many_papers_as_the_settings_say(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.settings.papers_per_edition = 17
    monkeypatch.setattr("digest.cli.people.open_shop", lambda: shop)
    cli(["subscribers", "add", "ada@example.org"], standalone_mode=False)
    cli(["subscribers", "add", "emmy@example.org", "--papers", "3"], standalone_mode=False)
    with shop.database.session(write=False) as session:
        assert session.exec(select(Subscriber.papers_per_edition).order_by(Subscriber.id)).all() == [17, 3]
