"""LaTeX in titles, read as the characters that it stands for."""

import logging
import re

from pylatexenc.latex2text import LatexNodes2Text

LONGEST = 2_000  # characters; no title is longer
MOST_BRACKETS = 6  # the parser tries both ways at each that stays open, and so takes twice as long for every one
_LATEX = re.compile(r"[\\${}~]")
_PERCENT = re.compile(r"(?<!\\)%")

logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)  # it warns of every macro that is used wrongly


def read_latex(text: str) -> str:
    """`text` with accents, Greek letters, formulas and ties as plain characters; text without LaTeX stays as it is.

    So does what nobody writes in good faith, for titles come from strangers.
    """
    if not _LATEX.search(text) or len(text) > LONGEST or text.count("[") > MOST_BRACKETS:
        return text
    try:
        plain = LatexNodes2Text().latex_to_text(_PERCENT.sub(r"\%", text))  # in a title, a per cent is no comment
    except Exception:  # noqa: BLE001 - a macro without what belongs to it, or in a place where it is not known
        return text
    return " ".join(plain.split()) or text
