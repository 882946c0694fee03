"""Exports of reference managers: what names a paper in them, and what becomes of broken ones."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import InvalidRequest
from digest.subscribers.references import Reference, read

BIBTEX = r"""
@misc{vaswani,
  title = {Attention {I}s All You Need},
  eprint = {1706.03762}, archiveprefix = {arXiv},
  doi = {10.48550/arXiv.1706.03762}
}
@article{other, title={A M{\"u}ller study}, journal={arXiv preprint arXiv:2401.00001}, doi={10.1000/x}}
@book{third, title={Only a title}}
"""
RIS = """TY  - JOUR
TI  - Attention Is All You Need
UR  - https://arxiv.org/abs/1706.03762
DO  - 10.48550/arXiv.1706.03762
ER  -
TY  - GEN
T1  - Only a title
"""


def test_bibtex_names_papers_by_id_doi_and_title() -> None:
    assert read(BIBTEX) == [
        Reference(2, ("arXiv:1706.03762", "10.48550/arXiv.1706.03762"), "Attention Is All You Need"),
        Reference(7, ("arXiv:2401.00001", "10.1000/x"), "A Müller study"),
        Reference(8, (), "Only a title"),
    ]


def test_a_broken_entry_is_told_and_the_others_are_read() -> None:
    first, second = read("@misc{a, title={One}\n@misc{b, title={Two}}") or []
    assert "cannot be read" in first.wrong
    assert (second.number, second.title) == (2, "Two")


def test_ris_names_papers_by_link_doi_and_title() -> None:
    assert read(RIS) == [
        Reference(1, ("https://arxiv.org/abs/1706.03762", "10.48550/arXiv.1706.03762"), "Attention Is All You Need"),
        Reference(6, (), "Only a title"),
    ]


def test_a_ris_entry_without_an_end_ends_where_the_next_begins() -> None:
    assert [entry.title for entry in read("TY  - A\nTI  - One\nTY  - A\nTI  - Two") or []] == ["One", "Two"]


@pytest.mark.parametrize(
    "content",
    [
        [{"title": "One", "DOI": "10.1000/x", "note": "arXiv:2401.00001 [cs]"}],
        {"items": [{"title": "One", "DOI": "10.1000/x", "archiveID": "arXiv:2401.00001"}]},
        [{"key": "AB", "data": {"title": "One", "DOI": "10.1000/x", "extra": "arXiv:2401.00001 [cs]"}}],
        {"title": "One", "DOI": "10.1000/x", "number": "arXiv:2401.00001"},
    ],
    ids=["csl", "better bibtex", "zotero", "single"],
)
def test_json_names_papers_by_id_and_title(content: object) -> None:
    assert read(json.dumps(content)) == [Reference(1, ("arXiv:2401.00001", "10.1000/x"), "One")]


@pytest.mark.parametrize("text", ['[{"title": ', '{"items": 3}', '[{"a": 1}, 2]', '[{"a":' * 50_000])
def test_json_that_holds_no_list_of_papers_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="This export"):
        read(text)


@pytest.mark.parametrize(
    "text", ["", "2401.00001", "Attention @ scale", "[1] Vaswani", "{x} spaces", "TYPES of things"]
)
def test_what_is_no_export_is_none(text: str) -> None:
    assert read(text) is None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["@misc{", "TY  - ", '[{"', '{"items": ', ""]), st.text(max_size=300))
def test_no_text_breaks_it(start: str, rest: str) -> None:
    try:
        found = read(start + rest)
    except InvalidRequest:
        return
    assert found is None or all(entry.number >= 1 for entry in found)
