"""Renders the demo's mail and pages into the pictures of the README; needs Chromium. Run by `make pictures`."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import Visitor, visiting
from playwright.sync_api import sync_playwright
from real_servers import wait_until
from servers import find_free_port
from sqlalchemy import delete
from sqlmodel import select

from digest.cli.demo import MOMENT
from digest.clock import utc_now
from digest.db import Database
from digest.tables import Edition, Paper, Signal

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/images"
CHROMIUM = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1.5",
]
DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")


def photograph(page: Path, picture: Path, size: tuple[int, int], *options: str) -> None:
    with tempfile.TemporaryDirectory() as profile:
        window = f"--window-size={size[0]},{size[1]}"
        target = [f"--user-data-dir={profile}", window, f"--screenshot={picture}", page.as_uri()]
        subprocess.run([*CHROMIUM, *options, *target], check=True, capture_output=True)


def frame(page: Path, folder: Path, background: str) -> Path:
    """A page that shows `page` at a phone's 375 px: headless Chromium has no window as narrow as that."""
    framed = folder / "phone.html"
    style = "display:block;margin:24px auto;border:8px solid #222;border-radius:28px"
    body = f'<iframe src="{page.as_uri()}" width="375" height="780" style="{style}"></iframe>'
    framed.write_text(f'<meta charset="utf-8"><body style="margin:0;background:{background}">{body}')
    return framed


def bring_forward(folder: Path) -> None:
    """Move the sample's days to today, so that the pages have news to show."""
    with Database(f"sqlite:///{folder / 'digest.sqlite3'}") as database, database.session() as session:
        late = utc_now() - MOMENT
        for paper in session.exec(select(Paper)):
            paper.announced_at += late
            paper.published_on = paper.announced_at.date()
        for signal in session.exec(select(Signal)):
            signal.observed_at += late
        session.exec(delete(Edition))  # so that nothing counts as sent


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def serve(environment: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen([sys.executable, "-m", "digest", "serve"], env=environment)
    wait_until(lambda: listens(port), "it serves", 60)
    return server


def photograph_pages(environment: dict[str, str], base: str) -> None:
    """The front page, the preferences, an interest with its preview, and what is trending."""
    command = [sys.executable, "-m", "digest", "subscribers", "sign-in-link", "ada@example.org"]
    link = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    with (
        sync_playwright() as playwright,
        visiting(playwright, base, viewport={"width": 900, "height": 1000}) as visitor,
    ):
        shoot(visitor, "home", "/")
        shoot(visitor, "trending", "/trending")
        visitor.go(link)
        visitor.press("Sign in")
        shoot(visitor, "preferences", "/preferences")
        visitor.page.set_viewport_size({"width": 1280, "height": 1000})
        visitor.go("/preferences/interests/1")
        visitor.page.get_by_label("Name", exact=True).press_sequentially(" ")
        visitor.page.frame_locator("#preview iframe.letter").locator("h1").wait_for(timeout=60_000)
        visitor.page.wait_for_timeout(500)
        visitor.page.screenshot(path=PICTURES / "preview.png")


def shoot(visitor: Visitor, name: str, path: str) -> None:
    visitor.go(path)
    visitor.page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), find_free_port()
        base = f"http://127.0.0.1:{port}"
        given = {"DATA_DIR": str(folder / "data"), "WEB_PORT": str(port), "BASE_URL": base, "SOURCES": ""}
        environment = os.environ | {f"DIGEST_{key}": value for key, value in given.items()}
        subprocess.run([sys.executable, "-m", "digest", "demo"], env=environment, check=True, capture_output=True)
        page = next((folder / "data/outbox").glob("*ada*.html"))
        photograph(page, PICTURES / "digest-desktop.png", (700, 1000))
        photograph(frame(page, folder, "#e9ecef"), PICTURES / "digest-phone.png", (500, 844))
        photograph(frame(page, folder, "#0b0e11"), PICTURES / "digest-phone-dark.png", (500, 844), *DARK)
        bring_forward(folder / "data")
        server = serve(environment, port)
        try:
            photograph_pages(environment, base)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
