"""What cuts a page short says what to do."""

import pytest

from digest.web.answers import Elsewhere, NotHere, TooMany


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "in 1 second."), (45, "in 45 seconds"), (90, "in 2 minutes"), (3600, "in 60 minutes")]
)
def test_too_many_says_when_to_come_again(seconds: int, words: str) -> None:
    error = TooMany(seconds)
    assert error.status_code == 429
    assert words in error.detail
    assert error.headers == {"Retry-After": str(seconds)}


def test_elsewhere_goes_there_by_get() -> None:
    response = Elsewhere("/sign-in").response
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")


def test_what_is_not_here_may_say_what_to_do() -> None:
    assert (NotHere().status_code, NotHere("Look elsewhere.").detail) == (404, "Look elsewhere.")
