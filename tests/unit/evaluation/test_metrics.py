"""The metrics against lists worked out by hand, and what holds for every list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.evaluation import metrics

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=60)


def ranks_of(*ranks: int) -> metrics.Ints:
    return np.array(ranks, np.int64)


def test_a_list_worked_out_by_hand() -> None:
    found = {name: float(values[0]) for name, values in metrics.measure([ranks_of(2, 5, 30)]).items()}
    best = 1 + 1 / np.log2(3) + 1 / 2
    gain = 1 / np.log2(3) + 1 / np.log2(6)
    expected = {"recall@20": 2 / 3, "recall@100": 1, "nDCG@10": gain / best, "nDCG@20": gain / best, "MRR": 1 / 2}
    assert found == pytest.approx(expected)


def test_the_depth_belongs_to_the_list() -> None:
    assert metrics.recall(ranks_of(20, 21), 20) == 0.5
    assert metrics.ndcg(ranks_of(11), 10) == 0
    assert metrics.ndcg(ranks_of(10), 10) > 0


def test_the_best_list_is_cut_at_the_number_of_relevant_papers_and_at_the_depth() -> None:
    assert metrics.ndcg(ranks_of(1), 20) == 1
    assert metrics.ndcg(np.arange(1, 31), 20) == pytest.approx(1)
    assert metrics.ndcg(np.arange(1, 11), 20) == pytest.approx(1)


@given(st.integers(1, 15))
def test_a_perfect_list_is_one_in_every_metric(count: int) -> None:
    scores = np.arange(40, 0, -1).astype(np.float32)
    measured = metrics.measure([metrics.find_ranks(scores, np.arange(count))])
    assert {name: pytest.approx(1) for name in measured} == {name: values[0] for name, values in measured.items()}


@given(SCORES, st.randoms(use_true_random=False), st.data())
def test_the_order_in_which_relevant_papers_are_named_does_not_matter(scores, random, data) -> None:
    relevant = data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, unique=True))
    other = random.sample(relevant, len(relevant))
    rows = np.array(scores, np.float32)
    assert (metrics.find_ranks(rows, np.array(relevant)) == metrics.find_ranks(rows, np.array(other))).all()


@given(st.lists(st.integers(-999, 999), min_size=2, max_size=60, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter_without_ties(scores, random) -> None:
    places = random.sample(range(len(scores)), len(scores))
    rows, relevant = np.array(scores, np.float32), np.array([0, 1])
    moved = np.array([places.index(place) for place in relevant])
    assert (metrics.find_ranks(rows, relevant) == metrics.find_ranks(rows[places], moved)).all()


@given(SCORES, st.data())
def test_ranks_are_those_of_a_stable_sort(scores, data) -> None:
    relevant = data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, unique=True))
    order = sorted(range(len(scores)), key=lambda column: -scores[column])
    expected = sorted(order.index(column) + 1 for column in relevant)
    assert metrics.find_ranks(np.array(scores, np.float32), np.array(relevant)).tolist() == expected


def test_what_was_never_found_has_no_rank() -> None:
    scores = np.array([-np.inf, 1, -np.inf], np.float32)
    ranks = metrics.find_ranks(scores, np.array([0, 1]))
    assert ranks.tolist() == [1, metrics.NEVER]
    assert metrics.recall(ranks, 100) == 0.5
    assert metrics.reciprocal_rank(ranks_of(metrics.NEVER)) < 1e-18


def test_a_score_that_is_no_number_is_an_error_and_not_the_best_of_all() -> None:
    with pytest.raises(ValueError, match="not a number"):
        metrics.find_ranks(np.array([1, np.nan], np.float32), np.array([1]))
