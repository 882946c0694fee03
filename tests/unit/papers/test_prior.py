"""The prior before any vote: what it learns, its bounds, and that it knows nobody's name."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigurationError, InvalidRequest
from digest.papers import prior
from digest.papers.prior import Past, Prior, Work
from digest.papers.trending import growth

HOT, COLD = "Scaling language models further. We train agents.", "A note on lattice paths. We count paths."


def make_past(count: int = 400) -> Past:
    """Papers on two topics by two authors: the hot topic has four times the votes, and so has Ada."""
    works, votes = [], []
    for number in range(count):
        hot, ada = number % 2 == 0, number % 4 < 2
        works.append(Work(f"{HOT if hot else COLD} Number {number}.", ["Ada  Able" if ada else "Bo Best"], 1))
        votes.append(5.0 * (4 if hot else 1) * (4 if ada else 1))
    days = [date(2026, 1, 1) + timedelta(days=number // 10) for number in range(count)]
    return Past(works, days, np.array(votes), np.full(count, 90.0))


@pytest.fixture(scope="module")
def fitted() -> Prior:
    return prior.fit(make_past(), {"from": "a test"})


def foresee(made: Prior, text: str, *authors: str) -> float:
    return float(made.predict([Work(text, authors, len(authors))])[0])


def test_text_and_authors_both_count(fitted: Prior) -> None:
    assert foresee(fitted, HOT, "Bo Best") > 1.5 * foresee(fitted, COLD, "Bo Best")
    assert foresee(fitted, HOT, "ada able") > 1.5 * foresee(fitted, HOT, "Bo Best")
    assert foresee(fitted, HOT, "Ada Able") == foresee(fitted, HOT, "ADA ABLE")


def test_one_may_ignore_who_wrote_a_paper(fitted: Prior) -> None:
    made = fitted.without_authors()
    assert foresee(made, HOT, "Ada Able") == foresee(made, HOT, "Bo Best", *["Cy Case"] * 90) > foresee(made, COLD)


def test_it_is_a_mean_in_times_the_usual(fitted: Prior) -> None:
    past = make_past()
    for made in (fitted, fitted.without_authors()):
        foreseen = float((made.predict(past.works) * past.expected()).sum())
        assert foreseen == pytest.approx(past.votes.sum(), rel=0.15)  # it is clipped


def test_what_is_usual_is_that_of_the_four_weeks_of_the_listing() -> None:
    works, hours = [Work("", [], 0)] * 4000, np.full(4000, 90.0)
    days = [date(2026, 1, 1)] * 2000 + [date(2026, 7, 1)] * 2000
    usual = Past(works, days, np.repeat([10.0, 90.0], 2000), hours).expected()
    assert usual[[0, -1]] == pytest.approx([10, 90], rel=0.05)
    assert usual[0] < 100 * growth(90.0)


def test_it_survives_being_written_down(fitted: Prior) -> None:
    again = Prior.from_json(fitted.to_json())
    assert again.about == fitted.about
    assert again.about | {"from": "a test", "papers": 400, "first_day": "2026-01-01"} == again.about
    works = make_past(8).works
    for made, other in ((fitted, again), (fitted.without_authors(), again.without_authors())):
        np.testing.assert_allclose(made.predict(works), other.predict(works), rtol=1e-5)


def test_nothing_is_kept_but_coefficients_and_where_they_are_from(fitted: Prior) -> None:
    told = json.loads(fitted.to_json())
    assert set(told) == {"about", "whole", "text"}
    assert set(told["about"]) == {"papers", "first_day", "last_day", "penalty", "from"}
    assert set(told["whole"]) == set(told["text"]) == {"intercept", "weights"}


def broken(**changes: Any) -> str:
    told = json.loads(prior.shipped().to_json())
    return json.dumps(told | changes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", broken(whole=None), broken(text={"intercept": 0, "weights": "AAAA"}), broken(about=7)]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="fit it anew"):
        Prior.from_json(text)


def test_too_few_papers_teach_nothing() -> None:
    with pytest.raises(InvalidRequest, match="needs 300 papers whose votes were counted; there are 20"):
        prior.fit(make_past(20), {})


@given(works=st.lists(st.builds(Work, st.text(), st.lists(st.text(), max_size=60), st.integers(-5, 10**6)), max_size=4))
def test_whatever_a_paper_says_the_prior_stays_within_its_bounds(works: list[Work]) -> None:
    for made in (prior.shipped(), prior.shipped().without_authors()):
        foreseen = made.predict(works)
        assert len(foreseen) == len(works)
        assert np.all((foreseen >= 1 / 3) & (foreseen <= 3))


def test_a_paper_is_foreseen_alike_alone_and_among_others() -> None:
    works = make_past(6).works
    together = prior.shipped().predict(works)
    assert [float(prior.shipped().predict([work])[0]) for work in works] == pytest.approx(together.tolist())


def test_the_one_in_the_package_says_on_what_it_was_fitted() -> None:
    about = prior.shipped().about
    assert about["papers"] > 10_000
    assert (about["first_day"], about["last_day"], about["from"]) == ("2024-05-27", "2026-04-24", "hf_papers.jsonl.gz")
    assert foresee(prior.shipped(), "Scaling large language model agents with reinforcement learning.") > foresee(
        prior.shipped(), "A note on lattice paths in bounded partially ordered sets."
    )
