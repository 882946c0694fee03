"""What the mail shows of each paper, and that its links are signed for one person and one purpose."""

import re
from datetime import date, datetime, timedelta
from email.headerregistry import Address
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest import tokens
from digest.clock import EVERY_DAY
from digest.composing import editions
from digest.composing.editions import EXCERPT_LENGTH, Part, compose, excerpt, list_authors
from digest.composing.messages import Message, Sender
from digest.composing.mime import assemble
from digest.composing.sheets import Sheet, Update
from digest.errors import InvalidRequest
from digest.papers.latex import read_latex
from digest.subscribers.schedule import MOST_PAPERS
from digest.tables import Edition, EditionItem, Paper, Profile, Subscriber

NOW = datetime.fromisoformat("2026-05-06T09:00+00:00")
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "1 Main St")
TREND = {"votes": 48, "hours": 20.4, "times": 3.24}
SENTENCES = [f"Sentence number {n} says something of a middling length about topic {n}." for n in range(12)]


def match(profile: str = "Mamba", **changes: Any) -> dict[str, Any]:
    given = {"kind": "match", "profile": profile, "closer_than": 0.996, "crowd": 900, "like": None, "trend": None}
    return given | {"words": ["state space"], "keywords": [], "authors": []} | changes


def make_sheet(*reasons: dict[str, Any], **fields: Any) -> Sheet:
    """An edition of as many papers as reasons; `fields` are those of the papers, or of the edition."""
    edition = {name: fields.pop(name) for name in ("encoder", "failed_sources") if name in fields}
    names = list(dict.fromkeys(reason["profile"] for reason in reasons if reason["kind"] == "match"))
    profiles = {n: Profile(id=n, subscriber_id=7, name=name, created_at=NOW) for n, name in enumerate(names, 1)}
    papers, items = {}, []
    for rank, reason in enumerate(reasons, 1):
        papers[rank] = make_transient_paper(rank, **fields)
        owner = names.index(reason["profile"]) + 1 if reason["kind"] == "match" else None
        scores = {"score": 2.0, "relevance": 2.0}
        items.append(EditionItem(edition_id=3, paper_id=rank, profile_id=owner, rank=rank, reason=reason, **scores))
    return Sheet(
        Subscriber(id=7, email="ada@example.org", name="Ada", link_key="k" * 16, created_at=NOW),
        Edition(
            id=3,
            subscriber_id=7,
            edition_date=date(2026, 5, 6),
            considered=120,
            created_at=NOW,
            **{"encoder": "hashing", "failed_sources": []} | edition,
        ),
        items,
        papers,
        profiles,
    )


def make_transient_paper(number: int, **fields: Any) -> Paper:
    given = {
        "title": f"Study number {number}",
        "abstract": " ".join(SENTENCES[:3]),
        "authors": ["Ada Author", "Bob Writer"],
        "author_count": 2,
        "categories": ["cs.LG"],
        "url": f"https://arxiv.org/abs/2605.{number:05}",
        "source": "arxiv",
        "announced_at": NOW,
        "first_seen_at": NOW,
    }
    return Paper(id=number, **given | fields)


def trending() -> dict[str, Any]:
    return {"kind": "trending", "trend": TREND}


def popular(trend: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"kind": "popular", "votes": 48 if trend else None, "trend": trend}


class Page(HTMLParser):
    """The links and the visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attributes if tag == "a" and name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.words += f" {' '.join(data.split())}"


def links_in(text: str) -> set[str]:
    return set(re.findall(r"https?://\S+", text))


# excerpts


@settings(deadline=None)
@given(st.integers(0, 11), st.integers(1, 12))
def test_an_excerpt_holds_the_highlight_in_bold_and_the_beginning(chosen: int, count: int) -> None:
    pieces = SENTENCES[:count]
    highlight = pieces[chosen % count]
    parts = excerpt(" ".join(pieces), highlight).parts
    assert [part.text.removeprefix("… ") for part in parts if part.bold] == [highlight]
    assert parts[0].text == pieces[0]
    assert sum(len(part.text.removeprefix("… ")) for part in parts if part.text != "…") <= EXCERPT_LENGTH


def test_every_gap_is_marked_and_nothing_else_is() -> None:
    pieces = SENTENCES[:10]
    parts = excerpt(" ".join(pieces), pieces[8]).parts
    shown = [pieces.index(part.text.removeprefix("… ")) for part in parts if part.text != "…"]
    gaps = [part.text.startswith("… ") for part in parts if part.text != "…"]
    assert shown == sorted(shown)
    assert gaps == [False, *(after - before > 1 for before, after in pairwise(shown))]
    assert any(gaps)
    assert (parts[-1].text == "…") == (shown[-1] != 9)


def test_a_short_abstract_is_shown_whole() -> None:
    assert excerpt(" ".join(SENTENCES[:3]), "").parts == tuple(Part(text, bold=False) for text in SENTENCES[:3])


def test_a_highlight_that_is_no_sentence_of_the_abstract_is_left_out() -> None:
    assert not any(part.bold for part in excerpt(" ".join(SENTENCES), "Something else.").parts)


def test_an_endless_sentence_is_cut() -> None:
    (part,) = excerpt("word " * 400, "").parts
    assert len(part.text) <= EXCERPT_LENGTH
    assert part.text.endswith("…")


# authors and summary


@pytest.mark.parametrize(
    ("authors", "count", "shown"),
    [
        ([], 0, ""),
        ([], 1, ""),
        ([], 40, "40 authors"),
        (["A"], 1, "A"),
        (["A", "B", "C", "D", "E"], 5, "A, B, C, D, E"),
        (["A", "B", "C", "D", "E", "F"], 6, "A, B, C, D, E and 1 more"),
        (["A", "B"], 2900, "A, B and 2898 more"),
        (["A", "B", "C", "D", "E", "F"], 0, "A, B, C, D, E and 1 more"),
    ],
)
def test_authors_are_the_first_five_and_how_many_more(authors: list[str], count: int, shown: str) -> None:
    assert list_authors(tuple(authors), count) == shown


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ([match()], "1 paper for Mamba."),
        ([match(), match(), match()], "3 papers for Mamba."),
        ([match(), match("Robots"), match()], "3 papers: 2 for Mamba and 1 for Robots."),
        (
            [match(), match("Robots"), match("Galaxies"), trending()],
            "4 papers: 1 for Mamba, 1 for Robots, 1 for Galaxies and 1 from outside your interests.",
        ),
        ([trending(), trending()], "2 papers from outside your interests."),
        ([popular(TREND), popular(TREND)], "Trending today: 2 papers."),
        ([popular(TREND), popular(), popular()], "Trending today: 1 paper, and 2 more of the new ones."),
        ([popular({"likely": True})], "Nothing is trending today yet: 1 paper of the new ones."),
    ],
)
def test_the_summary_counts_papers_by_interest(reasons: list[dict[str, Any]], words: str) -> None:
    assert editions.summarise(make_sheet(*reasons)) == words


def test_a_paper_of_an_interest_that_was_removed_since_is_not_from_outside() -> None:
    sheet = make_sheet(match())
    sheet.profiles.clear()
    sheet.items[0].profile_id = None  # as the database does when the profile goes
    assert editions.summarise(sheet) == "1 paper for Mamba."


# the mail


def composed(*reasons: dict[str, Any], **fields: Any) -> Message:
    return compose(SENDER, make_sheet(*reasons, **fields))


def test_who_has_not_said_what_to_read_is_asked_in_every_mail() -> None:
    mail, other = composed(popular(TREND), popular()), composed(match(), trending())
    asked = "https://papers.example/preferences/interests/new"
    assert asked in Page(mail.html).links
    assert set(Page(mail.html).links) == links_in(mail.text)
    assert "Trending: 48 upvotes in 20 hours" in mail.text
    assert "outside your interests" not in mail.text + mail.html
    assert asked not in other.text + other.html


def test_text_and_html_carry_the_same_papers_and_links() -> None:
    mail = composed(match(trend=TREND), match("Robots"), trending())
    page = Page(mail.html)
    assert set(page.links) == links_in(mail.text)
    assert len(page.links) == 3 * 4 + 3
    text = " ".join(mail.text.split())
    for words in ("Study number 1", "Study number 3", "Ada Author, Bob Writer", "Trending: 48 upvotes", "1 Main St"):
        assert words in page.words
        assert words in text
    assert text.count("shares “state space”") == page.words.count("shares “state space”") == 2


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", "On $n < m$ & $m > n$", "\"Quoted\" & 'so'", "{{ 7*7 }}"]
)
def test_a_title_is_text_and_never_markup(title: str) -> None:
    fields = {"title": title, "abstract": f"{title} is studied here at some length.", "authors": [title]}
    mail = composed(match(profile=title), **fields)
    page = Page(mail.html)
    assert "script" not in page.tags
    # Summary and its preview, authors, excerpt, reason and footer; the title is read as LaTeX.
    assert page.words.count(title) == 7 - (read_latex(title) != title)
    assert read_latex(title) in page.words
    assert f"Closer to “{title}”" in unescape(mail.html)
    assert title in mail.text


def test_an_excerpts_highlight_is_bold_in_both_parts() -> None:
    sheet = make_sheet(match())
    sheet.items[0].highlight = SENTENCES[1]
    mail = compose(SENDER, sheet)
    assert f"<strong>{SENTENCES[1]}</strong>" in mail.html
    assert f"*{SENTENCES[1]}*" in " ".join(mail.text.split())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"encoder": ""}, "Ranked by words alone"),
        ({"failed_sources": ["arxiv", "huggingface"]}, "arXiv, Hugging Face did not answer"),
    ],
)
def test_what_was_not_as_usual_is_said_in_both_parts_and_only_then(fields: dict[str, Any], words: str) -> None:
    for mail, told in ((composed(match(), **fields), True), (composed(match()), False)):
        assert (words in Page(mail.html).words) is told
        assert (words in " ".join(mail.text.split())) is told


def test_a_paper_without_an_address_links_to_its_neighbours() -> None:
    assert "https://papers.example/papers/1/similar" in composed(match(), url="").text


def test_the_message_is_for_the_subscriber_and_dated_by_its_edition() -> None:
    mail = composed(match())
    assert (mail.recipient, mail.date) == (Address("Ada", addr_spec="ada@example.org"), NOW)
    assert mail.message_id.startswith("<2026-05-06.")
    assert mail.subject == "Study number 1"
    assert mail.headers["List-Id"] == "Paper Digest <digest.papers.example>"
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_an_edition_gives_the_same_bytes_each_time() -> None:
    first, second = (assemble(SENDER, composed(match(), trending())) for _ in range(2))
    assert first == second


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=300).filter(str.strip))
@example("$\\mathcal{O}(n \\log n)$ & <b>bold</b>: {% raw %} …" * 5)
@example("\N{ARABIC LETTER MEEM}\N{LEFT-TO-RIGHT MARK} – \N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}x")
@example("x" * 300)
def test_any_title_gives_a_mail_of_one_heading_per_paper(title: str) -> None:
    mail = composed(match(), match(), title=title)
    assert Page(mail.html).tags.count("h2") == 2
    assert len(mail.subject) <= 70
    assert mail.subject.endswith("1 more")


@pytest.mark.parametrize(
    ("weekdays", "count", "subject"),
    [
        (EVERY_DAY, 1, "Study number 1"),
        (EVERY_DAY, 3, "Study number 1 · 2 more"),
        ((2,), 3, "This week: Study number 1 · 2 more"),
        (EVERY_DAY, 0, "No new papers for your interests today"),
        ((2,), 0, "No new papers for your interests this week"),
    ],
)
def test_the_subject_says_what_is_best_and_how_many_more(weekdays: tuple[int, ...], count: int, subject: str) -> None:
    sheet = make_sheet(*[match()] * count)
    sheet.subscriber.weekdays = list(weekdays)
    assert compose(SENDER, sheet).subject == subject


def test_right_to_left_names_turn_nothing_around_them() -> None:
    name = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
    mail = composed(match(), authors=[name, "Bob Writer"])
    for part in (mail.html, mail.text):
        assert f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}, Bob Writer" in part
    mail = composed(match(), title="Turned \N{RIGHT-TO-LEFT OVERRIDE}around")
    assert "Turned around" in mail.text


def test_new_versions_are_told_in_both_parts() -> None:
    sheet = make_sheet(match())
    sheet.updates.append(Update("An older study", "https://arxiv.org/abs/2501.00001v2", 2))
    mail = compose(SENDER, sheet)
    for words in (Page(mail.html).words, " ".join(mail.text.split())):
        assert "New versions of papers you got:" in words
        assert "An older study , version 2" in words or "An older study, version 2" in words


def test_the_longest_edition_is_not_clipped_by_gmail() -> None:
    long = "This sentence is exactly one of many that are of the usual length, and it is repeated. "
    fields = {"title": "A title of the length that titles have on the arXiv: " * 2, "abstract": long * 12}
    sheet = make_sheet(*[match(trend=TREND, like=fields["title"], words=["a b", "c d", "e f"])] * MOST_PAPERS, **fields)
    for item in sheet.items:
        item.highlight = long.strip()
    assert len(compose(SENDER, sheet).html.encode()) < 102_000


# links


def tokens_of(mail: Message) -> list[tuple[str, str]]:
    """Purpose and token of every signed link."""
    paths = [urlsplit(link).path.split("/")[1:] for link in sorted(links_in(mail.text)) if "papers.example" in link]
    return [(path[0], path[1]) for path in paths if path[0] != "papers"]


def test_every_token_is_valid_for_its_own_purpose_only() -> None:
    found = tokens_of(composed(match(), trending()))
    assert {purpose for purpose, _ in found} == {"manage", "unsubscribe", "edition", "vote"}
    for purpose, token in found:
        for other in get_args(tokens.Purpose):
            if other == purpose:
                payload = tokens.read(SENDER.signing_key, other, token)
                assert (payload["s"], payload["k"]) == (7, "k" * 16)
            else:
                with pytest.raises(InvalidRequest):
                    tokens.read(SENDER.signing_key, other, token)


def test_votes_name_their_paper_and_edition() -> None:
    mail = composed(match(), match())
    votes = [link for link in links_in(mail.text) if "/vote/" in link]
    read = [(urlsplit(link).path.split("/")[2:]) for link in votes]
    assert {tokens.read(SENDER.signing_key, "vote", token)["e"] for token, _, _ in read} == {3}
    ways = sorted((paper, way) for _, paper, way in read)
    assert ways == [("1", "less"), ("1", "more"), ("2", "less"), ("2", "more")]


def test_no_link_holds_the_address_or_the_name() -> None:
    mail = composed(match())
    link = re.compile(r"ada|example\.org", re.IGNORECASE)
    payloads = [tokens.read(SENDER.signing_key, purpose, token) for purpose, token in tokens_of(mail)]  # type: ignore[arg-type]
    assert not [found for found in [*links_in(mail.text), *map(str, payloads)] if link.search(found)]


def test_the_header_unsubscribes_as_the_footer_does() -> None:
    mail = composed(match())
    assert mail.headers["List-Unsubscribe"].strip("<>") in links_in(mail.text)


def test_dates_are_written_for_people() -> None:
    assert editions.long_date(date(2026, 5, 6)) == "Wednesday 6 May 2026"
    assert editions.short_date(date(2026, 5, 6) + timedelta(days=30)) == "5 Jun 2026"


def test_a_mail_that_is_only_looked_at_has_no_link_that_acts_for_anybody() -> None:
    sheet = make_sheet(match(), trending())
    shown, live = Page(compose(SENDER, sheet, live=False).html), Page(compose(SENDER, sheet).html)
    assert len(shown.links) == len(live.links)
    assert shown.words == live.words
    kept = {link for link in shown.links if link != "#"}
    assert kept == {paper.url for paper in sheet.papers.values()} | {
        f"{SENDER.base_url}/papers/{number}/similar" for number in sheet.papers
    }
    assert not re.search(r"/(vote|unsubscribe|manage|edition)/", compose(SENDER, sheet, live=False).html)
