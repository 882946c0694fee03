"""Renders the demo's mail into the pictures of the README; needs Chromium. Run by `make pictures`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

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


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "DIGEST_DATA_DIR": str(folder / "data")}
        subprocess.run([sys.executable, "-m", "digest", "demo"], env=environment, check=True, capture_output=True)
        page = next((folder / "data/outbox").glob("*ada*.html"))
        photograph(page, PICTURES / "digest-desktop.png", (700, 1000))
        photograph(frame(page, folder, "#e9ecef"), PICTURES / "digest-phone.png", (500, 844))
        photograph(frame(page, folder, "#0b0e11"), PICTURES / "digest-phone-dark.png", (500, 844), *DARK)


if __name__ == "__main__":
    main()
