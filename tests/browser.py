"""A real installation and a real Chromium for the journeys: `digest serve` as a process, its mail in a folder."""

import email
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
from factories import TOPICS, make_paper
from playwright.sync_api import BrowserContext, Page, Playwright
from real_servers import skip, wait_until
from servers import find_free_port

from digest import pipeline
from digest.settings import Settings
from digest.tables import Signal
from digest.workshop import Workshop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAPERS_A_TOPIC = 14


class Installation:
    """A data folder with papers of today, and the web face on it as a process."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        self.folder, self.port = folder, find_free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        shutil.copy(migrated, folder / "digest.sqlite3")
        given = {"DATA_DIR": folder, "WEB_PORT": self.port, "BASE_URL": self.base, "SOURCES": "", "ENCODER": "hashing"}
        given["LIMITS"] = (
            "letters=99/hour;99/day,subscribe=99/minute;99/hour,sign-in=99/minute;99/hour,links=999/minute"
        )
        given["LIMITS"] += ",preview=999/minute,search=999/minute"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        self.environment = plain | {f"DIGEST_{name}": str(value) for name, value in given.items()}
        fields: dict[str, Any] = {name.lower(): value for name, value in given.items() if name != "SOURCES"}
        self.shop = Workshop(Settings(_env_file=None, **fields, sources=[]))

    def fill(self) -> None:
        """Papers on five topics, some of them with votes, ready to be ranked."""
        now = datetime.now(UTC)
        with self.shop.database.session() as session:
            for number in range(PAPERS_A_TOPIC):
                for topic in TOPICS:
                    paper = make_paper(session, now, topic, categories=["cs.LG"], published_on=now.date())
                    if number < 3:
                        session.add_all(self._votes(paper.id, now, 40 * (number + 1)))
        pipeline.prepare(self.shop, now)

    def _votes(self, paper_id: int, now: datetime, votes: int) -> list[Signal]:
        moments = ((now - timedelta(hours=1), votes), (now - timedelta(minutes=30), votes + 7))
        return [
            Signal(paper_id=paper_id, source="huggingface", kind="votes", observed_at=moment, value=value)
            for moment, value in moments
        ]

    def start(self) -> None:
        command = [sys.executable, "-m", "digest", "serve"]
        self.process = subprocess.Popen(command, env=self.environment, cwd=self.folder, start_new_session=True)
        wait_until(self.answers, "it answers", 180)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.base}/healthz", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(120)
        self.shop.database.dispose()

    def letters(self) -> list[str]:
        """The text parts of all mail that went out, oldest first."""
        files = sorted((self.folder / "outbox").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        mails = [email.message_from_bytes(path.read_bytes(), policy=default) for path in files]
        return [f"To: {mail['To']}\n{mail.get_body(('plain',)).get_content()}" for mail in mails]

    def link(self, address: str, path: str, patience: float = 180) -> str:
        """The newest link to a page under `path` in a mail to an address; it is waited for."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            mine = [letter for letter in self.letters() if address in letter.partition("\n")[0]]
            found = [link for letter in mine for link in re.findall(rf"{self.base}{path}/\S+", letter)]
            if found:
                return str(found[-1])
            time.sleep(0.2)
        raise TimeoutError(f"no mail to {address} has a link to {path}")


def find_chromium() -> str:
    """Where Chromium is; skips the test where there is none."""
    if CHROMIUM is None:
        skip("no Chromium on this machine: install Debian's package chromium")
    return str(CHROMIUM)


class Visitor:
    """A person at a browser: what the page asks of other hosts, and what the console says, is kept and judged."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base, self.context = base, context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._look)
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _look(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "about:")):
            self.strangers.append(request.url)

    def go(self, path: str) -> "Visitor":
        self.page.goto(self.base + path.removeprefix(self.base))
        return self

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def judge(self) -> None:
        """No other host was asked for anything, and the browser had nothing to complain of."""
        assert self.strangers == []
        ours = [said for said in self.complaints if "status of 4" not in said]  # a refused form is told as an error
        assert ours == []


@contextmanager
def visiting(playwright: Playwright, base: str, **options: Any) -> Iterator[Visitor]:
    """A browser of its own for one person."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=OPTIONS)
    try:
        visitor = Visitor(browser.new_context(**options), base)
        yield visitor
        visitor.judge()
    finally:
        browser.close()
