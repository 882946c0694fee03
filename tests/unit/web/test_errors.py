"""Pages of errors say what to do next; programs get a line."""

import pytest
from browsing import ONE_DATABASE, Browser
from structlog.testing import capture_logs

from digest.errors import InvalidRequest, Unreachable
from digest.web import home
from digest.web.errors import WORDS

pytestmark = ONE_DATABASE


def break_home(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(home, "JoinForm", fail)


@pytest.mark.parametrize("path", ["/nowhere", "/confirm/x", "/static/style.000000000000.css"])
def test_a_page_that_is_not_there_leads_on(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    if not path.startswith("/static"):
        assert "<h1>There is no such page</h1>" in answer.text
        assert 'href="/search"' in answer.text


def test_programs_get_a_line(browser: Browser) -> None:
    answer = browser.get("/nowhere", Accept="application/json")
    assert (answer.text, answer.headers["content-type"].split(";")[0]) == ("There is no such page\n", "text/plain")


def test_another_method_is_told(browser: Browser) -> None:
    answer = browser.client.delete("/subscribe")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert WORDS[405][0] in answer.text


def test_what_a_person_typed_wrong_is_told_in_its_own_words(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    break_home(monkeypatch, InvalidRequest("“<b>” is not a day."))
    answer = browser.get("/")
    assert answer.status_code == 400
    assert "“&lt;b&gt;” is not a day." in answer.text


def test_without_a_database_people_are_asked_to_wait(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    break_home(monkeypatch, Unreachable("The database at /secret cannot be used."))
    with capture_logs() as logged:
        answer = browser.get("/")
    assert answer.status_code == 503
    assert "Try again in a minute" in answer.text
    assert "secret" not in answer.text + str(logged)
    assert [line["event"] for line in logged] == ["page_postponed"]


def test_every_error_has_a_page_of_its_own(browser: Browser) -> None:
    assert WORDS[404][1] in browser.get("/nowhere").text
    assert set(WORDS) == {400, 401, 403, 404, 405, 413, 415, 429, 500, 503}
    assert len({heading for heading, _ in WORDS.values()}) == len(WORDS)
