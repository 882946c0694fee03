"""The whole web face: looking changes nothing, cookies are few and closed, and nothing that is sent breaks it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from browsing import ONE_DATABASE, Browser, Clock
from editions import Sent, send_edition, sign_of_edition
from factories import make_subscriber
from scenes import everything
from starlette.routing import Route
from structlog.testing import capture_logs

from digest import tokens
from digest.errors import ConfigurationError
from digest.subscribers import links
from digest.subscribers.holders import sign_feed
from digest.web import home
from digest.web.app import make_app
from digest.workshop import Workshop

ADA = "ada@example.org"
UNLIMITED = [
    f"{rule}=100000/minute" for rule in ("subscribe", "sign-in", "links", "search", "preview", "votes", "submit")
]


@pytest.fixture
def sent(shop: Workshop, clock: Clock) -> Sent:
    """An edition with three papers that went to Ada; nobody is told to wait."""
    shop.settings = shop.settings.model_copy(update={"limits": UNLIMITED})
    return send_edition(shop, clock.now, ADA)


@pytest.fixture
def visitor(shop: Workshop, clock: Clock, sent: Sent) -> Iterator[Browser]:
    """A browser of nobody, once the edition is out."""
    assert sent.papers
    made = Browser(shop, clock)
    yield made
    made.close()


def routes(browser: Browser) -> list[Route]:
    return [route for route in browser.app.app.routes if isinstance(route, Route)]


def links_of_all_purposes(shop: Workshop, sent: Sent, clock: Clock) -> dict[str, str]:
    """A token that is valid on the pages that begin with each name."""
    secret, who = shop.settings.signing_key, sent.subscriber
    with shop.database.session() as session:
        mailed = {purpose: links.issue(session, who, purpose, clock.now, ADA) for purpose in links.LIFE}
    signed = {p: sign_of_edition(secret, p, who, sent.edition) for p in ("manage", "vote", "edition", "unsubscribe")}
    pages = {"not-me": mailed["confirm"], "address": mailed["address-change"], "keep-address": mailed["address-cancel"]}
    return {**mailed, **signed, **pages, "feeds": f"{sign_feed(secret, who)}.atom"}


def addresses(browser: Browser, tokens_by_page: dict[str, str], sent: Sent) -> list[str]:
    """Every route with something in place of its parts, where possible something that is there."""
    found = []
    for route in routes(browser):
        token = tokens_by_page.get(route.path.split("/")[1], "x")
        parts: dict[str, Any] = {
            "token": token,
            "name": token,
            "paper": sent.papers[0].id,
            "value": "more",
            "form": "atom",
        }
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", str(parts.get(name, 1)))
        found.append(path)
    return found


def test_looking_at_every_page_changes_nothing(shop: Workshop, visitor: Browser, clock: Clock, sent: Sent) -> None:
    visitor.sign_in(ADA)
    paths = addresses(visitor, links_of_all_purposes(shop, sent, clock), sent)
    assert len(paths) > 25
    strangers, before = visitor.other(), everything(shop)
    answers = {}
    for path in paths:
        for one in (visitor, strangers):
            answers[path] = one.get(path).status_code
            assert one.client.head(path).status_code == one.get(path).status_code
    assert everything(shop) == before
    assert {status for status in answers.values() if status >= 500} == set()
    ours = ("/confirm/", "/sign-in/", "/not-me/", "/unsubscribe/", "/vote/", "/manage/", "/feeds/")
    assert {answers[path] for path in paths if path.startswith(ours) and not path.endswith("/link")} == {200, 303}


ODD = [
    b"\xff\xfe\x00\x80",
    b"email=%00&text=%00&website=%00&form_token=%00&choice=%00&interest=%00&reason=%00",
    b"email=%ED%A0%80&text=%ED%A0%80&form_token=%ED%A0%80&reason=%ED%A0%80&choice=%ED%A0%80",
    b"email=a&email=b&form_token=1&form_token=2&text=&text=",
    b"&".join(b"a%d=1" % number for number in range(10_000)),
    b"&&&===;;;%%%%zz%",
    b"form_token=" + b"9" * 5_000 + b".x",
    b"form_token=%D9%A1.x",
    b"text=" + b"x" * 300_000,
    b"{}",
    b"",
]
KINDS = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/json",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "x" * 500,
    "nonsense",
    ";;;=",
    "",
]


@ONE_DATABASE
@pytest.mark.parametrize("kind", KINDS)
def test_odd_bodies_are_refused_and_break_nothing(
    shop: Workshop, visitor: Browser, clock: Clock, sent: Sent, kind: str
) -> None:
    paths = addresses(visitor, links_of_all_purposes(shop, sent, clock), sent)
    for path in paths:
        if not path.startswith("/unsubscribe/"):  # where any body will do
            for body in ODD:
                answer = visitor.post(path, body, Content_Type=kind)
                assert answer.status_code in {200, 303, 400, 403, 404, 405, 413, 422}, (path, body[:40], kind)


def part(name: str, content: bytes, *extra: str) -> bytes:
    head = "\r\n".join((f'--b\r\nContent-Disposition: form-data; name="{name}"', *extra))
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


PARTS = [
    (part("email", b"a\x00b@example.org"), "utf-8"),
    (part("email", b"\\ud800"), "unicode_escape"),
    (part("text", b"xn--" + b"\xff" * 70), "idna"),
    (part("text", b"\xff" * 70), "punycode"),
    (part("text", b"zzz"), "hex"),
    (part("text", b"+2AA-"), "utf-7"),
    (part("email", b"x", 'Content-Type: text/plain; charset="utf-16"'), "utf-8"),
    (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n", "utf-8"),
    (b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nx\r\n', "utf-8"),
    (b"--b\r\n\r\n", "utf-8"),
    (b"--b", "utf-8"),
    (part("text", b"x" * 250_000), "utf-8"),
    (b"".join(part(f"a{number}", b"") for number in range(500)), "utf-8"),
]


@pytest.mark.parametrize("number", range(len(PARTS)))
@ONE_DATABASE
def test_odd_parts_break_nothing(visitor: Browser, number: int) -> None:
    parts, charset = PARTS[number]
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    for path in ("/subscribe", "/sign-in", "/sign-out"):
        answer = visitor.post(path, parts + b"--b--\r\n", Content_Type=kind)
        assert answer.status_code in {400, 403, 422}, (path, answer.status_code)


def test_odd_letters_in_forms_that_are_taken_break_nothing(visitor: Browser, sent: Sent) -> None:
    """NULs and halves of letters, in every field of every form that a stranger or a reader can send."""
    odd = b"\x00\xed\xa0\x80\xff\xf0\x9f\x98\x80".decode("latin-1")
    vote = sent.vote(sent.papers[0], "less")
    for path in ("/subscribe", "/sign-in", vote, sent.manage, sent.unsubscribe + "/instead", sent.unsubscribe):
        for name in ("email", "text", "reason", "choice", "interest", "website", "List-Unsubscribe"):
            answer = visitor.press(path, **{name: odd + "ada@example.org"})
            assert answer.status_code in {200, 303, 400, 422}, (path, name)


NUMBERS = ["0", "-1", "1.5", "9" * 18, str(2**63), str(10**30), "9" * 5000, "1e3", "%00", "١", "1%00"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_no_row_has_is_no_page(visitor: Browser, sent: Sent, number: str) -> None:
    token = sent.vote(sent.papers[0], "more").split("/")[2]
    for address in (f"/vote/{token}/{number}/more", f"/vote/{token}/{number}/undo"):
        assert visitor.get(address).status_code == 404
        assert visitor.post(address, {}).status_code == 404


@ONE_DATABASE
@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "/subscribe/",
        "/unsubscribe/x/",
        "/%0d%0aSet-Cookie:a=b",
        "/" + "a" * 60_000,
    ],
)
def test_an_odd_address_leads_nowhere(visitor: Browser, path: str) -> None:
    answer = visitor.get(f"http://localhost:8000{path}")
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers


# Cookies


@ONE_DATABASE
def test_who_only_reads_gets_no_cookie(visitor: Browser, sent: Sent) -> None:
    for path in (
        "/",
        "/help",
        "/privacy",
        "/subscribe",
        "/sign-in",
        "/status",
        "/trending.atom",
        sent.unsubscribe,
        "/x",
    ):
        assert "set-cookie" not in visitor.get(path).headers


def test_the_cookie_is_closed_to_scripts_other_sites_and_plain_http(shop: Workshop, clock: Clock) -> None:
    shop.settings = shop.settings.model_copy(update={"base_url": "https://papers.example"})
    browser = Browser(shop, clock)
    answer = browser.press("/subscribe", "Subscribe", email=ADA)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-digest=")
    assert {"httponly", "samesite=lax", "secure", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie
    assert browser.mails()[0].urls[0].startswith("https://papers.example/")
    browser.close()


@ONE_DATABASE
def test_a_cookie_that_is_not_ours_is_no_cookie(visitor: Browser) -> None:
    for value in ("null", "eyJpZCI6ICJ4In0=", "a.b.c", "x" * 8_000, "\xe9"):
        answer = visitor.client.get("/subscribe", headers={"Cookie": f"digest={value}".encode("latin-1")})
        assert answer.status_code == 200


# Errors


@ONE_DATABASE
def test_what_breaks_is_told_by_a_number_and_nothing_else(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of ada@example.org")

    monkeypatch.setattr(home, "JoinForm", fail)
    visitor.client = type(visitor.client)(visitor.app, base_url=visitor.origin, raise_server_exceptions=False)
    with capture_logs() as logged:
        answer = visitor.get("/", Accept="text/html")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    number = answer.headers["x-request-id"]
    assert number in answer.text
    assert "secret" not in answer.text + str(logged)
    assert [(line["event"], line["request"]) for line in logged] == [("page_failed", number)]


@ONE_DATABASE
def test_a_body_of_a_megabyte_is_enough(visitor: Browser) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b"x" * 100_000] * 11

    assert visitor.client.post("/subscribe", content=chunks(), headers={"Content-Type": KINDS[0]}).status_code == 413
    assert visitor.post("/subscribe", b"x" * (1024 * 1024 + 1)).status_code == 413


# Settings


@ONE_DATABASE
@pytest.mark.parametrize(
    "given",
    [
        {"limits": ["search=often"]},
        {"trusted_proxies": ["x"]},
        {"allowed_hosts": ["a/b"]},
        {"broker_url": "pigeon://hush"},
    ],
)
def test_a_wrong_setting_is_told_when_the_service_starts(shop: Workshop, given: dict[str, object]) -> None:
    shop.settings = shop.settings.model_copy(update=given)
    with pytest.raises(ConfigurationError, match=r"^DIGEST_[^\n]*$"):
        make_app(shop)


def test_links_of_one_purpose_open_no_page_of_another(
    shop: Workshop, visitor: Browser, clock: Clock, sent: Sent
) -> None:
    by_page = links_of_all_purposes(shop, sent, clock)
    opened = {"confirm": {"not-me"}, "not-me": {"confirm"}}
    pages = ["confirm", "not-me", "sign-in", "unsubscribe", "manage", "feeds"]
    for name, token in by_page.items():
        for page in pages:
            if page != name and page not in opened.get(name, ()):
                there = f"{token.removesuffix('.atom')}.atom" if page == "feeds" else token.removesuffix(".atom")
                assert visitor.get(f"/{page}/{there}").status_code == 404, (name, page)
        if name != "vote":
            assert visitor.get(f"/vote/{token}/{sent.papers[0].id}/more").status_code == 404


def test_a_new_key_voids_every_signed_link(shop: Workshop, visitor: Browser, sent: Sent) -> None:
    paths = [sent.manage, sent.unsubscribe, sent.vote(sent.papers[0], "more")]
    assert [visitor.get(path).status_code for path in paths] == [200] * 3
    with shop.database.session() as session:
        session.get_one(type(sent.subscriber), sent.subscriber.id).link_key = tokens.draw_key()
    assert [visitor.get(path).status_code for path in paths] == [404] * 3
    assert visitor.post(sent.unsubscribe, {}).status_code == 404


def test_after_ninety_days_only_leaving_is_left_of_a_mail(visitor: Browser, clock: Clock, sent: Sent) -> None:
    paths = [sent.manage, sent.vote(sent.papers[0], "more"), sent.unsubscribe]
    clock.move(days=90)
    assert [visitor.get(path).status_code for path in paths] == [200] * 3
    clock.move(days=1)
    assert [visitor.get(path).status_code for path in paths] == [404, 404, 200]
    assert clock.now - sent.edition.created_at > timedelta(days=90)


def test_a_number_given_out_again_opens_nobody_elses_edition(shop: Workshop, visitor: Browser, sent: Sent) -> None:
    with shop.database.session() as session:
        other = make_subscriber(session, sent.edition.created_at)
        session.get_one(type(sent.edition), sent.edition.id).subscriber_id = other.id
    assert visitor.get(sent.vote(sent.papers[0], "more")).status_code == 404
