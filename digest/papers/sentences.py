"""Splits an abstract into sentences."""

import re

# A full stop ends a sentence when a blank and a capital, digit or bracket follow, unless it ends an abbreviation.
_END = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+(?=[\"“‘(\[]*[A-Z0-9$\\])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|etc|vs|cf|resp|approx|fig|eq|sec|no|dr|prof|st|[A-Z]))\.$", re.IGNORECASE
)
SHORTEST = 20  # characters; a shorter piece belongs to the sentence before it


def split(text: str) -> list[str]:
    """The sentences of `text`, in order; joined with single spaces they give the text again."""
    sentences: list[str] = []
    for piece in _pieces(" ".join(text.split())):
        glued = sentences and (_ABBREVIATION.search(sentences[-1]) or min(len(piece), len(sentences[-1])) < SHORTEST)
        if glued:
            sentences[-1] += f" {piece}"
        else:
            sentences.append(piece)
    return sentences


def _pieces(text: str) -> list[str]:
    ends = [(match.start(), match.end()) for match in _END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    # Closing quotes stay with the sentence that they close.
    stops = [*(start + len(text[start:end].rstrip()) for start, end in ends), len(text)]
    return [piece for start, stop in zip(starts, stops, strict=True) if (piece := text[start:stop].strip())]
