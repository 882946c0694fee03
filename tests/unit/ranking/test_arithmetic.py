"""The parts of a relevance add up to it, whatever a profile says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.embeddings import lexical
from digest.embeddings.encoder import unit
from digest.ranking import scoring
from digest.ranking.arithmetic import Likeness, Workings, take_apart
from digest.ranking.fusion import SIGNALS, usual
from digest.ranking.scoring import Evidence, Floats, View

VOCABULARY = [f"term{n}" for n in range(60)]
PROFILES = 3


def draw_view(chance: np.random.Generator, count: int) -> View:
    vectors = unit(chance.normal(0.3, 1, (count, 8)).astype(np.float32))
    tastes = unit(chance.normal(size=(count, 3)).astype(np.float32)) * (chance.random((count, 1)) > 0.3)
    counts = lexical.count_terms([" ".join(chance.choice(VOCABULARY, 12)) for _ in range(count)])
    return View(vectors, tastes.astype(np.float32), lexical.saturate(counts, 20))


def draw_workings(seed: int, crowd: int, pieces: int) -> tuple[Workings, View]:
    chance = np.random.default_rng(seed)
    said = draw_view(chance, pieces)
    silent = chance.random(pieces) > 0.7
    evidence = Evidence(
        vectors=said.vectors,
        tastes=said.tastes,
        lift=lexical.scale_rows(lexical.presence(said.saturated).multiply(~silent[:, None])),
        owner=np.sort(chance.integers(0, PROFILES, pieces)),
        likes=chance.integers(0, 12, pieces),
        sign=chance.choice([1, -1], pieces),
    )
    own = chance.random((PROFILES, crowd)) > 0.8
    contrast = unit(chance.normal(size=said.vectors.shape).astype(np.float32))
    return Workings(evidence, contrast, draw_view(chance, crowd), own, usual(chance.choice([20, 60, 200]))), draw_view(
        chance, 1
    )


def relevance(workings: Workings, paper: View) -> Floats:
    queries, _ = scoring.fold(workings.evidence, workings.contrast, workings.crowd, workings.own, workings.fusion)
    return queries.relevance(paper)[:, 0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_the_parts_add_up_to_the_relevance(seed: int, crowd: int, pieces: int) -> None:
    workings, paper = draw_workings(seed, crowd, pieces)
    found = take_apart(workings, paper)
    assert [likeness.value for likeness in found] == pytest.approx(relevance(workings, paper).tolist(), abs=1e-4)
    assert sum(len(likeness.pieces) for likeness in found) == pieces
    for likeness in found:
        check_columns(likeness)


def check_columns(likeness: Likeness) -> None:
    """Each column follows from those before it, and the shares are those of `scoring`."""
    for piece in likeness.pieces:
        assert tuple(part.signal for part in piece.parts) == SIGNALS
        for part in piece.parts:
            assert part.z * part.deviation == pytest.approx(part.value - part.mean, abs=1e-6)
            assert part.product == pytest.approx(piece.share * part.weight * part.z, abs=1e-6)
    wanted = [piece.share for piece in likeness.pieces if piece.kind in ("words", "likes")]
    unwanted = [piece.share for piece in likeness.pieces if piece.kind in ("dislikes", "against")]
    assert sum(wanted) == pytest.approx(1 if wanted else 0, abs=1e-5)
    assert sum(unwanted) == pytest.approx(-scoring.DISLIKE if unwanted else 0, abs=1e-5)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_the_terms_add_up_to_what_lift_adds(seed: int) -> None:
    workings, paper = draw_workings(seed, 100, 6)
    for likeness in take_apart(workings, paper):
        lifts = [(piece, part) for piece in likeness.pieces for part in piece.parts if part.signal == "lift"]
        added = sum(piece.share * part.weight * part.value / part.deviation for piece, part in lifts) / likeness.scale
        assert sum(likeness.lift.values()) == pytest.approx(added, abs=1e-5)
        assert likeness.lift.keys() <= set(paper.saturated.indices.tolist())


@pytest.mark.parametrize(
    ("likes", "sign", "kind"), [(0, 1, "words"), (3, 1, "likes"), (3, -1, "dislikes"), (0, -1, "against")]
)
def test_each_piece_has_its_name(likes: int, sign: int, kind: str) -> None:
    workings, paper = draw_workings(1, 50, 1)
    workings.evidence.likes[:], workings.evidence.sign[:], workings.evidence.owner[:] = likes, sign, 0
    piece = take_apart(workings, paper)[0].pieces[0]
    assert (piece.kind, piece.papers) == (kind, likes)
