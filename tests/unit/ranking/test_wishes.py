"""What a profile asks for by name: what it gains by it, what it may have, what it will not have today."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from digest.embeddings import lexical
from digest.embeddings.background import Crowd
from digest.ranking import wishes
from digest.ranking.candidates import Library
from digest.ranking.model import make_model
from digest.ranking.scoring import View
from digest.tables import Paper, Profile

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
TITLES = ["Graph neural networks", "On trees", "Graphs of trees", "Robots"]


def make_library(*titles: str, **fields: Any) -> Library:
    empty = sparse.csr_matrix((len(titles), lexical.TERMS), dtype=np.float32)
    nothing = np.empty((len(titles), 0), np.float32)
    view = View(nothing, nothing, empty)
    crowd = Crowd(len(titles), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.uint32))
    papers = [Paper(id=n, title=title, abstract="", **fields) for n, title in enumerate(titles, 1)]
    return Library(papers, [], view, view, [], make_model("", crowd))


def make_profile(**fields: Any) -> Profile:
    return Profile(id=1, subscriber_id=1, name="x", created_at=NOW, **fields)


def gained(has_likes: bool = False, **fields: Any) -> list[float]:
    library = make_library(*TITLES, authors=["Jörg Müller"])
    return wishes.bonuses(library, make_profile(**fields), has_likes=has_likes).tolist()


def test_keywords_and_authors_add_up_and_a_name_is_found_in_any_spelling() -> None:
    assert gained(keywords=["graph", "tree"]) == [2.0, 2.0, 4.0, 0.0]
    assert gained(keywords=["robot"], authors=["jorg MULLER", "Jörg Müller"]) == [2.5, 2.5, 2.5, 4.5]
    assert gained(authors=["Ada Muller"]) == [0.0] * 4


@pytest.mark.parametrize(
    "more", [{"text": "Sonnets"}, {"keywords": ["sonnet"]}, {"authors": ["Ann"]}, {"has_likes": True}]
)
def test_limits_are_a_wish_only_of_a_profile_that_says_nothing_else(more: dict[str, Any]) -> None:
    assert gained(required=["graph", "tree"]) == [2.0, 2.0, 4.0, 0.0]
    assert gained(categories=["cs"]) == [2.0] * 4
    assert gained(against="war", required=["robot"]) == [0.0, 0.0, 0.0, 2.0]
    assert gained(required=["graph"], categories=["cs"], **more) == [0.0] * 4


def test_one_of_the_required_phrases_is_enough() -> None:
    library = make_library(*TITLES)
    assert wishes.eligible(library, make_profile(required=["neural networks", "robot"])).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert wishes.eligible(library, make_profile()).all()
    assert not wishes.eligible(library, make_profile(required=["sonnet"])).any()


def test_a_paper_is_in_the_categories_unless_it_names_others() -> None:
    papers = [Paper(id=1, title="x", abstract="", categories=have) for have in (["cs.LG"], ["stat.ML"], [], ["csx.LG"])]
    assert wishes.in_categories(papers, make_profile(categories=["cs"])).tolist() == [True, False, True, False]
    assert wishes.in_categories(papers, make_profile()).all()


@given(st.integers(-400, 400), st.integers(0, 23), st.integers(-12, 14))
def test_what_is_muted_for_a_time_is_muted_to_the_end_of_its_last_day_in_utc(days: int, hour: int, zone: int) -> None:
    last = NOW.date() + timedelta(days=days)
    profile = make_profile(muted=["war", "peace"], muted_until={"war": last.isoformat()})
    moment = datetime(2026, 5, 6, hour, 59, tzinfo=UTC).astimezone(timezone(timedelta(hours=zone)))
    assert wishes.muted_at(profile, moment) == (["war", "peace"] if date(2026, 5, 6) <= last else ["peace"])
