"""Words, pairs and weights of the lexical view, against calculations by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.embeddings import lexical


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("models", "model"),
        ("studies", "study"),
        ("lies", "lie"),
        ("gas", "gas"),
        ("class", "class"),
        ("corpus", "corpus"),
        ("analysis", "analysis"),
        ("bias", "bias"),
        ("bus", "bus"),
        ("quantisation", "quantization"),
        ("optimises", "optimize"),
        ("noise", "noise"),
        ("model", "model"),
        ("", ""),
    ],
)
def test_a_stem_is_a_word_without_its_plural(word: str, stem: str) -> None:
    assert lexical.stem(word) == stem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("State-space Models", ["state", "space", "model"]),
        ("Gödel’s naïve café", ["godel", "s", "naive", "cafe"]),
        ("GPT-4, C++ & x_y!", ["gpt", "4", "c", "x", "y"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        (" -- ", []),
        ("", []),
    ],
)
def test_words_are_folded_and_stemmed_in_order(text: str, words: list[str]) -> None:
    assert lexical.words(text) == words


def test_terms_are_stems_and_pairs_of_neighbours() -> None:
    assert lexical.terms("Deep neural nets") == ["deep", "neural", "net", "deep neural", "neural net"]
    assert lexical.terms("one") == ["one"]
    assert lexical.terms("") == []


def test_content_terms_hold_no_stop_word_and_no_single_letter() -> None:
    assert lexical.content_terms("The role of x in deep nets") == ["role", "deep", "net", "deep net"]


def test_counts_stand_in_the_columns_that_terms_are_hashed_to() -> None:
    counts = lexical.count_terms(["graph graphs theory", "theory"])
    columns = lexical.hash_terms(["graph", "theory", "graph graph", "graph theory", "absent"])
    assert counts.shape == (2, lexical.TERMS)
    assert counts[:, [*columns.values()]].toarray().tolist() == [[2, 1, 1, 1, 0], [0, 1, 0, 0, 0]]
    assert counts.sum() == 6


def test_no_texts_have_no_rows() -> None:
    assert lexical.count_terms([]).shape == (0, lexical.TERMS)


def test_paper_counts_are_of_papers_not_of_occurrences() -> None:
    counts = lexical.paper_counts(lexical.count_terms(["graph graph", "graph", "tree"]))
    columns = lexical.hash_terms(["graph", "tree"])
    assert (counts.shape, counts.dtype) == ((lexical.TERMS,), np.uint32)
    assert [counts[columns["graph"]], counts[columns["tree"]]] == [2, 1]


def test_pairs_have_columns_of_their_own_after_those_of_stems() -> None:
    columns = lexical.hash_terms(["graph", "theory", "graph theory", "deep graph"])
    assert [column < lexical.STEMS for column in columns.values()] == [True, True, False, False]
    assert max(columns.values()) < lexical.TERMS == lexical.STEMS + lexical.PAIRS


def test_presence_is_one_however_often_and_leaves_the_counts_alone() -> None:
    counts = lexical.count_terms(["graph graph tree"], str.split)
    assert lexical.presence(counts).data.tolist() == [1, 1]
    assert sorted(counts.data.tolist()) == [1, 2]


def test_saturation_is_bm25_by_hand_calculation() -> None:
    counts = lexical.count_terms(["graph graph graph tree", "tree"], str.split)
    columns = lexical.hash_terms(["graph", "tree"])
    saturated = lexical.saturate(counts, mean_length=2.0)[:, [*columns.values()]].toarray()
    long, short = (1.2 * (1 - lexical.B + lexical.B * length / 2) for length in (2, 1))  # in different terms
    assert saturated[0].tolist() == pytest.approx([3 * 2.2 / (3 + long), 2.2 / (1 + long)])
    assert saturated[1].tolist() == pytest.approx([0, 2.2 / (1 + short)])


def test_lift_prefers_terms_that_the_profile_has_more_often_than_the_store() -> None:
    share = lexical.count_terms(["graph tree"], str.split)
    columns = lexical.hash_terms(["graph", "tree"])
    share.data[share.indices == columns["tree"]] = 0.5
    counts = np.zeros(lexical.TERMS, np.uint32)
    counts[columns["tree"]] = 50
    row = lexical.lift(share, counts, 100)[0, [*columns.values()]].toarray().ravel()
    raw = np.array([math.log1p(0.1 * 1 / 0.01), math.sqrt(0.5) * math.log1p(0.1 * 0.5 / 0.5)])
    assert row.tolist() == pytest.approx((raw / np.linalg.norm(raw)).tolist(), rel=1e-5)


def test_a_pair_lifts_half_as_much_as_a_stem() -> None:
    share = lexical.count_terms(["graph theory"])
    columns = lexical.hash_terms(["graph", "graph theory"])
    counts = np.zeros(lexical.TERMS, np.uint32)
    counts[[*columns.values()]] = 7
    stem, pair = lexical.lift(share, counts, 100)[0, [*columns.values()]].toarray().ravel()
    assert pair == pytest.approx(stem / 2)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_rows_have_length_one_and_empty_ones_stay_empty(texts: list[str]) -> None:
    counts = lexical.count_terms(texts)
    rows = lexical.lift(lexical.presence(counts), lexical.paper_counts(counts), len(texts))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    assert rows.shape == (len(texts), lexical.TERMS)
    assert lengths == pytest.approx([1.0 if lexical.words(text) else 0.0 for text in texts], abs=1e-5)


@given(st.lists(st.text("abc ", max_size=20), max_size=5), st.lists(st.text("abc ", max_size=20), max_size=5))
def test_an_overlap_is_the_inner_product_over_all_terms(asked: list[str], texts: list[str]) -> None:
    left, right = lexical.count_terms(asked), lexical.count_terms(texts)
    found = lexical.overlap(left, right)
    assert (found.shape, found.dtype) == ((len(asked), len(texts)), np.float32)
    np.testing.assert_allclose(found, (left @ right.T).toarray(), rtol=1e-5)


def test_terms_that_many_and_that_few_texts_have_are_both_in_an_overlap() -> None:
    texts = lexical.count_terms([f"common rare{n}" for n in range(100)], str.split)
    asked = lexical.count_terms(["common rare7", "rare7", "absent"], str.split)
    found = lexical.overlap(asked, texts)
    assert (found[0, 7], found[0, 8], found[1, 7], found[1, 8]) == (2, 1, 1, 0)
    assert (found[0].sum(), found[1].sum(), found[2].sum()) == (101, 1, 0)
