"""A cursor comes back as it went; nothing else is taken for one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import InvalidRequest
from digest.web.api import paging

moments = st.datetimes(timezones=st.just(UTC))
numbers = st.integers(0, paging.HIGHEST_ID)


@given(moment=moments, number=numbers)
def test_a_cursor_comes_back_as_it_went(moment: datetime, number: int) -> None:
    assert paging.read_place(paging.write(moment.isoformat(), number)) == (moment, number)
    assert paging.read_number(paging.write(number)) == number


@given(text=st.text(max_size=60))
def test_what_we_have_not_written_is_refused(text: str) -> None:
    for read in (paging.read_place, paging.read_number):
        with pytest.raises(InvalidRequest, match="not one of ours"):
            read(text)


MOMENT = "2026-05-06T09:00+00:00"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("x",),
        (True,),
        (-1,),
        (10**30,),
        ("2026-05-06", 1),
        ("2026-05-06T09:00:00", 1),
        ("2026-05-06T09:00+02:00", 1),
        (MOMENT, 10**30),
        (MOMENT, True),
        (MOMENT, 1, 2),
    ],
)
def test_a_forged_cursor_is_refused(parts: tuple[str | int, ...]) -> None:
    for read in (paging.read_place, paging.read_number):
        with pytest.raises(InvalidRequest, match="not one of ours"):
            read(paging.write(*parts))
