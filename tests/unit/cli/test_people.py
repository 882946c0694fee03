"""What the commands on people fill in, and what they show of a row."""

from collections.abc import Callable
from datetime import datetime

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest.cli.main import cli
from digest.cli.people import _interest, _person
from digest.clock import utc_now
from digest.subscribers import optin
from digest.tables import Profile, ProfileExample, Subscriber
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


def test_a_sign_in_link_is_fresh_and_leads_to_this_installation(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, email="ada@example.org")
    monkeypatch.setattr("digest.cli.people.open_shop", lambda: shop)
    cli(["subscribers", "sign-in-link", "ada@example.org"], standalone_mode=False)
    page, token = capsys.readouterr().out.strip().rsplit("/", 1)
    assert page == f"{shop.settings.base_url}/sign-in"
    with shop.database.session() as session:
        assert optin.sign_in(session, token, utc_now()).email == "ada@example.org"


@pytest.fixture
def say(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command on Ada's interests; returns what it told."""
    with shop.database.session() as session:
        make_subscriber(session, now, email="ada@example.org")
    monkeypatch.setattr("digest.cli.people.open_shop", lambda: shop)
    told: list[str] = []
    monkeypatch.setattr("click.echo", told.append)

    def run(*words: str) -> str:
        told.clear()
        cli(["profiles", words[0], "ada@example.org", *words[1:]], standalone_mode=False)
        return "\n".join(told)

    return run


def test_an_interest_can_be_against_something_and_mute_for_a_time(shop: Workshop, say: Callable[..., str]) -> None:
    say("add", "--text", "robots", "--against", "drones", "--require", "arm", "--mute", "survey until 2026-12-31")
    with shop.database.session(write=False) as session:
        stored = session.exec(select(Profile)).one()
    assert (stored.against, stored.required) == ("drones", ["arm"])
    assert (stored.muted, stored.muted_until) == (["survey"], {"survey": "2026-12-31"})


def test_an_edit_replaces_what_is_given_and_leaves_the_rest(
    shop: Workshop, say: Callable[..., str], now: datetime
) -> None:
    with shop.database.session() as session:
        papers = [make_paper(session, now) for _ in range(2)]
    say("add", "--name", "Robots", "--text", "robots", "--like", papers[0].title, "--mute", "survey", "--weight", "2")
    assert "has the interest “Arms”" in say("edit", "robots", "--name", "Arms", "--mute", "drone")
    say("edit", "arms", "--dislike", f"#{papers[1].id}", "--balance", "0.3")
    with shop.database.session(write=False) as session:
        stored = session.exec(select(Profile)).one()
        signs = {row.paper_id: row.sign for row in session.exec(select(ProfileExample))}
    assert (stored.name, stored.text, stored.muted, stored.weight) == ("Arms", "robots", ["drone"], 2)
    assert signs == {papers[0].id: 1, papers[1].id: -1}


def test_a_removed_interest_is_listed_no_more(say: Callable[..., str]) -> None:
    say("add", "--name", "Robots", "--text", "robots")
    say("remove", "Robots", "--yes")
    assert "No interests yet" in say("list")
