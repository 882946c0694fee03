"""The house's own ranker hears all that a profile says, in both views."""

from collections.abc import Callable
from typing import Any

import numpy as np

from digest.tables import Paper

Papers = dict[str, list[Paper]]


def test_words_likes_and_dislikes_all_count(open_stall: Callable[..., Any], papers: Papers) -> None:
    plain = open_stall().relevance("standard")
    liking = open_stall(liked=papers["robot"][:3])
    with_likes = liking.relevance("standard")
    with_both = open_stall(disliked=papers["robot"][3:5]).relevance("standard")
    robots = [
        row
        for row, paper in enumerate(liking.library.papers)
        if paper.id in {robot.id for robot in papers["robot"][5:]}
    ]
    assert len(robots) == 15
    assert (with_likes[robots] > plain[robots]).all()
    assert (with_both[robots] < with_likes[robots]).all()


def test_both_views_are_asked(open_stall: Callable[..., Any]) -> None:
    queries = open_stall().ask("standard")
    assert np.any(queries.direction)
    assert queries.lift.nnz
