"""The arXiv's categories, as people type them."""

import pytest

from digest.errors import InvalidRequest
from digest.papers.categories import CATEGORIES, parse_category


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cs.LG", "cs.LG"),
        (" CS.lg ", "cs.LG"),
        ("MATH-PH", "math-ph"),
        ("cs", "cs"),
        ("Cond-Mat.Str-EL", "cond-mat.str-el"),
        ("physics.Med-Ph", "physics.med-ph"),
    ],
)
def test_a_category_is_spelled_as_the_arxiv_does(text: str, expected: str) -> None:
    assert parse_category(text) == expected


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_category_is_recognised_whatever_its_case(category: str) -> None:
    assert parse_category(category.upper()) == category


def test_all_categories_of_the_arxiv_are_there() -> None:
    """155 categories, and the eleven archives that are divided."""
    assert len(CATEGORIES) == 155 + 11


@pytest.mark.parametrize(("text", "near"), [("cs.LQ", "cs.LG"), ("hep-tn", "hep-th"), ("stat.MLL", "stat.ML")])
def test_a_typing_error_is_answered_with_what_may_have_been_meant(text: str, near: str) -> None:
    with pytest.raises(InvalidRequest, match=near.replace(".", r"\.")):
        parse_category(text)


@pytest.mark.parametrize("text", ["", "cs.", "machine learning", "cs.LG,cs.CL"])
def test_what_is_no_category_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no arXiv category"):
        parse_category(text)
