"""How signals are weighed before anything is learnt, and what learning makes of readers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking import fusion
from digest.ranking.fusion import OF_ABSTRACTS, OF_TITLES, SIGNALS, Fusion
from digest.ranking.scoring import Floats
from digest.ranking.tastes import Ints

COUNT = len(SIGNALS)
EVEN = np.full(COUNT, 1 / COUNT, np.float32)


def rehearse(
    readers: int, true: int | None, seed: int = 1, papers: int = 300, hidden: int = 5
) -> tuple[Floats, list[Ints]]:
    """Signals of chance, of which the true one, if any, is higher for the hidden papers; in units of its own."""
    random = np.random.default_rng(seed)
    signals = random.normal(size=(readers, papers, COUNT))
    gone = [np.sort(random.choice(papers, hidden, replace=False)) for _ in range(readers)]
    for row, theirs in enumerate(gone):
        if true is not None:
            signals[row, theirs, true] += 3
    units = np.array([0.1, 7.0, 1.0, 30.0])[:COUNT]
    return (signals * units + 5).astype(np.float32), gone


@pytest.mark.parametrize("true", range(COUNT))
def test_the_only_signal_that_tells_the_hidden_papers_is_found(true: int) -> None:
    weights = fusion.learn(*rehearse(200, true), EVEN)
    assert weights[true] > 0.75
    assert weights.argmax() == true


def test_where_no_signal_tells_anything_the_prior_stays() -> None:
    prior = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    assert fusion.learn(*rehearse(200, None), prior).tolist() == pytest.approx(prior.tolist())


@given(
    readers=st.integers(1, 12),
    papers=st.integers(2, 90),
    seed=st.integers(0, 2**32 - 1),
    prior=st.lists(st.floats(0, 1, width=16), min_size=COUNT, max_size=COUNT).filter(lambda w: sum(w) > 0.01),
)
@settings(deadline=None, max_examples=40)
def test_weights_are_never_negative_and_sum_to_one(readers: int, papers: int, seed: int, prior: list[float]) -> None:
    signals, hidden = rehearse(readers, None, seed, papers, hidden=1 + seed % min(papers, 5))
    signals[:, :, seed % COUNT] *= -1
    weights = fusion.learn(signals, hidden, np.array(prior, np.float32))
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-5)


def test_a_signal_that_misleads_gets_nothing() -> None:
    signals, hidden = rehearse(200, 1)
    for row, theirs in enumerate(hidden):
        signals[row, theirs, 2] -= 3
    assert fusion.learn(signals, hidden, EVEN)[2] == 0


def test_the_fewer_readers_the_closer_to_the_prior() -> None:
    prior = np.array([0.7, 0.1, 0.1, 0.1], np.float32)
    away = [np.abs(fusion.learn(*rehearse(readers, 1), prior) - prior).sum() for readers in (2, 20, 2_000)]
    assert away[0] < away[1] < away[2]


def test_what_is_learnt_depends_on_nothing_but_what_is_given() -> None:
    signals, hidden = rehearse(30, 0)
    first, again = fusion.learn(signals, hidden, EVEN), fusion.learn(signals.copy(), hidden, EVEN.copy())
    assert first.tolist() == again.tolist()
    order = np.random.default_rng(3).permutation(30)
    shuffled = fusion.learn(signals[order], [hidden[row] for row in order], EVEN)
    np.testing.assert_allclose(shuffled, first, atol=1e-3)


def test_the_units_of_a_signal_do_not_matter() -> None:
    signals, hidden = rehearse(50, 3)
    scaled = signals * np.array([100, 0.1, 3, 7], np.float32) - 2
    np.testing.assert_allclose(
        fusion.learn(scaled, hidden, EVEN), fusion.learn(signals, hidden, EVEN), rtol=0, atol=5e-3
    )


def test_a_signal_that_is_silent_is_no_obstacle() -> None:
    signals, hidden = rehearse(100, 1)
    signals[:, :, 3] = 0
    weights = fusion.learn(signals, hidden, EVEN)
    assert np.isfinite(weights).all()
    assert weights.argmax() == 1


@pytest.mark.parametrize(
    ("length", "expected"), [(0, OF_TITLES), (20, OF_TITLES), (200, OF_ABSTRACTS), (900, OF_ABSTRACTS)]
)
def test_the_usual_weights_go_by_the_length_of_texts(length: float, expected: Floats) -> None:
    found = fusion.usual(length)
    np.testing.assert_allclose([found.few, found.many], expected, atol=1e-6)


def test_half_way_between_titles_and_abstracts_weights_are_half_way_on_a_logarithmic_scale() -> None:
    found = fusion.usual(np.sqrt(20.0 * 200.0))
    np.testing.assert_allclose([found.few, found.many], (OF_TITLES + OF_ABSTRACTS) / 2, atol=1e-6)


def test_weights_pass_from_few_likes_to_many_and_words_count_as_one() -> None:
    weighed = Fusion(np.array([1, 0, 0, 0], np.float32), np.array([0, 1, 0, 0], np.float32)).weigh(
        np.array([0, 1, 2, 3, 5, 10, 500])
    )
    np.testing.assert_allclose(weighed.sum(axis=1), 1, atol=1e-6)
    assert (np.diff(weighed[:, 1]) >= 0).all()
    assert weighed[:, 1].tolist() == pytest.approx([0, 0, 0, np.log(1.5) / np.log(5), np.log(2.5) / np.log(5), 1, 1])
