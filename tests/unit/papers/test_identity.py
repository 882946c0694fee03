"""When two records are one work."""

import pytest
from factories import make_record
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.identity import identifiers, title_key

AUTHORS = ("Ada Lovelace", "Charles Babbage")
WORDS = st.lists(st.text("abcxyzäéñ0", min_size=1, max_size=8), min_size=1, max_size=6)
GAPS = st.sampled_from([" ", "  ", "-", ": ", " – ", "\n", "/"])


def test_a_record_is_known_under_its_ids_and_last_under_its_title() -> None:
    record = make_record(ids={"doi": "10.1234/x", "arxiv": "2605.00001", "openreview": ""})
    *named, (scheme, _key) = identifiers(record)
    assert named == [("arxiv", "2605.00001"), ("doi", "10.1234/x")]
    assert scheme == "title"


@pytest.mark.parametrize(
    ("title", "authors"),
    [
        ("attention is ALL you need", AUTHORS),
        ("  Attention\n is all you need. ", AUTHORS),
        ("Attention is all-you-need!", AUTHORS),
        ("Atténtion is all you need", AUTHORS),
        ("$Attention$ is \\emph{all} {You} need", AUTHORS),
        ("Attention is all you need", ("Lovelace, Ada",)),
        ("Attention is all you need", ("A. K. LOVELACE", "Somebody Else")),
    ],
)
def test_spelling_makes_no_difference(title: str, authors: tuple[str, ...]) -> None:
    assert title_key(title, authors) == title_key("Attention is all you need", AUTHORS)


@pytest.mark.parametrize(
    ("title", "authors"),
    [
        ("Attention is not all you need", AUTHORS),
        ("Attention is all you need 2", AUTHORS),
        ("Attention is all you need", ("Charles Babbage", "Ada Lovelace")),
        ("Attention is all you need", ()),
    ],
)
def test_another_title_or_first_author_is_another_work(title: str, authors: tuple[str, ...]) -> None:
    assert title_key(title, authors) != title_key("Attention is all you need", AUTHORS)


def test_titles_that_differ_in_a_symbol_are_two_works() -> None:
    authors = ("LHCb collaboration",)
    baryon = title_key(r"Measurement of the $\Lambda_b^0$ lifetime", authors)
    assert baryon != title_key(r"Measurement of the $\Xi_b^0$ lifetime", authors)


@pytest.mark.parametrize(
    "title", [r"Schr\"odinger bridges", r"Schr\"{o}dinger bridges", r"Schr{\"o}dinger bridges", "Schrödinger~bridges"]
)
def test_latex_for_letters_and_blanks_makes_no_difference(title: str) -> None:
    assert title_key(title, AUTHORS) == title_key("Schrödinger bridges", AUTHORS)


@given(words=WORDS, gaps=st.lists(GAPS, min_size=6, max_size=6))
def test_gaps_and_case_never_make_another_work(words: list[str], gaps: list[str]) -> None:
    spelled = "".join(word + gap for word, gap in zip(words, gaps, strict=False))
    assert title_key(spelled.upper(), AUTHORS) == title_key(" ".join(words), AUTHORS)


@given(one=WORDS, other=WORDS)
def test_other_words_always_make_another_work(one: list[str], other: list[str]) -> None:
    plain = [" ".join(words).translate(str.maketrans("äéñ", "aen")) for words in (one, other)]
    same = title_key(plain[0], AUTHORS) == title_key(plain[1], AUTHORS)
    assert same == (plain[0] == plain[1])
