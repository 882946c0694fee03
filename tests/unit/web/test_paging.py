"""Pages of a list: whatever is asked for, there is a number and an address."""

import pytest
from browsing import ONE_DATABASE, Browser

from digest.web.paging import Paging, with_query


def test_the_first_page_has_no_number_and_the_last_no_next() -> None:
    paging = Paging(2, 25, 60, "/trending", {"cat": "cs.CL", "sort": ""})
    assert (paging.pages, paging.offset) == (3, 25)
    assert paging.previous == "/trending?cat=cs.CL"
    assert paging.next == "/trending?cat=cs.CL&page=3"
    assert Paging(3, 25, 60, "/trending", {}).next == ""
    assert Paging(1, 25, 0, "/trending", {}).pages == 1


def test_what_is_typed_is_quoted() -> None:
    assert with_query("/search", {"q": "a&b=“c”", "cat": ""}) == "/search?q=a%26b%3D%E2%80%9Cc%E2%80%9D"


@ONE_DATABASE
@pytest.mark.parametrize("page", ["abc", "-3", "0", "1.5", "²", "", "9" * 400, "١٢٣٤٥"])
def test_odd_numbers_are_the_first_page(browser: Browser, page: str) -> None:
    answer = browser.client.get("/trending", params={"page": page})
    assert answer.status_code == 200
