"""Finding a stored paper by whatever name a person gives it."""

from datetime import datetime

import pytest
from factories import make_paper
from sqlmodel import Session

from digest.db import Database
from digest.errors import InvalidRequest
from digest.papers.lookup import find_paper
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
