"""Every answer carries the headers; other names and other sites' forms are refused; nothing odd is an error of ours."""

from collections.abc import Iterator

import pytest
from browsing import ONE_DATABASE, Browser, Clock
from scenes import everything
from structlog.testing import capture_logs

from digest.errors import ConfigurationError
from digest.settings import Settings
from digest.web.security import HEADERS, POLICY, SafetyMiddleware
from digest.workshop import Workshop

pytestmark = ONE_DATABASE
ADA = "ada@example.org"
PAGES = [
    "/",
    "/subscribe",
    "/sign-in",
    "/help",
    "/status",
    "/healthz",
    "/readyz",
    "/metrics",
    "/robots.txt",
    "/nowhere",
]


def check(headers: object, *, secret: bool = False) -> None:
    got = dict(headers)  # type: ignore[call-overload]
    for name, value in HEADERS.items():
        assert got[name.lower()] == value
    assert got["referrer-policy"] == ("no-referrer" if secret else "same-origin")
    assert len(got["x-request-id"]) == 16
    assert "cache-control" in got
    if secret:
        assert (got["cache-control"], got["x-robots-tag"]) == ("no-store", "noindex")


def test_the_policy_lets_in_nothing_but_our_own_files(browser: Browser) -> None:
    assert browser.get("/").headers["content-security-policy"] == POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    for part in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in POLICY


@pytest.mark.parametrize("path", PAGES)
def test_pages_carry_the_headers(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    check(answer.headers)
    assert "strict-transport-security" not in answer.headers
    for word in ("<style", " style=", "<script>", " onclick", "javascript:"):
        assert word not in answer.text


@pytest.mark.parametrize(
    "path", ["/confirm/x", "/sign-in/x", "/unsubscribe/x", "/vote/x/1/more", "/manage/x", "/feeds/x"]
)
def test_an_address_that_is_a_key_is_kept_from_everybody_else(browser: Browser, path: str) -> None:
    check(browser.get(path).headers, secret=True)


def test_errors_carry_the_headers(browser: Browser) -> None:
    answers = {
        404: browser.get("/nowhere"),
        405: browser.client.put("/subscribe"),
        413: browser.post("/subscribe", b"a=" + b"x" * 1024 * 1024),
        400: browser.get("/", Host="evil.example"),
        403: browser.post("/subscribe", {}, Sec_Fetch_Site="cross-site"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        check(answer.headers)
    assert set(answers[405].headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.fixture
def secure(shop: Workshop, clock: Clock) -> Iterator[Browser]:
    shop.settings = shop.settings.model_copy(update={"base_url": "https://papers.example"})
    made = Browser(shop, clock)
    yield made
    made.close()


def test_over_tls_browsers_are_told_to_stay_there(secure: Browser) -> None:
    assert secure.get("/").headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize(
    "host", ["evil.example", "papers.example.evil.example", "", "evil@evil.example", "[::1", "\xe9", "a b"]
)
def test_another_name_is_refused(secure: Browser, host: str) -> None:
    with capture_logs() as logged:
        answer = secure.client.get("/", headers={"Host": host.encode("latin-1")})
    assert answer.status_code == 400
    assert [line["event"] for line in logged] == ["host_refused"]
    assert secure.client.get("/healthz", headers={"Host": host.encode("latin-1")}).status_code == 200


@pytest.mark.parametrize("host", ["papers.example", "PAPERS.EXAMPLE:443", "localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_our_own_names_are_answered(secure: Browser, host: str) -> None:
    assert secure.get("/help", Host=host).status_code == 200


def test_other_names_are_answered_where_the_settings_say_so(shop: Workshop, clock: Clock) -> None:
    shop.settings = shop.settings.model_copy(update={"allowed_hosts": ["Digest.LAN", "10.0.0.7", "fd00::1"]})
    browser = Browser(shop, clock)
    for host in ("digest.lan", "10.0.0.7:8000", "[fd00::1]:8000"):
        assert browser.get("/help", Host=host).status_code == 200
    browser.close()


@pytest.mark.parametrize(
    "host", ["https://digest.lan", "digest.lan:8000", "digest.lan/x", "*.lan/", "me@digest.lan", "["]
)
def test_what_is_no_name_is_told_when_the_service_starts(settings: Settings, host: str) -> None:
    given = settings.model_copy(update={"allowed_hosts": [host]})
    with pytest.raises(ConfigurationError, match=r"^DIGEST_ALLOWED_HOSTS: .* is no host: [^\n]*$"):
        SafetyMiddleware(None, given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:1234/evil", "evil@localhost", "localhost\\evil", "localhost?x"]
)
def test_no_mail_and_no_page_has_the_name_of_the_request(browser: Browser, host: str) -> None:
    page = browser.get("/subscribe", Host=host)
    assert "evil" not in page.text
    token = {"form_token": "1"}
    browser.post("/subscribe", token | {"email": ADA}, Host=host)
    browser.press("/subscribe", "Subscribe", email=ADA)
    (mail,) = browser.mails()
    assert {url.split("/")[2] for url in mail.urls} == {"localhost:8000"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "nonsense"},
        {"Sec_Fetch_Site": "", "Origin": "null"},
        {"Sec_Fetch_Site": "", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "", "Origin": "http://localhost.evil.example"},
        {"Sec_Fetch_Site": "", "Origin": "http://[evil"},
        {"Sec_Fetch_Site": "", "Origin": "localhost"},
        {"Sec_Fetch_Site": "cross-site", "Authorization": "Basic YTpi"},
    ],
)
@pytest.mark.parametrize("path", ["/subscribe", "/sign-out", "/check-your-inbox", "/nowhere"])
def test_a_form_of_another_site_is_refused(
    shop: Workshop, browser: Browser, path: str, headers: dict[str, str]
) -> None:
    before = everything(shop)
    assert browser.post(path, {"email": ADA}, **headers).status_code == 403
    assert everything(shop) == before


@pytest.mark.parametrize(
    "headers", [{}, {"Sec_Fetch_Site": ""}, {"Sec_Fetch_Site": "", "Origin": ""}, {"Sec_Fetch_Site": "none"}]
)
def test_a_form_of_our_own_is_taken(browser: Browser, headers: dict[str, str]) -> None:
    assert browser.post("/subscribe", {"email": ADA}, **headers).text.startswith("<!DOCTYPE html>")


def test_a_program_with_a_key_needs_no_origin(browser: Browser) -> None:
    answer = browser.post("/nowhere", {}, Sec_Fetch_Site="cross-site", Authorization="Bearer digest_x")
    assert answer.status_code == 404
