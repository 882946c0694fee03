"""LaTeX in titles, read as the characters that it stands for."""

import re

from pylatexenc.latex2text import LatexNodes2Text

_LATEX = re.compile(r"[\\${}~]")
_PERCENT = re.compile(r"(?<!\\)%")


def read_latex(text: str) -> str:
    """`text` with accents, Greek letters, formulas and ties as plain characters; text without LaTeX stays as it is."""
    if not _LATEX.search(text):
        return text
    plain = LatexNodes2Text().latex_to_text(_PERCENT.sub(r"\%", text))  # in a title, a per cent is no comment
    return " ".join(plain.split()) or text
