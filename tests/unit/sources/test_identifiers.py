import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources.identifiers import arxiv_id_of_doi, clean_text, parse_arxiv_id, parse_doi


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2401.00001", ("2401.00001", None)),
        ("2401.00001v3", ("2401.00001", 3)),
        (" arXiv:2401.00001v12 ", ("2401.00001", 12)),
        ("ARXIV: 2401.00001", ("2401.00001", None)),
        ("arXiv:2401.00001v2 [cs.CL]", ("2401.00001", 2)),
        ("0704.0001", ("0704.0001", None)),
        ("1412.9999", ("1412.9999", None)),
        ("1501.00001", ("1501.00001", None)),
        ("https://arxiv.org/abs/2401.00001v2", ("2401.00001", 2)),
        ("http://arxiv.org/abs/math/0309136v1", ("math/0309136", 1)),
        ("https://www.arxiv.org/pdf/2401.00001.pdf", ("2401.00001", None)),
        ("https://export.arxiv.org/pdf/2401.00001v1.pdf?download=1#page=2", ("2401.00001", 1)),
        ("arxiv.org/html/2401.00001v1/", ("2401.00001", 1)),
        ("hep-th/9901001", ("hep-th/9901001", None)),
        ("arXiv:hep-th/9901001v4", ("hep-th/9901001", 4)),
        ("math.GT/0309136", ("math/0309136", None)),
        ("https://arxiv.org/abs/cond-mat/0309136", ("cond-mat/0309136", None)),
    ],
)
def test_an_arxiv_id_is_recognised_in_every_form(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_arxiv_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2401",
        "2401.001",
        "2401.000011",
        "2401.00001x",
        "2401.00001v0",
        "2401.00001 and more",
        "2413.00001",
        "2503.0213",  # lost its last zero: would be another paper
        "1412.99999",
        "x2401.00001",
        "٢٤٠١.٠٠٠٠١",
        "https://example.org/abs/2401.00001",
        "https://notarxiv.org/abs/2401.00001",
        "https://arxiv.org/list/cs.CL/recent",
        "10.48550/arXiv.2401.00001",
        "hep-th/990100",
        "hep-th/9913001",
        "paper/9901001",
    ],
)
def test_what_is_no_arxiv_id_is_none(text: str) -> None:
    assert parse_arxiv_id(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("doi: 10.1145/ABC.Def", "10.1145/abc.def"),
        ("https://doi.org/10.1000/A%2FB", "10.1000/a/b"),
        ("http://dx.doi.org/10.1000/(SICI)1-2", "10.1000/(sici)1-2"),
        ("10.48550/arXiv.2401.00001", "10.48550/arxiv.2401.00001"),
        ("10.1/x", None),
        ("10.1000/", None),
        ("10.1000/a b", None),
        ("10.1000/a\x00", None),
        ("https://example.org/10.1000/x", None),
        ("", None),
    ],
)
def test_a_doi_is_lower_case_and_bare(text: str, expected: str | None) -> None:
    assert parse_doi(text) == expected


@pytest.mark.parametrize(
    ("doi", "expected"),
    [
        ("10.48550/arxiv.2401.00001", "2401.00001"),
        ("10.48550/arXiv.2401.00001", "2401.00001"),
        ("10.48550/arxiv.hep-th/9901001", "hep-th/9901001"),
        ("10.48550/arxiv.nothing", None),
        ("10.1145/2401.00001", None),
    ],
)
def test_the_doi_of_arxiv_is_an_arxiv_id(doi: str, expected: str | None) -> None:
    assert arxiv_id_of_doi(doi) == expected


@given(
    st.integers(15, 99),
    st.integers(1, 12),
    st.integers(0, 99_999),
    st.none() | st.integers(1, 99),
    st.sampled_from(["", "arXiv:", "https://arxiv.org/abs/", "https://arxiv.org/pdf/"]),
)
def test_every_id_of_the_new_form_survives_its_spelling(
    year: int, month: int, number: int, version: int | None, prefix: str
) -> None:
    paper = f"{year:02d}{month:02d}.{number:05d}"
    assert parse_arxiv_id(f"{prefix}{paper}{f'v{version}' if version else ''}") == (paper, version)


@given(st.text() | st.from_regex(r"(arxiv:|https://arxiv.org/abs/|doi:)?[0-9./a-zA-Z-]+(v[0-9]+)?"))
def test_what_is_recognised_is_canonical(text: str) -> None:
    parsed, doi = parse_arxiv_id(text), parse_doi(text)
    if parsed:
        assert parse_arxiv_id(parsed[0]) == (parsed[0], None)
    if doi:
        assert parse_doi(doi) == doi


@given(st.text(st.characters()))
def test_clean_text_can_be_stored_and_has_single_blanks(text: str) -> None:
    clean = clean_text(text)
    assert clean == " ".join(clean.split())
    assert clean.encode().decode() == clean
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in clean)


def test_clean_text_keeps_what_can_be_read() -> None:
    assert clean_text("a \u202eb\u202c \u2067c\u200bd\ufeff \u0645\u200c\u0646") == "a b cd \u0645\u200c\u0646"
    assert clean_text("  a\x00b\n\tc\ud800 \u00a0 \u2028 é中 ") == "ab c é中"
