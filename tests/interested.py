"""Somebody who is signed in and has interests, with papers to choose from; and what the pages of interests show."""

import base64
import hashlib
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser

from browsing import Browser
from factories import make_profile, make_subscriber
from scenes import bring

from digest import pipeline, tokens
from digest.tables import Subscriber
from digest.workshop import Workshop

ADA = "ada@example.org"
NASTY = "<script>alert('1')</script>\"&\r\n</iframe>"
ALL = "/preferences/interests"


def stock(shop: Workshop, now: datetime) -> None:
    """Six new papers on each of five topics, ready to be ranked; nobody gets mail for it."""
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    pipeline.prepare(shop, now)


def come_in(shop: Workshop, browser: Browser, now: datetime, *topics: str) -> Subscriber:
    """Ada, signed in, with an interest in each topic; her first edition is due."""
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, confirmed_at=now, feed_key=tokens.draw_key())
        for topic in topics:
            make_profile(session, ada, topic)
    browser.sign_in(ADA)
    return ada


class Shown(HTMLParser):
    """A page: its ids, the links of its error summary, its styles, and the letter that it shows in a frame."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.scripts: list[str | None] = []
        self.letter = ""
        self._in_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.styles += [given["style"]] if "style" in given else []
        self.letter = given.get("srcdoc", self.letter)
        self._in_style = tag == "style"
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "script":
            self.scripts.append(given.get("src"))

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    @property
    def repeated_ids(self) -> list[str]:
        return [name for name, count in Counter(self.ids).items() if count > 1]

    @property
    def broken_links(self) -> list[str]:
        """Links within the page that lead nowhere."""
        return [link for link in self.links if link.startswith("#") and link[1:] not in self.ids]

    @property
    def style_hashes(self) -> set[str]:
        """As a browser computes them, to be named by the content policy."""
        digests = {hashlib.sha256(style.encode()).digest() for style in self.styles}
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}


def check_policy(policy: str, page: str) -> None:
    """The policy lets in the styles of the letter that the page shows, and does so by their hashes."""
    letter = Shown(Shown(page).letter)
    assert len(letter.style_hashes) > 5
    allowed = next(rule for rule in policy.split("; ") if rule.startswith("style-src")).split()
    assert letter.style_hashes <= set(allowed)
    assert "unsafe-inline" not in policy
    assert "script-src 'self';" in policy
    assert Shown(page).styles == letter.scripts == []
