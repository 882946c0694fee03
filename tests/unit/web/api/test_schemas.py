"""What cannot be meant is refused before it goes anywhere."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from digest.web.api import schemas

DAY: TypeAdapter[date] = TypeAdapter(schemas.Day)


@given(day=st.dates(date(1991, 1, 1), date(9000, 12, 31)))
def test_a_day_is_written_with_dashes(day: date) -> None:
    assert DAY.validate_python(day.isoformat()) == day


@pytest.mark.parametrize(
    "given",
    ["20260506", "1234567890", 5, None, "1990-12-31", "9999-12-31", "2026-02-30", "2026-05-06T00:00:00", "٢٠٢٦-٠٥-٠٦"],
)
def test_what_is_no_day_that_papers_could_be_of_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_python(given)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (schemas.InterestIn, {"name": "x", "weight": float("nan")}),
        (schemas.InterestIn, {"name": "x", "balance": 0.7}),
        (schemas.InterestIn, {"name": "x", "liked": ["two\nlines"]}),
        (schemas.InterestIn, {"name": "x", "liked": ["x"] * 51}),
        (schemas.InterestIn, {"name": "x", "text": "x" * 4001}),
        (schemas.InterestIn, {"name": "x", "colour": "red"}),
        (schemas.SubscriberIn, {"address": "ada@example.org", "weekdays": []}),
        (schemas.SubscriberIn, {"address": "ada@example.org", "weekdays": [7]}),
        (schemas.VoteIn, {"paper": 2**31, "value": 1}),
        (schemas.VoteIn, {"paper": 1, "value": 2}),
    ],
)
def test_bounds_are_kept(shape: Any, said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        shape.model_validate(said)
