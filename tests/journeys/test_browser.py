"""Journeys of readers in a real Chromium, with scripting and without: every one begins at a page and ends in a mail."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browser import Installation, Visitor, find_chromium, visiting
from playwright.sync_api import Playwright, expect, sync_playwright

WIDTHS = (320, 768, 1280)
SENTENCE = "state space models such as Mamba with a selective recurrence"
PUBLIC = (
    "/",
    "/subscribe",
    "/sign-in",
    "/try",
    "/trending",
    "/search",
    "/help",
    "/privacy",
    "/accessibility",
    "/about",
)
OURS = (
    "/welcome/topics",
    "/welcome/rate",
    "/welcome/delivery",
    "/preferences",
    "/preferences/delivery",
    "/preferences/email",
    "/preferences/feeds",
    "/preferences/data",
    "/preferences/preview",
    "/preferences/interests/new",
    "/editions",
    "/submit",
    "/sign-out",
)

Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    find_chromium()
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("site"), migrated)
    made.fill()
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=[True, False], ids=["with scripting", "without"])
def visit(request: pytest.FixtureRequest, playwright: Playwright, site: Installation) -> Visit:
    return partial(visiting, playwright, site.base, java_script_enabled=request.param)


@pytest.fixture
def scripted(playwright: Playwright, site: Installation) -> Visit:
    return partial(visiting, playwright, site.base)


def join(visitor: Visitor, site: Installation, address: str, sentence: str = SENTENCE) -> None:
    """From the front page to being signed in."""
    visitor.go("/")
    visitor.fill("What do you want to read?", sentence)
    visitor.fill("Your e-mail address", address)
    visitor.page.wait_for_timeout(2100)  # quicker is a robot
    visitor.press("Subscribe")
    assert visitor.heading == "Check your inbox"
    assert address in visitor.text
    visitor.go(site.link(address, "/confirm"))
    visitor.press("Confirm")
    assert visitor.page.url.endswith("/welcome/topics")


def address_of(request: pytest.FixtureRequest, name: str) -> str:
    return f"{name}-{re.sub('[^a-z]', '', request.node.name)[-12:]}@example.org"


def test_from_the_front_page_to_the_first_edition_in_under_a_minute(
    visit: Visit, site: Installation, request: pytest.FixtureRequest
) -> None:
    ada = address_of(request, "ada")
    with visit() as visitor:
        join(visitor, site, ada)
        edition = site.link(ada, "/edition", patience=60)
        visitor.page.get_by_role("link", name="Pass over").click()
        assert visitor.heading == "Are these for you?"
        visitor.page.get_by_label("Want it").first.check()
        visitor.press("Save and go on")
        visitor.press("Save, and show me the next edition")
        assert visitor.heading == "Your next edition"
        visitor.go(edition)
        assert "Mamba study" in visitor.text


def test_a_vote_from_the_mail_takes_two_presses_and_can_be_taken_back(
    visit: Visit, site: Installation, request: pytest.FixtureRequest
) -> None:
    bea = address_of(request, "bea")
    with visit() as visitor:
        join(visitor, site, bea)
        vote = site.link(bea, "/vote")
        visitor.context.clear_cookies()
        visitor.go(vote)
        visitor.press("Not for me")
        assert visitor.heading == "Thank you"
        visitor.press("Undo")
        assert visitor.heading == "Your vote is taken back"
        visitor.go(vote.replace("/less", "/more"))
        visitor.press("More like this")
        assert "move up in" in visitor.text
        sign_in(visitor, site, bea)
        visitor.page.get_by_role("link", name=re.compile("^Change.*state space")).first.click()
        assert re.search("More like .* study", visitor.text)
        visitor.press("Forget all votes of this interest")
        assert not re.search("More like .* study", visitor.text)


def sign_in(visitor: Visitor, site: Installation, address: str) -> None:
    known = len(site.letters())
    visitor.go("/sign-in")
    visitor.fill("Your e-mail address", address)
    visitor.page.wait_for_timeout(2100)
    visitor.press("Email me a link")
    while len(site.letters()) == known:
        visitor.page.wait_for_timeout(200)
    visitor.go(site.link(address, "/sign-in"))
    visitor.press("Sign in")
    assert visitor.page.url.endswith("/preferences")


def test_an_interest_is_tried_out_saved_and_wrong_entries_are_kept(
    visit: Visit, site: Installation, request: pytest.FixtureRequest
) -> None:
    with visit() as visitor:
        join(visitor, site, address_of(request, "cleo"))
        visitor.go("/preferences/interests/new")
        visitor.fill("What do you want to read?", "auctions and matching markets with budgets")
        visitor.page.get_by_text("Words", exact=True).click()
        visitor.fill("Mute", "a")
        visitor.press("Save")
        assert visitor.page.title().startswith("Error: ")
        visitor.page.get_by_role("link", name=re.compile("too short")).click()
        expect(visitor.page.get_by_label("Mute", exact=True)).to_be_focused()
        expect(visitor.page.get_by_label("Mute", exact=True)).to_have_value("a")
        visitor.fill("Mute", "galaxy until 2099-01-01")
        visitor.press("Preview")
        letter = visitor.page.frame_locator("iframe.letter")
        expect(letter.locator("body")).to_contain_text("Auction study")
        visitor.press("Save")
        assert "auctions and matching" in visitor.text


def test_the_preview_follows_what_is_typed(scripted: Visit, site: Installation, request: pytest.FixtureRequest) -> None:
    with scripted() as visitor:
        join(visitor, site, address_of(request, "dora"))
        visitor.go("/preferences/interests/new")
        visitor.page.get_by_label("What do you want to read?").press_sequentially(
            "robots that grasp with tactile feedback"
        )
        letter = visitor.page.frame_locator("#preview iframe.letter")
        expect(letter.locator("body")).to_contain_text("Robot study")
        expect(visitor.page.locator("#preview")).to_contain_text("new")


def test_a_stranger_sees_an_edition_before_giving_an_address(visit: Visit) -> None:
    with visit() as visitor:
        visitor.go("/")
        visitor.fill("What do you want to read?", SENTENCE)
        visitor.press("Show me my next edition first")
        assert visitor.heading == "Your first edition would be"
        expect(visitor.page.frame_locator("iframe.letter").locator("body")).to_contain_text("Mamba study")
        expect(visitor.page.get_by_label("What do you want to read?")).to_have_value(SENTENCE)


def test_leaving_takes_two_presses_and_so_does_coming_back(
    visit: Visit, site: Installation, request: pytest.FixtureRequest
) -> None:
    eve = address_of(request, "eve")
    with visit() as visitor:
        join(visitor, site, eve)
        visitor.context.clear_cookies()
        visitor.go(site.link(eve, "/unsubscribe"))
        visitor.press("Unsubscribe")
        assert visitor.heading == "You are unsubscribed"
        visitor.press("Subscribe again")
        assert visitor.heading == "Welcome back"
        visitor.go(site.link(eve, "/manage"))
        visitor.press("Pause for a week")
        assert "No edition comes until" in visitor.text
        visitor.press("Resume")
        assert "Your editions go on" in visitor.text


def test_a_person_takes_their_data_along_and_is_forgotten(
    visit: Visit, site: Installation, request: pytest.FixtureRequest
) -> None:
    fay = address_of(request, "fay")
    with visit() as visitor:
        join(visitor, site, fay)
        visitor.go("/preferences/data")
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("link", name=re.compile("Download")).click()
        assert fay in Path(download.value.path()).read_text()
        visitor.page.get_by_label(re.compile("DELETE")).fill("DELETE")
        visitor.press("Delete everything")
        assert fay not in visitor.text
        visitor.go("/preferences")
        assert visitor.heading == "Sign in"


def test_papers_are_found_by_meaning_and_lead_to_papers_like_them(visit: Visit) -> None:
    with visit() as visitor:
        visitor.go("/search")
        visitor.page.get_by_role("searchbox").fill("protein folding from sequences")
        visitor.press("Search")
        visitor.page.get_by_role("link", name=re.compile("Protein study")).first.click()
        assert "Protein study" in visitor.heading
        assert "Similar papers" in visitor.text
        visitor.go("/trending")
        assert "votes" in visitor.text


def test_the_keyboard_is_enough(scripted: Visit, site: Installation, request: pytest.FixtureRequest) -> None:
    gil = address_of(request, "gil")
    with scripted() as visitor:
        visitor.go("/subscribe")
        keys = visitor.page.keyboard
        keys.press("Tab")
        expect(visitor.page.get_by_text("Skip to the content")).to_be_focused()
        keys.press("Enter")
        tab_to(visitor, "text")
        keys.type("galaxies in a deep survey")
        keys.press("Tab")
        keys.type(gil)
        visitor.page.wait_for_timeout(2100)
        keys.press("Enter")
        visitor.page.wait_for_url("**/check-your-inbox")
        visitor.go(site.link(gil, "/confirm"))
        tab_to(visitor, "Confirm")
        keys.press("Enter")
        visitor.page.wait_for_url("**/welcome/topics")


def tab_to(visitor: Visitor, what: str) -> None:
    """Press Tab until the element of that name or text has the focus."""
    for _ in range(30):
        visitor.page.keyboard.press("Tab")
        here = visitor.page.evaluate("document.activeElement.name || document.activeElement.innerText")
        if here.strip() == what:
            return
    raise AssertionError(f"the keyboard does not reach {what}")


@pytest.fixture(scope="module")
def pages(site: Installation, playwright: Playwright) -> tuple[list[str], dict[str, Any]]:
    """Somebody who is signed in, by their cookies, and every page that they can look at."""
    with visiting(playwright, site.base) as visitor:
        join(visitor, site, "zoe@example.org")
        edition = site.link("zoe@example.org", "/edition")
        links = [site.link("zoe@example.org", path) for path in ("/vote", "/unsubscribe", "/manage")]
        visitor.go("/preferences")
        interest = visitor.page.locator('a[href^="/preferences/interests/"]').first.get_attribute("href")
        visitor.go("/trending")
        paper = visitor.page.locator('main a[href^="/papers/"]').first.get_attribute("href")
        visitor.go("/editions")
        past = visitor.page.locator('main a[href^="/editions/2"]').first.get_attribute("href")
        search = "/search?q=protein+folding"
        listed = [*PUBLIC, *OURS, edition, *links, interest, f"{interest}/delete", paper, past, search, "/nowhere"]
        return [path.removeprefix(site.base) for path in listed], visitor.context.storage_state()


def test_every_page_is_accessible_narrow_light_and_asks_nobody_else(
    playwright: Playwright, site: Installation, pages: tuple[list[str], dict[str, Any]]
) -> None:
    """axe finds nothing by WCAG 2.2 AA; no page scrolls sideways at 320 px, weighs over 100 kB or shares a title."""
    from axe_playwright_python.sync_playwright import Axe

    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found, titles = [], {}
    listed, state = pages
    for width, scheme in ((320, "dark"), (1280, "light")):
        size = {"width": width, "height": 900}
        with visiting(playwright, site.base, viewport=size, color_scheme=scheme, storage_state=state) as visitor:
            for path in listed:
                weight = weigh(visitor, path)
                violations = Axe().run(visitor.page, options=rules).response["violations"]
                found += [(path, scheme, one["id"], one["nodes"][0]["html"][:120]) for one in violations]
                sideways = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                found += [(path, width, "scrolls sideways by", sideways)] if sideways > 0 else []
                found += [(path, width, "weighs", weight)] if weight > 100_000 else []
                titles[visitor.page.url] = visitor.page.title()
    assert found == []
    ours = [title for address, title in titles.items() if "/edition/" not in address]  # it is one of the past ones
    assert len(ours) == len(set(ours))


def weigh(visitor: Visitor, path: str) -> int:
    """Open a page; the bytes of everything that it loads, as they are sent."""
    sizes: list[int] = []
    look = lambda request: sizes.append(request.sizes()["responseBodySize"])  # noqa: E731 - to be taken off again
    visitor.page.on("requestfinished", look)
    visitor.go(path)
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.remove_listener("requestfinished", look)
    return sum(sizes)


def test_text_spacing_and_forced_colours_lose_nothing(
    playwright: Playwright, site: Installation, pages: tuple[list[str], dict[str, Any]]
) -> None:
    spaced = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
    listed, state = pages
    size = {"width": 375, "height": 800}
    with visiting(
        playwright, site.base, viewport=size, forced_colors="active", storage_state=state, bypass_csp=True
    ) as visitor:
        for path in listed:
            visitor.go(path)
            visitor.page.add_style_tag(content=spaced)
            sideways = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert sideways <= 0, path


def test_every_page_is_valid_html(
    playwright: Playwright, site: Installation, pages: tuple[list[str], dict[str, Any]], tmp_path: Path
) -> None:
    from html_checker import check_html

    listed, state = pages
    with visiting(playwright, site.base, storage_state=state) as visitor:
        for number, path in enumerate(listed):
            body = visitor.context.request.get(
                site.base + path.removeprefix(site.base), headers={"Accept": "text/html"}
            )
            (tmp_path / f"{number:02}.html").write_text(body.text())
    assert check_html(tmp_path, listed) == []
