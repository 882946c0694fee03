"""Finding a stored paper by whatever name a person gives it."""

from datetime import datetime

import pytest
from factories import make_paper
from sqlmodel import Session

from digest.db import Database
from digest.errors import InvalidRequest
from digest.papers.lookup import find_by_identifiers, find_by_scheme, find_by_titles, find_paper, names_of
from digest.tables import Paper, PaperExternalId


@pytest.fixture
def paper(database: Database, now: datetime) -> Paper:
    """One paper under four names, beside another."""
    with database.session() as session:
        make_paper(session, now)
        made = make_paper(session, now)
        names = {"arxiv": "2401.00001", "doi": "10.1234/abc.5", "openreview": "rJlnE2c", "title": "0f1e2d"}
        add_names(session, made, names)
    return made


def add_names(session: Session, paper: Paper, names: dict[str, str]) -> None:
    session.add_all(PaperExternalId(paper_id=paper.id, scheme=s, value=v, source="files") for s, v in names.items())


@pytest.mark.parametrize(
    "name",
    [
        "2401.00001",
        " arXiv:2401.00001v3 ",
        "https://arxiv.org/pdf/2401.00001v2.pdf",
        "10.1234/ABC.5",
        "https://doi.org/10.1234/abc.5",
        "rJlnE2c",
        "https://doi.org/10.48550/arXiv.2401.00001",
    ],
)
def test_a_paper_is_found_by_each_of_its_names(database: Database, paper: Paper, name: str) -> None:
    with database.session(write=False) as session:
        assert find_paper(session, name).id == paper.id


def test_a_paper_is_found_by_our_number(database: Database, paper: Paper) -> None:
    with database.session(write=False) as session:
        assert find_paper(session, f"#{paper.id}").id == paper.id


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2401.99999",
        "10.1234/none",
        "0f1e2d",  # the key made of a title is ours alone
        "#",
        "#0",
        "#404",
        "#one",
        "#-1",
        "#" + "9" * 30,
    ],
)
@pytest.mark.usefixtures("paper")
def test_a_name_that_nothing_has_is_refused(database: Database, name: str) -> None:
    with database.session(write=False) as session, pytest.raises(InvalidRequest, match="No stored paper"):
        find_paper(session, name)


def test_a_duplicate_leads_to_the_paper_that_it_was_merged_into(
    database: Database, paper: Paper, now: datetime
) -> None:
    with database.session() as session:
        duplicate = make_paper(session, now, merged_into=paper.id)
        assert find_paper(session, f"#{duplicate.id}").id == paper.id


def test_many_are_found_by_their_identifiers_at_once(database: Database, paper: Paper, now: datetime) -> None:
    with database.session() as session:
        duplicate = make_paper(session, now, merged_into=paper.id)
        add_names(session, duplicate, {"doi": "10.1234/other"})
        session.flush()
        wanted = [("arxiv", "2401.00001"), ("doi", "10.1234/other"), ("doi", "2401.00001"), ("arxiv", "2401.99999")]
        found = find_by_identifiers(session, wanted)
    assert {name: one.id for name, one in found.items()} == dict.fromkeys(wanted[:2], paper.id)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Attention Is All You Need", "attention is all you need."),
        ("Attention  Is All You Need", "Attention is all -- you need"),
        ("Schrödinger’s bridge", "SCHRODINGER'S BRIDGE"),
        ("Élan in robots", "elan in robots"),
        ("A {B}ayesian study of $\\alpha$", "A Bayesian study of α"),
        ("$k$-means revisited", "k means revisited"),
        ("“Why” is it", "Why is it"),
        ("GPT", "gpt"),
        ("注意力", "注意力"),
    ],
)
def test_a_title_is_found_in_any_spelling(database: Database, now: datetime, stored: str, typed: str) -> None:
    with database.session() as session:
        made = make_paper(session, now, title=stored)
        make_paper(session, now, title=stored)  # by others, and later
        make_paper(session, now, title=f"{stored} again")
        assert {title: one.id for title, one in find_by_titles(session, [typed, "No such", "…"]).items()} == {
            typed: made.id
        }


def test_the_title_of_a_duplicate_is_passed_over(database: Database, paper: Paper, now: datetime) -> None:
    with database.session() as session:
        make_paper(session, now, title="A duplicate", merged_into=paper.id)
        assert find_by_titles(session, ["A duplicate"]) == {}


@pytest.mark.parametrize(
    ("scheme", "value", "found"),
    [
        ("arxiv", "2401.00001", True),
        ("arxiv", "arXiv:2401.00001v2", True),
        ("doi", "10.1234/ABC.5", True),
        ("doi", "https://doi.org/10.48550/arXiv.2401.00001", True),
        ("openreview", "rJlnE2c", True),
        ("arxiv", "10.1234/abc.5", False),
        ("openreview", "rjlne2c", False),
        ("title", "0f1e2d", False),
        ("doi", "", False),
    ],
)
def test_a_scheme_knows_a_paper_in_any_spelling_of_its_own(
    database: Database, paper: Paper, scheme: str, value: str, found: bool
) -> None:
    with database.session(write=False) as session:
        there = find_by_scheme(session, scheme, value)
    assert (there.id if there else None) == (paper.id if found else None)


def test_the_names_of_papers_are_told_without_the_one_made_of_the_title(database: Database, paper: Paper) -> None:
    with database.session(write=False) as session:
        names = names_of(session, [paper.id, paper.id, 99])
        assert names_of(session, []) == {}
    assert [scheme for scheme, _ in names[paper.id]] == ["arxiv", "arxiv", "doi", "openreview"]
    assert list(names) == [paper.id]
