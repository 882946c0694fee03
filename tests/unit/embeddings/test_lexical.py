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


def test_rarity_is_the_smoothed_inverse_document_frequency() -> None:
    rarity = lexical.rarity(np.array([0, 1, 9], np.uint32), 9)
    assert rarity.tolist() == pytest.approx([math.log(10) + 1, math.log(5) + 1, 1.0])


def test_tfidf_weighs_by_hand_calculation_and_has_length_one() -> None:
    idf = np.ones(lexical.TERMS, np.float32)
    columns = lexical.hash_terms(["graph", "tree"])
    idf[columns["tree"]] = 3
    counts = lexical.count_terms(["graph tree graph"], str.split)
    row = lexical.tfidf(counts, idf)[0, [*columns.values()]].toarray().ravel()
    raw = np.array([1 + math.log(2), 3.0])
    assert row.tolist() == pytest.approx((raw / np.linalg.norm(raw)).tolist())
    assert counts[0, columns["graph"]] == 2  # the counts are not touched


def test_saturation_is_bm25_by_hand_calculation() -> None:
    counts = lexical.count_terms(["graph graph graph tree", "tree"], str.split)
    columns = lexical.hash_terms(["graph", "tree"])
    saturated = lexical.saturate(counts, mean_length=2.0)[:, [*columns.values()]].toarray()
    long, short = 1.2 * (0.25 + 0.75 * 2 / 2), 1.2 * (0.25 + 0.75 * 1 / 2)  # lengths in different terms
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


@given(st.lists(st.text(max_size=60), max_size=6))
def test_rows_have_length_one_and_empty_ones_stay_empty(texts: list[str]) -> None:
    counts = lexical.count_terms(texts)
    rows = lexical.tfidf(counts, lexical.rarity(lexical.paper_counts(counts), len(texts)))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    assert rows.shape == (len(texts), lexical.TERMS)
    assert lengths == pytest.approx([1.0 if lexical.words(text) else 0.0 for text in texts], abs=1e-5)
