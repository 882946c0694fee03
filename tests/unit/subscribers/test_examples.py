"""Example papers as people paste them: every spelling leads to one id, and nothing hostile gets through."""

from datetime import datetime

import pytest
from factories import make_paper, make_profile, make_subscriber
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers import references
from digest.subscribers.examples import (
    LONGEST_LINE,
    LONGEST_PASTE,
    MOST_LINES,
    NO_PAPER,
    VOTED,
    WRONG_HOST,
    keep,
    lines_of,
    read,
    read_line,
    resolve,
)
from digest.tables import PaperExternalId, ProfileExample


@pytest.mark.parametrize(
    ("typed", "identifier"),
    [
        ("2401.00001", ("arxiv", "2401.00001")),
        ("2401.00001v3", ("arxiv", "2401.00001")),
        ("arXiv:2401.00001v2 [cs.CL]", ("arxiv", "2401.00001")),
        ("hep-th/9901001v1", ("arxiv", "hep-th/9901001")),
        ("math.GT/0309136", ("arxiv", "math/0309136")),
        ("https://arxiv.org/abs/2401.00001v2", ("arxiv", "2401.00001")),
        ("http://www.arxiv.org/pdf/2401.00001.pdf", ("arxiv", "2401.00001")),
        ("https://arxiv.org/html/2401.00001v1#S2.F1", ("arxiv", "2401.00001")),
        ("arxiv.org/abs/hep-th/9901001", ("arxiv", "hep-th/9901001")),
        ("https://huggingface.co/papers/2401.00001", ("arxiv", "2401.00001")),
        ("huggingface.co/papers/2401.00001#comments", ("arxiv", "2401.00001")),
        ("https://www.alphaxiv.org/abs/2401.00001v1?chat=1", ("arxiv", "2401.00001")),
        ("https://alphaxiv.org/overview/2401.00001", ("arxiv", "2401.00001")),
        ("10.1000/ABC.5", ("doi", "10.1000/abc.5")),
        ("doi: 10.1000/ABC.5", ("doi", "10.1000/abc.5")),
        ("https://doi.org/10.1016/S0140-6736(20)30183-5", ("doi", "10.1016/s0140-6736(20)30183-5")),
        ("https://dx.doi.org/10.48550/arXiv.2401.00001", ("arxiv", "2401.00001")),
        ("- <https://arxiv.org/abs/2401.00001>,", ("arxiv", "2401.00001")),
        ("[Mamba](https://arxiv.org/abs/2401.00001)", ("arxiv", "2401.00001")),
        ("Gu and Dao, Mamba, arXiv: 2401.00001, 2024.", ("arxiv", "2401.00001")),
        ("2401.00001 Mamba: linear time", ("arxiv", "2401.00001")),
        ("Mamba: linear time", ("title", "Mamba: linear time")),
        ("Node.js/Express in practice", ("title", "Node.js/Express in practice")),
        ("\u202eMamba\u200b time\x07", ("title", "Mamba time")),
        ("שלום עולם", ("title", "שלום עולם")),
    ],
)
def test_a_line_names_one_paper(typed: str, identifier: tuple[str, str]) -> None:
    (line,) = read(typed)
    assert (line.identifier, line.wrong) == (identifier, "")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("https://example.org/abs/2401.00001", WRONG_HOST),
        ("https://arxiv.org.evil.example/abs/2401.00001", WRONG_HOST),
        ("https://arxiv.org@evil.example/abs/2401.00001", WRONG_HOST),
        ("http://[::1", WRONG_HOST),
        ("file:///etc/passwd", WRONG_HOST),
        ("see https://openreview.net/forum?id=1", WRONG_HOST),
        ("example.org/paper", WRONG_HOST),
        ("https://arxiv.org/list/cs.CL/new", NO_PAPER),
        ("https://huggingface.co/some/model", NO_PAPER),
        ("…", "write an arXiv id, a link or a title"),
        ("x" * (LONGEST_LINE + 1), "use 500 characters or fewer for one paper"),
    ],
)
def test_a_line_that_names_no_paper_says_why_and_where(typed: str, why: str) -> None:
    (line,) = read(f"\r\n\n{typed}")
    assert (line.number, line.wrong) == (3, why)


@pytest.mark.parametrize(
    "text",
    [
        "2401.00001, 2401.00002 arXiv:hep-th/9901001;10.1000/x",
        "arXiv: 2401.00001 [cs.CL], arXiv: 2401.00002\n\nhep-th/9901001\n10.1000/x",
        "2401.00001\n2401.00002\nhttps://arxiv.org/abs/2401.00002v2\nhep-th/9901001\ndoi:10.1000/X",
    ],
)
def test_a_list_of_ids_names_each_paper_once(text: str) -> None:
    assert [line.value for line in read(text)] == ["2401.00001", "2401.00002", "hep-th/9901001", "10.1000/x"]


def test_an_export_is_read_by_id_else_by_title() -> None:
    exported = (
        "@misc{a, title={One}, eprint={2401.00001}}\n@misc{b, title={Two}, doi={10.1000/x}}\n@misc{c, title={Three}}"
    )
    lines = read(exported + "\n@misc{d, year={2024}}\n@misc{e, title={F")
    assert [line.identifier for line in lines[:3]] == [
        ("arxiv", "2401.00001"),
        ("doi", "10.1000/x"),
        ("title", "Three"),
    ]
    assert [line.text for line in lines[:3]] == ["2401.00001 One", "10.1000/x Two", "Three"]
    assert [(line.number, line.wrong.partition(" ")[0]) for line in lines[3:]] == [(4, "this"), (5, "this")]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"2401.{number:05}" for number in range(MOST_LINES + 1)),
        " ".join(f"2401.{number:05}" for number in range(MOST_LINES + 1)),
        "x\n" * 10_000,
        "@misc{a,title={x}}\n" * (MOST_LINES + 1),
        "x" * 1_000_000,
        "@misc{" * (LONGEST_PASTE // 6),
        "\x00" * LONGEST_PASTE + "x" * LONGEST_PASTE,
    ],
)
def test_too_much_at_once_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="too m"):
        read(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=80),
            st.sampled_from(
                [
                    "https://",
                    "//[",
                    "10.1/",
                    "arxiv.org/abs/",
                    "doi:",
                    "$\\frac{",
                    "@a{",
                    "(",
                    "\u202e",
                    "2401.00001",
                    "](",
                    "\x85",
                ]
            ),
        ),
        max_size=6,
    ).map("".join)
)
@example("{" * 60 + "$")
@example("$\\")
def test_a_line_is_read_or_refused_and_what_is_kept_of_it_is_read_alike(text: str) -> None:
    try:
        lines = read(text)
    except InvalidRequest:
        return
    for line in lines:
        assert line.text.isprintable()
        assert len(line.text) <= LONGEST_LINE
        assert line.wrong or line.value
        if not line.wrong and references.read(text) is None:
            assert read_line(line.text)[0].identifier == line.identifier


def test_papers_are_found_by_id_else_by_the_title_beside_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        first, second = make_paper(session, now, title="The First Müller Work"), make_paper(session, now)
        session.add(PaperExternalId(paper_id=second.id, scheme="doi", value="10.1000/x", source="files"))
        session.flush()
        typed = f"10.1000/X\nthe first MULLER work!\n10.9999/y The first Müller work\n2402.00001\nNo such\n{'x' * 600}"
        resolved = resolve(session, read(typed))
    assert [(line.number, paper.id) for line, paper in resolved.found] == [(1, second.id), (2, first.id), (3, first.id)]
    assert [line.text for line in resolved.waiting] == ["2402.00001", "No such"]
    assert [number for number, _ in resolved.wrong] == [6]


def test_a_chosen_example_outlives_what_a_vote_said_of_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        profile, papers = (
            make_profile(session, make_subscriber(session, now)),
            [make_paper(session, now) for _ in "abc"],
        )
        session.add(ProfileExample(profile_id=profile.id, paper_id=papers[0].id, sign=-1, origin=VOTED, created_at=now))
        session.add(ProfileExample(profile_id=profile.id, paper_id=papers[2].id, sign=1, origin=VOTED, created_at=now))
        session.flush()
        for paper, sign in ((papers[0], 1), (papers[1], 1), (papers[1], -1)):
            keep(session, profile.id, paper.id, sign, now)
        kept = {row.paper_id: (row.sign, row.origin) for row in session.exec(select(ProfileExample))}
        assert kept == {papers[0].id: (1, "chosen"), papers[1].id: (1, "chosen"), papers[2].id: (1, VOTED)}
        told = lines_of(session, profile.id, 1)
        assert [paper.id for _, paper in resolve(session, read("\n".join(told))).found] == [p.id for p in papers[:2]]
        assert lines_of(session, profile.id, -1) == []
