"""Where a paper can be read: each name gives its links, and no source can smuggle in a script."""

from datetime import datetime

import pytest
from factories import make_paper

from digest.db import Database
from digest.papers import links
from digest.papers.links import Link
from digest.tables import PaperExternalId


def test_each_name_gives_its_links_and_the_address_of_the_source_comes_last(database: Database, now: datetime) -> None:
    with database.session() as session:
        paper = make_paper(session, now, url="https://www.journal.example/1")
        other = make_paper(session, now)
        named = (("doi", "10.1/a b#c"), ("huggingface", "2605.00001"), ("title", "0123"), ("seed", "x"))
        for scheme, value in named:
            session.add(PaperExternalId(paper_id=paper.id, scheme=scheme, value=value, source="files"))
        session.flush()
        found = links.find(session, [paper, other])
    assert found[paper.id] == [
        Link("arXiv", "https://arxiv.org/abs/2605.00001"),
        Link("PDF", "https://arxiv.org/pdf/2605.00001"),
        Link("Hugging Face", "https://huggingface.co/papers/2605.00001"),
        Link("DOI", "https://doi.org/10.1/a%20b%23c"),
        Link("journal.example", "https://www.journal.example/1"),
    ]
    assert [link.label for link in found[other.id]] == ["arXiv", "PDF"]


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "ftp://a.example/1", "https://", "http://[", "/papers/1"])
def test_an_address_that_leads_to_no_page_is_no_link(database: Database, now: datetime, url: str) -> None:
    with database.session() as session:
        paper = make_paper(session, now, url=url)
        assert [link.label for link in links.find(session, [paper])[paper.id]] == ["arXiv", "PDF"]


def test_no_papers_have_no_links(database: Database) -> None:
    with database.session(write=False) as session:
        assert links.find(session, []) == {}
