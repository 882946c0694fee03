"""The usual ranker orders by the cosine to a centroid and by nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from digest.embeddings import lexical
from digest.embeddings.encoder import LEXICAL
from digest.embeddings.vectors import paper_text
from digest.ranking.scoring import Floats
from digest.tables import Paper, Profile
from digest.workshop import Workshop

Papers = dict[str, list[Paper]]
Open = Callable[..., Any]


def line_up(scores: Floats, expected: Floats) -> None:
    """The one is a rising linear function of the other."""
    slope, offset = np.polyfit(expected, scores, 1)
    assert slope > 0
    np.testing.assert_allclose(scores, slope * expected + offset, atol=1e-3)


def test_it_is_the_cosine_to_the_mean_of_likes_and_words(open_stall: Open, papers: Papers, profile: Profile) -> None:
    stall = open_stall(liked=papers["robot"][:3], disliked=papers["galaxy"][:3])
    liked = stall.examples.view.vectors[stall.examples.liked[profile.id]]
    centroid = (liked.sum(axis=0) + stall.brief.texts[profile.id]) / 4
    line_up(stall.relevance("cosine"), stall.library.view.vectors @ (centroid / np.linalg.norm(centroid)))
    queries = stall.ask("cosine")
    assert queries.lift.nnz == 0
    assert not queries.company.any()


def test_what_is_disliked_changes_nothing(open_stall: Open, papers: Papers) -> None:
    before = open_stall(liked=papers["robot"][:1])
    after = open_stall(disliked=papers["robot"][1:3])
    line_up(after.relevance("cosine"), before.relevance("cosine"))
    with pytest.raises(AssertionError):
        line_up(after.relevance("standard"), before.relevance("standard"))


def test_by_words_alone_it_is_the_words_that_its_likes_have_more_often_than_the_store(
    shop: Workshop, open_stall: Open, papers: Papers, profile: Profile
) -> None:
    shop.encoder_name = LEXICAL
    with shop.database.session() as session:
        session.get_one(Profile, profile.id).text = ""
        profile.text = ""
    stall = open_stall(liked=papers["robot"][:3])
    texts = [paper_text(paper) for paper in papers["robot"][:3]]
    share = sparse.csr_matrix(lexical.presence(lexical.count_terms(texts)).mean(axis=0), dtype=np.float32)
    lift = lexical.lift(share, stall.library.crowd.counts, stall.library.crowd.size)
    line_up(stall.relevance("cosine"), (stall.library.view.saturated @ lift.T).toarray().ravel())


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_a_profile_that_likes_nothing_matches_nothing(
    shop: Workshop, open_stall: Open, papers: Papers, profile: Profile, encoder: str
) -> None:
    shop.encoder_name = encoder
    with shop.database.session() as session:
        session.get_one(Profile, profile.id).text = ""
        profile.text = ""
    np.testing.assert_allclose(open_stall(disliked=papers["robot"][:3]).relevance("cosine"), 0, atol=1e-6)
