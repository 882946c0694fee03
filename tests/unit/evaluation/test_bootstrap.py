"""Intervals: where they lie, how wide they are, that they are the same each time, and what pairing is worth."""

import numpy as np
import pytest

from digest.evaluation.bootstrap import interval, paired, ratio

VALUES = np.random.default_rng(1).normal(0.3, 0.2, 400)


def test_the_interval_is_about_two_standard_errors_wide_on_either_side() -> None:
    found = interval(VALUES)
    error = VALUES.std() / np.sqrt(len(VALUES))
    assert found.mean == pytest.approx(VALUES.mean())
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.2 * error)


def test_it_is_the_same_each_time() -> None:
    assert interval(VALUES) == interval(VALUES)


def test_users_who_all_agree_leave_no_doubt() -> None:
    found = interval(np.full(5, 0.25))
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_pairing_tells_apart_what_intervals_side_by_side_do_not() -> None:
    theirs = VALUES - 0.01 + np.random.default_rng(2).normal(0, 0.02, 400)
    lead = paired(VALUES, theirs)
    assert interval(VALUES).low < interval(theirs).high
    assert 0 < lead.low < 0.01 < lead.high
    assert paired(theirs, VALUES).mean == pytest.approx(-lead.mean)


def test_a_ratio_is_of_the_sums_and_its_doubt_is_about_users() -> None:
    parts, wholes = np.array([9, 0, 3]), np.array([10, 0, 5])
    found = ratio(parts, wholes)
    assert found.mean == pytest.approx(12 / 15)
    assert 0 <= found.low < found.mean < found.high <= 0.9
    same = ratio(np.full(50, 2), np.full(50, 4))
    assert (same.mean, same.low, same.high) == (0.5, 0.5, 0.5)
    assert ratio(np.zeros(3, np.int64), np.zeros(3, np.int64)).mean == 0
