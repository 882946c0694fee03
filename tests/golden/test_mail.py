"""The rendered mail, compared with files that a person has looked at. UPDATE_GOLDEN=1 writes them anew."""

import html
import os
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from digest.composing.editions import compose
from digest.composing.letters import Letter, compose_letter
from digest.composing.messages import Message, Sender
from digest.composing.sheets import Sheet, Update
from digest.tables import Edition, EditionItem, MailKind, Paper, Profile, Subscriber

HERE = Path(__file__).parent
EDITIONS = ("0", "1", "10", "25", "weekly", "failed", "updated", "popular")
LETTERS = tuple(kind for kind in MailKind if kind is not MailKind.EDITION)
ALL = (*EDITIONS, *LETTERS)
NOW = datetime(2026, 5, 6, 5, 0, tzinfo=UTC)
SENDER = Sender(
    "Paper Digest <digest@papers.example>",
    "https://papers.example",
    "golden-0123456789abcdef-0123456789",
    "Paper Digest, 1 Main Street, 12345 Sometown",
)
PROFILES = ("State space models", "Markets & mechanisms", "Robots that learn")
TREND = {"votes": 63, "hours": 21.3, "times": 4.1}

# Title, first sentence of the abstract, authors; one interest after the other.
STATES = (
    (
        "Long Memory Without Attention: Selective Recurrence for Documents of a Million Words",
        "Recurrent layers of linear cost read a document of a million words on one graphics card.",
        ("Ada Byron", "Kurt Weber"),
    ),
    (
        "State Spaces Meet Graphs",
        "Message passing becomes a state space model once the graph is walked in a fixed order.",
        ("Sofia Kovalevskaya",),
    ),
    (
        "Distilling Attention into Recurrence, Layer by Layer",
        "We replace the attention layers of a trained model one at a time and lose less than one point.",
        ("Noor Aziz", "Per Holm"),
    ),
    ("Sparse States, Dense Memories", "Most of a recurrent state is never read again.", ("Tao Lin", "Uma Rao")),
    ("The Cost of Forgetting", "Forgetting on purpose makes recurrent models faster and no worse.", ("Yan Xu",)),
    ("Scans in Any Order", "Parallel scans may be taken in any order if the gate is bounded.", ("Bea Sun",)),
    ("Reading Backwards", "Models that read backwards write better endings.", ("Eve Voss", "Fin West")),
    ("Small States", "Sixteen numbers per channel are as good as sixty-four for speech.", ("Jan Beck",)),
)
MARKETS = (
    (
        "Bidders with Budgets: A Truthful Auction that Loses at Most Half",
        "We give the first truthful auction for bidders with hard budgets that keeps half of the best welfare.",
        ("Emmy Noether", "Grace Hopper", "Alan Turing"),
    ),
    (
        "Regret of $O(\\sqrt{n \\log n})$ when $p < q$ & Prices Are <Posted>",
        "For $p < q$ the seller's regret is $O(\\sqrt{n \\log n})$, which matches the lower bound up to $\\log n$.",
        ("Zoë Ünal", "Søren Ørsted", "Łukasz Żak"),
    ),
    (
        "Matching Markets with Couples: Stability Is Rare but Cheap to Approximate",
        "Couples make stable matchings rare, yet adding two seats to a hospital always restores one.",
        ("Ann Lee", "Ben Moss", "Cy Dunn", "Dee Ross", "Eli Stone", "Fay Hart", "Gus Lane"),
    ),
    ("Who Pays for Fairness?", "Fair division has a price, and we show which of the agents pays it.", ("May Wu",)),
    ("Auctions on a Bus", "We sell seats on late buses by an auction that takes three seconds.", ("Vic Orr",)),
    ("Prices That Nobody Regrets", "We set prices that no buyer wishes to have missed.", ("Zed Quist",)),
    ("Votes and Vetoes", "A single veto makes most voting rules honest, and few of them useful.", ("Cal Tan",)),
    ("A Market for Attention", "Readers sell their attention, and we find the price at which they stop.", ("Gia Yu",)),
)
ROBOTS = (
    (
        "A Hand that Feels: Tactile Grasping from Ten Demonstrations",
        "Ten demonstrations with a tactile glove are enough to teach a hand forty household objects.",
        ("مريم ميرزاخاني", "עדה יונת", "李 明"),
    ),
    (
        "Learning to Pour",
        "A robot learns to pour liquids that it has never seen from the sound they make.",
        ("Io Kim",),
    ),
    (
        "Robots that Ask: Querying People Only when It Helps",
        "A robot that asks for help in one case of twenty finishes its tasks twice as often.",
        ("Rosa Diaz", "Sam Okoro"),
    ),
    ("One Arm, Many Tools", "An arm that changes its own tools needs no second arm.", ("Wes Poe", "Xia He")),
    ("Balance by Touch", "A robot with skin walks a rope that a robot with eyes falls from.", ("Abe Roth",)),
    ("Grasping Glass", "Transparent things are grasped best by a robot that shakes its lamp.", ("Dot Urh",)),
    ("Sorting Laundry", "Nine hundred socks were paired without a single quarrel.", ("Hal Zorn", "Ida Ames")),
    ("Sweeping Stairs", "A robot sweeps stairs from the top and is never asked to go back.", ("Kay Cole",)),
)
OUTSIDE = (
    "Weather by Telescope: Forecasting Storms on Neighbouring Planets from Public Images",
    "Storms on other planets can be forecast three days ahead from images that anybody may download.",
    ("Lou Dean", "Mia Eads", "Ned Fry"),
)
PAPERS = [paper for three in zip(STATES, MARKETS, ROBOTS, strict=True) for paper in three]
MIDDLE = (
    "Earlier work needed a second stage, e.g. a search over the whole table, and paid for it in time.",
    "Our method has one equation, one hyper-parameter and no second stage.",
    "It is compared with eleven others on four public collections, and wins on three of them.",
    "A failure that we could not explain is described at length.",
)
LAST = "Code and data are public."


def make_edition(name: str) -> Sheet:
    """An edition of so many papers, or one of three in which something is not as usual."""
    sheet = make_sheet(int(name) if name.isdigit() else 3)
    if name == "weekly":
        sheet.subscriber.weekdays = [2]
    if name == "failed":
        sheet.edition.failed_sources = ["huggingface"]
    if name == "updated":
        sheet.updates.append(Update("Sparse States & Dense <Memories>", "https://arxiv.org/abs/2604.00077v3", 3))
    if name == "popular":
        sheet.profiles.clear()
        for item, trend in zip(sheet.items, (TREND, None, None), strict=True):
            item.profile_id, item.highlight = None, ""
            item.reason = {"kind": "popular", "votes": None if item.rank == 3 else 63, "trend": trend}
    return sheet


def make_sheet(count: int) -> Sheet:
    """An edition of `count` papers; the last one of several is from outside every interest."""
    profiles = {n: Profile(id=n, subscriber_id=7, name=name, created_at=NOW) for n, name in enumerate(PROFILES, 1)}
    listed = [*PAPERS[: count - 1], OUTSIDE] if count > 1 else PAPERS[:count]
    papers = {rank: make_paper(rank, *paper) for rank, paper in enumerate(listed, 1)}
    items = [make_item(rank, outside=rank == count > 1) for rank in papers]
    return Sheet(
        make_reader(),
        Edition(
            id=3,
            subscriber_id=7,
            edition_date=date(2026, 5, 6),
            encoder="hashing" if count > 1 else "",
            considered=412,
            failed_sources=[],
            created_at=NOW,
        ),
        items,
        papers,
        profiles if count > 1 else {1: profiles[1]},
    )


def make_reader() -> Subscriber:
    return Subscriber(
        id=7,
        email="ada@example.org",
        name="Ada",
        weekdays=list(range(7)),
        link_key="0123456789abcdef",
        confirmed_at=NOW,
        created_at=NOW,
    )


def make_paper(number: int, title: str, first: str, authors: tuple[str, ...]) -> Paper:
    return Paper(
        id=number,
        title=title,
        abstract=" ".join([first, *MIDDLE[: 2 + number % 3], LAST]),
        authors=list(authors),
        author_count=2900 if number == 10 else len(authors),
        categories=[["cs.RO", "cs.AI", "cs.CV", "cs.HC"], ["cs.LG", "stat.ML"], ["cs.GT"]][number % 3],
        url="" if number == 9 else f"https://arxiv.org/abs/2605.{number:05}",
        source=["arxiv", "huggingface", "files"][number % 3],
        announced_at=NOW,
        first_seen_at=NOW,
        published_on=date(2026, 5, 1 + number % 5),
    )


def make_item(rank: int, *, outside: bool) -> EditionItem:
    owner = 1 + (rank - 1) % 3
    reason: dict[str, Any] = {"kind": "trending", "trend": TREND}
    if not outside:
        reason = {
            "kind": "match",
            "profile": PROFILES[owner - 1],
            "closer_than": 1 - rank / 1000,
            "crowd": 8412,
            "like": PAPERS[(rank + 2) % 24][0] if rank % 4 == 1 else None,
            "words": [["linear cost"], ["hard budgets", "auction"], []][owner - 1],
            "keywords": ["one graphics card"] if rank == 1 else [],
            "authors": ["Emmy Noether", "Grace Hopper"] if rank == 2 else [],
            "trend": TREND if rank % 5 == 2 else None,
        }
    return EditionItem(
        edition_id=3,
        paper_id=rank,
        profile_id=None if outside else owner,
        rank=rank,
        score=1.0,
        relevance=1.0,
        reason=reason,
        highlight="" if outside else MIDDLE[1] if rank % 2 else PAPERS[rank - 1][1],
    )


def make_mail(name: str) -> Message:
    if name in EDITIONS:
        return compose(SENDER, make_edition(name))
    kind = MailKind(name)
    address = "ada@new.example" if kind in (MailKind.ADDRESS_CHANGE, MailKind.ADDRESS_NOTICE) else ""
    return compose_letter(SENDER, Letter(kind, make_reader(), NOW, address), "N0t.a-real_token")


@pytest.fixture(scope="module", params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def mail(name: str) -> Message:
    return make_mail(name)


@pytest.mark.parametrize("part", ["subject.txt", "txt", "html"])
def test_the_mail_is_as_it_was_when_somebody_looked_at_it(mail: Message, name: str, part: str) -> None:
    path = HERE / f"{'edition-' if name in EDITIONS else ''}{name}.{part}"
    written = {"subject.txt": f"{mail.subject}\n", "txt": mail.text, "html": mail.html}[part]
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(written, encoding="utf-8")
    assert written == path.read_text(encoding="utf-8")


def test_every_subject_is_its_own_and_short() -> None:
    subjects = [make_mail(name).subject for name in ALL]
    assert all(0 < len(subject) <= 70 for subject in subjects)
    alike = [subjects[EDITIONS.index(name)] for name in ("failed", "updated", "popular")]  # are of the same papers
    assert len(set(subjects) - set(alike)) == len(ALL) - len(alike)


def test_the_html_is_small(mail: Message) -> None:
    assert len(mail.html.encode()) < 80_000


def test_text_and_html_have_the_same_links(mail: Message) -> None:
    links = re.compile(r"https://[^\s<>\"]+")
    assert set(links.findall(mail.text)) == set(links.findall(html.unescape(mail.html)))


def test_no_line_of_text_is_wider_than_a_terminal_unless_it_holds_a_link(mail: Message) -> None:
    assert [line for line in mail.text.splitlines() if len(line) > 78 and "https://" not in line] == []


class Structure(HTMLParser):
    """Tags with their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(scope="module")
def page(mail: Message) -> Structure:
    return Structure(mail.html)


def test_a_page_says_its_language_direction_and_title(page: Structure, mail: Message) -> None:
    assert page.of("html") == [{"lang": "en", "dir": "ltr"}]
    assert re.search(r"<title>\S.*</title>", mail.html)


def test_a_page_has_one_heading_and_one_below_it_per_paper(page: Structure, name: str) -> None:
    papers = (int(name) if name.isdigit() else 3) if name in EDITIONS else 0
    assert (len(page.of("h1")), len(page.of("h2")), len(page.of("h3", "h4"))) == (1, papers, 0)


def test_a_page_loads_nothing_from_anywhere(page: Structure, mail: Message) -> None:
    assert page.of("img", "script", "link", "iframe", "object", "base", "form", "video", "svg") == []
    assert not re.search(r"url\(|@import|src=|background=", mail.html)


def test_every_paragraph_and_heading_carries_its_own_style(page: Structure) -> None:
    styles = [attributes.get("style") or "" for attributes in page.of("p", "h1", "h2")]
    assert styles
    assert all("font:" in style and "color:" in style for style in styles)


def test_nothing_is_used_that_outlook_does_not_know(mail: Message) -> None:
    assert not re.search(r"display:\s*(flex|grid)|var\(|position:|calc\(|rgba\(", mail.html)


def test_nothing_depends_on_the_style_block_but_dark_mode_and_small_screens(mail: Message) -> None:
    block = re.search(r"<style>(.*?)</style>", mail.html, re.DOTALL)
    assert block is not None
    used = set(re.findall(r'class="(\w+)"', mail.html))
    assert set(re.findall(r"\.([a-z]+)\b(?=[^{}]*\{)", block[1])) - {"important"} >= {"ground", "sheet", "title"}
    assert all(re.search(rf'class="{name}" style="[^"]+"', mail.html) for name in used)


def test_every_link_says_where_it_goes_and_every_table_is_layout(page: Structure) -> None:
    assert all((attributes["href"] or "").startswith("https://") for attributes in page.of("a"))
    assert {attributes.get("role") for attributes in page.of("table")} == {"presentation"}


@pytest.mark.parametrize("tag", ["p", "h1", "h2", "a", "table", "td", "tr", "div", "strong", "body", "html"])
def test_every_tag_is_closed(mail: Message, tag: str) -> None:
    assert len(re.findall(rf"<{tag}[ >]", mail.html)) == mail.html.count(f"</{tag}>")
