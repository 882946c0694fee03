"""The arithmetic of scores: what a relevance means and what moves it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import sparse

from digest.embeddings import lexical
from digest.embeddings.encoder import unit
from digest.ranking import fusion, scoring
from digest.ranking.scoring import Evidence, Floats, Queries, Standing, View

VOCABULARY = [f"term{n}" for n in range(300)]
FUSION = fusion.usual(60.0)
relevances = arrays(np.float32, 8, elements=st.floats(-40, 40, width=32))
trends = arrays(np.float32, 8, elements=st.floats(0, 1, width=32))
balances = st.floats(0, 0.625, width=32)


def make_view(vectors: Floats, texts: list[str] | None = None, tastes: Floats | None = None) -> View:
    counts = lexical.count_terms(texts or [""] * len(vectors))
    saturated = lexical.saturate(counts, counts.sum() / len(vectors))
    return View(vectors, no_tastes(len(vectors)) if tastes is None else tastes, saturated)


def no_tastes(count: int) -> Floats:
    return np.empty((count, 0), np.float32)


def make_evidence(
    vectors: Floats, texts: list[str] | None = None, tastes: Floats | None = None, **columns: list[int]
) -> Evidence:
    """Words of one profile a row, unless `owner`, `likes` or `sign` say otherwise."""
    count = len(vectors)
    counts = lexical.count_terms(texts or [""] * count)
    given_columns: dict[str, Any] = {"owner": list(range(count)), "likes": [0] * count, "sign": [1] * count} | columns
    return Evidence(
        vectors=vectors,
        tastes=no_tastes(count) if tastes is None else tastes,
        lift=lexical.scale_rows(counts),
        **{name: np.array(values, np.int64) for name, values in given_columns.items()},
    )


def fold(evidence: Evidence, crowd: View, own: Any = None) -> tuple[Queries, Floats]:
    """Folded with the contrast of a crowd around nought."""
    profiles = int(evidence.owner.max()) + 1
    own = np.zeros((profiles, crowd.vectors.shape[0]), dtype=bool) if own is None else own
    return scoring.fold(evidence, unit(evidence.vectors), crowd, own, FUSION)


def random_view(count: int, dimension: int = 16, seed: int = 1, tastes: int = 0) -> View:
    random = np.random.default_rng(seed)
    vectors = unit((random.normal(size=(count, dimension)) + 0.3).astype(np.float32))
    texts = [" ".join(random.choice(VOCABULARY, 30)) for _ in range(count)]
    return make_view(vectors, texts, unit(random.normal(size=(count, tastes)).astype(np.float32)))


def axes(*rows: list[float], width: int = 16) -> Floats:
    """Unit rows whose first numbers are given."""
    return unit(np.array([row + [0.0] * (width - len(row)) for row in rows], np.float32))


def test_over_a_big_crowd_a_relevance_is_a_z_score() -> None:
    crowd = random_view(1000)
    text = " ".join(VOCABULARY[:25])
    evidence = make_evidence(
        axes([1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]),
        [text, "", text, "term7 term8", "term9"],
        owner=[0, 1, 2, 2, 2],
        likes=[0, 9, 0, 2, 1],
        sign=[1, 1, 1, 1, -1],
    )
    queries, sorted_crowd = fold(evidence, crowd)
    scores = queries.relevance(crowd)
    assert scores.mean(axis=1) == pytest.approx(0, abs=0.02)
    assert scores.std(axis=1) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(sorted_crowd, np.sort(scores, axis=1), atol=1e-3)


def by_hand(evidence: Evidence, contrast: Floats, papers: View, own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The relevance of papers to the only profile there is, step by step.

    The first of the papers are the crowd, and `own` (papers of the crowd,) names the profile's own. A signal that the
    whole crowd is silent in has no weight.
    """
    strangers = np.flatnonzero(~own)
    share = len(strangers) / (len(strangers) + 20)
    worths = np.where(evidence.likes == 0, scoring.WORDS_WORTH, evidence.likes)
    whole = np.zeros(len(papers.vectors))
    for row, sign in enumerate(evidence.sign):
        mean, taste = evidence.vectors[row], evidence.tastes[row]
        signals = [
            papers.vectors @ mean / np.linalg.norm(mean),
            papers.vectors @ contrast[row],
            (papers.saturated @ evidence.lift[row].T).toarray().ravel(),
            papers.tastes @ taste / (np.linalg.norm(taste) or 1),
        ]
        weights = FUSION.weigh(evidence.likes[[row]])[0] * [signal[: len(own)].any() for signal in signals]
        total = np.zeros(len(whole))
        for kind, signal in enumerate(signals):
            seen = signal[strangers]
            centre = share * seen.mean() + (1 - share) * scoring.USUAL_MEAN[kind]
            width = np.sqrt(share * seen.var() + (1 - share) * scoring.USUAL_DEVIATION[kind] ** 2)
            total += weights[kind] / weights.sum() * (signal - centre) / width
        width = np.sqrt(share * total[strangers].var() + (1 - share) * 0.8**2)
        alike = worths[evidence.sign == sign].sum()
        whole += (1 if sign > 0 else -0.2) * worths[row] / alike * total / width
    seen = whole[strangers]
    return (whole - share * seen.mean()) / np.sqrt(share * seen.var() + 1 - share)


def stack(first: View, second: View) -> View:
    return View(
        np.vstack([first.vectors, second.vectors]),
        np.vstack([first.tastes, second.tastes]),
        sparse.vstack([first.saturated, second.saturated], format="csr"),
    )


@pytest.mark.parametrize(("size", "known"), [(1, True), (15, True), (400, True), (400, False)])
def test_a_relevance_is_the_four_signals_added_by_hand(size: int, known: bool) -> None:
    """Words, likes and dislikes; words have no taste, and where nobody's is known no piece has one."""
    crowd, probe = random_view(size, tastes=5 * known), random_view(20, seed=2, tastes=5 * known)
    like, dislike = random_view(2, seed=3, tastes=5 * known).tastes * 0.7
    evidence = make_evidence(
        axes([1.0], [0.3, 1.0], [0.0, 0.0, 1.0]) * np.array([[1.0], [0.6], [0.9]], np.float32),
        ["term1 term2", "term3 term4 term5", "term6"],
        np.array([np.zeros(5 * known), like, dislike], np.float32),
        owner=[0, 0, 0],
        likes=[0, 6, 2],
        sign=[1, 1, -1],
    )
    contrast = axes([1.0, 0.2], [0.1, 1.0], [0.0, 0.0, 0.0, 1.0])
    own = np.arange(size) % 7 == 3
    queries, _ = scoring.fold(evidence, contrast, crowd, own[None], FUSION)
    expected = by_hand(evidence, contrast, stack(crowd, probe), own)[size:]
    np.testing.assert_allclose(queries.relevance(probe)[0], expected, atol=2e-4)
    assert queries.company.any() == known


def test_a_paper_in_good_company_gains_by_it() -> None:
    crowd = random_view(300, tastes=4)
    tastes = unit(np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0]], np.float32))
    papers = make_view(np.tile(axes([0.0, 1.0]), (3, 1)), tastes=tastes)
    queries, _ = fold(make_evidence(axes([1.0]), tastes=tastes[:1], likes=[10]), crowd)
    assert (np.diff(queries.relevance(papers)[0]) < -0.01).all()


def test_own_examples_are_left_out_of_the_calibration() -> None:
    strangers = random_view(60)
    evidence = make_evidence(axes([1.0], [0.0, 1.0]), ["term1 term2", "term3"], likes=[12, 0])
    own = np.zeros((2, 72), dtype=bool)
    own[:, 60:] = True
    examples = make_view(np.tile(axes([1.0, 0.1]), (12, 1)), ["term1 term2"] * 12)
    crowd = stack(strangers, examples)
    queries, sorted_crowd = fold(evidence, crowd, own)
    without, _ = fold(evidence, strangers)
    probe = random_view(20, seed=2)
    np.testing.assert_allclose(queries.relevance(probe), without.relevance(probe), atol=1e-4)
    assert np.isnan(sorted_crowd[:, 60:]).all()
    assert not np.isnan(sorted_crowd[:, :60]).any()


@pytest.mark.parametrize("likes", [0, 1, 5])
def test_more_cosine_never_lowers_relevance(likes: int) -> None:
    angles = np.linspace(0, np.pi, 50)
    papers = make_view(axes(*([float(np.cos(a)), float(np.sin(a))] for a in angles)))
    queries, _ = fold(make_evidence(axes([1.0]), likes=[likes]), random_view(200))
    assert (np.diff(queries.relevance(papers)[0]) < 0).all()


def test_more_shared_words_never_lower_relevance() -> None:
    vectors = np.tile(axes([1.0]), (5, 1))
    texts = [" ".join(["term1", "term2", "term3", "term4"][:n] + VOCABULARY[50 : 60 - n]) for n in range(5)]
    queries, _ = fold(make_evidence(axes([1.0]), ["term1 term2 term3 term4"]), random_view(200))
    assert (np.diff(queries.relevance(make_view(vectors, texts))[0]) > 0).all()


def test_likes_outgrow_words() -> None:
    crowd, papers = random_view(300), make_view(axes([1.0], [0.0, 1.0], [0.0, 0.0, 1.0]))
    ahead = []
    for likes in (1, 3, 9, 30):
        queries, _ = fold(make_evidence(axes([1.0], [0.0, 1.0]), owner=[0, 0], likes=[0, likes]), crowd)
        as_words, as_likes, neither = queries.relevance(papers)[0]
        ahead.append(as_likes - as_words)
        assert as_words > neither + 0.05
    assert (np.diff(ahead) > 0).all()


def test_a_dislike_lowers_papers_like_it() -> None:
    evidence = make_evidence(axes([1.0], [0.0, 1.0]), owner=[0, 0], likes=[3, 1], sign=[1, -1])
    papers = make_view(axes([1.0, 1.0], [1.0, 0.0, 1.0]))
    crowd = random_view(300)
    plain, _ = fold(make_evidence(axes([1.0]), likes=[3]), crowd)
    warned, _ = fold(evidence, crowd)
    assert np.ptp(plain.relevance(papers)[0]) == pytest.approx(0, abs=1e-4)
    disliked, other = warned.relevance(papers)[0]
    assert disliked < other - 0.1


@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.booleans())
@settings(deadline=None, max_examples=40)
def test_to_be_against_what_a_paper_is_never_raises_it(seed: int, likes: int, disliked_too: bool) -> None:
    crowd, strange = random_view(200), random_view(2, seed=seed)
    texts = [" ".join(np.random.default_rng(seed + n).choice(VOCABULARY, 12)) for n in range(3)]
    paper = make_view(strange.vectors[:1], texts[:1])
    pieces = [(strange.vectors[1], texts[1], likes, 1), (crowd.vectors[0], texts[2], 2, -1)][: 1 + disliked_too]
    against = (strange.vectors[0], texts[0], 0, -1)

    def relevance(*rows: tuple[Floats, str, int, int]) -> float:
        vectors, words, counts, signs = zip(*rows, strict=True)
        columns = {"owner": [0] * len(rows), "likes": [*counts], "sign": [*signs]}
        queries, _ = fold(make_evidence(np.array(vectors), [*words], **columns), crowd)
        return float(queries.relevance(paper)[0, 0])

    assert relevance(*pieces, against) <= relevance(*pieces) + 1e-4


def test_all_that_is_disliked_counts_the_same_however_it_is_said() -> None:
    twice = make_evidence(axes([1.0], [0.0, 1.0], [0.0, 1.0]), owner=[0, 0, 0], likes=[3, 3, 3], sign=[1, -1, -1])
    once = make_evidence(axes([1.0], [0.0, 1.0]), owner=[0, 0], likes=[3, 3], sign=[1, -1])
    crowd, probe = random_view(300), random_view(20, seed=2)
    expected = fold(once, crowd)[0].relevance(probe)
    np.testing.assert_allclose(fold(twice, crowd)[0].relevance(probe), expected, atol=1e-4)


@pytest.mark.parametrize("likes", [0, 5])
def test_to_be_far_from_what_is_disliked_is_no_match(likes: int) -> None:
    crowd = random_view(1000)
    queries, _ = fold(make_evidence(axes([1.0]), ["term1 term2"], likes=[likes], sign=[-1]), crowd)
    papers = make_view(axes([1.0], [-1.0]), ["term1 term2", "term9"])
    near, far = queries.relevance(papers)[0]
    assert near < 0 < far < scoring.FLOOR
    assert queries.relevance(crowd).max() < scoring.FLOOR


def test_by_words_alone_vectors_have_no_columns_and_words_decide() -> None:
    texts = ["graph theory", "graph cooking", "baking bread"]
    papers = make_view(np.empty((3, 0), np.float32), texts)
    evidence = make_evidence(np.empty((1, 0), np.float32), ["graph theory"])
    queries, _ = fold(evidence, papers)
    best, middle, worst = queries.relevance(papers)[0]
    assert best > middle > worst
    assert np.isfinite([best, middle, worst]).all()


def test_a_profile_without_evidence_finds_every_paper_usual() -> None:
    queries, crowd = scoring.fold(
        make_evidence(np.empty((0, 16), np.float32), []),
        np.empty((0, 16), np.float32),
        random_view(30),
        np.zeros((1, 30), dtype=bool),
        FUSION,
    )
    assert not queries.relevance(random_view(5, seed=3)).any()
    assert not crowd.any()


def test_profiles_do_not_touch_each_other() -> None:
    crowd, probe = random_view(100), random_view(10, seed=4)
    vectors, texts = axes([1.0], [0.0, 1.0], [0.0, 0.0, 1.0]), ["term1", "term2 term3", ""]
    both, _ = fold(make_evidence(vectors, texts, owner=[1, 0, 1], likes=[0, 4, 1], sign=[1, 1, -1]), crowd)
    alone, _ = fold(make_evidence(vectors[[1]], texts[1:2], likes=[4]), crowd)
    np.testing.assert_allclose(both.relevance(probe)[0], alone.relevance(probe)[0], atol=1e-4)


@given(relevance=relevances, trend=trends, balance=balances)
def test_a_score_lies_between_nought_and_one_and_rises_with_relevance_and_trend(
    relevance: Floats, trend: Floats, balance: float
) -> None:
    score = scoring.blend(relevance, trend, np.float32(balance))
    assert ((score >= 0) & (score <= 1 + 1e-6)).all()
    assert (scoring.blend(relevance + 1, trend, np.float32(balance)) >= score - 1e-6).all()
    assert (scoring.blend(relevance, np.minimum(trend + 0.1, 1), np.float32(balance)) >= score - 1e-6).all()


def test_a_score_rises_strictly_where_relevances_lie() -> None:
    relevance, trend = np.linspace(-3, 8, 100, dtype=np.float32), np.linspace(0, 1, 100, dtype=np.float32)
    assert (np.diff(scoring.blend(relevance, np.float32(0.5), np.float32(0.6))) > 0).all()
    assert (np.diff(scoring.blend(np.float32(1.0), trend, np.float32(0.3))) > 0).all()


def test_without_balance_the_order_is_that_of_relevance() -> None:
    random = np.random.default_rng(6)
    relevance = random.permutation(np.linspace(-3, 8, 100)).astype(np.float32)
    score = scoring.blend(relevance, random.random(100).astype(np.float32), np.float32(0))
    assert np.argsort(score).tolist() == np.argsort(relevance).tolist()
    assert scoring.blend(np.float32(2), np.float32(1), np.float32(0)) == pytest.approx(0.5)


@given(relevance=relevances, balance=balances)
def test_an_unknown_trend_is_the_usual_one(relevance: Floats, balance: float) -> None:
    unknown = scoring.blend(relevance, np.float32(np.nan), np.float32(balance))
    usual = scoring.blend(relevance, np.float32(scoring.UNKNOWN_TREND), np.float32(balance))
    assert unknown.tolist() == usual.tolist()


@pytest.mark.parametrize(
    ("relevance", "crowd", "further", "compared", "share"),
    [
        (2.5, [-1, 0, 1, 2, 3], 4, 5, 0.8),
        (1.0, [-1, 0, 1, 2], 2, 4, 0.5),
        (9.0, [-1, 0], 2, 2, 1.0),
        (-9.0, [-1, 0], 0, 2, 0.0),
        (0.5, [-1, 0, 1, 2, np.nan, np.nan], 2, 4, 0.5),
        (0.5, [np.nan], 0, 0, 0.0),
        (0.5, [], 0, 0, 0.0),
    ],
)
def test_a_paper_stands_before_those_of_the_crowd_that_lie_further_away(
    relevance: float, crowd: list[float], further: int, compared: int, share: float
) -> None:
    standing = scoring.stand(relevance, np.array(crowd, np.float32))
    assert (standing, standing.share) == (Standing(further, compared), share)


def test_the_inner_product_with_trend_is_the_blend_to_first_order() -> None:
    random = np.random.default_rng(7)
    vectors, tastes = (unit(random.normal(size=(6, width)).astype(np.float32)) for width in (4, 3))
    trend = np.array([0.1, 0.5, 0.9, np.nan, 0.0, 1.0], np.float32)
    direction, company = (random.normal(size=(2, width)).astype(np.float32) for width in (4, 3))
    balance, nothing = np.array([0.0, 0.6], np.float32), sparse.csr_matrix((2, lexical.TERMS), dtype=np.float32)
    queries = Queries(direction, company, nothing, np.zeros(2, np.float32))
    papers = make_view(vectors, tastes=tastes)
    products = scoring.with_balance(queries, balance) @ scoring.with_trend(papers, trend).T
    dense, known = queries.relevance(papers), np.where(np.isnan(trend), 0.5, trend)
    np.testing.assert_allclose(products[0], dense[0], atol=1e-6)
    np.testing.assert_allclose(products[1], dense[1] + 6 * known, atol=1e-5)
    around = (2 + 0.01 * dense[1]).astype(np.float64)
    exact = scoring.blend(around, 0.01 * known, 0.6).astype(np.float64)
    np.testing.assert_allclose(np.diff(exact), 0.01 * 0.4 / 4 * np.diff(products[1]), atol=1e-5)


def test_a_view_of_the_terms_asked_for_gives_the_same_relevance() -> None:
    chance = np.random.default_rng(5)
    vectors = chance.normal(size=(6, 4)).astype(np.float32)
    terms = sparse.random(6, 40, 0.3, format="csr", random_state=1).astype(np.float32)
    asked = np.array([3, 7, 20])
    picked = np.zeros((40, 40), np.float32)
    picked[asked, asked] = 1
    lift = sparse.csr_matrix(chance.random((1, 40)).astype(np.float32) @ picked)
    queries = Queries(vectors[:1], vectors[:1], lift, np.ones(1, np.float32))
    narrow = Queries(vectors[:1], vectors[:1], lift[:, asked], np.ones(1, np.float32))
    view = View(vectors, vectors, terms)
    np.testing.assert_allclose(narrow.relevance(view.columns(asked)), queries.relevance(view), rtol=1e-5)
