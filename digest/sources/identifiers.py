"""Text from outside: arXiv ids and DOIs recognised in any of their spellings, and prose made clean."""

import re
from urllib.parse import unquote

_ARXIV_PREFIX = re.compile(
    r"(?:https?://)?(?:[a-z0-9-]+\.)?arxiv\.org/(?:abs|pdf|html|format|e-print|src)/|arxiv:\s*",
    re.ASCII | re.IGNORECASE,
)
# What people copy along with an id: a file ending, a query, and the category of the form "arXiv:2401.00001v2 [cs.CL]".
_ARXIV_TAIL = re.compile(r"(?:\.pdf)?/?(?:[?#]\S*)?(?:\s+\[[\w.-]+\])?", re.ASCII | re.IGNORECASE)
# Those that gave out ids of the old form, which ended in March 2007.
_OLD_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga|"
    "funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph|"
    "q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_ARXIV_ID = re.compile(
    r"(?:(?P<month>\d\d(?:0[1-9]|1[0-2]))\.(?P<number>\d{4,5})"
    rf"|(?P<archive>{_OLD_ARCHIVES})(?:\.[a-z]{{2}})?/(?P<old>\d\d(?:0[1-9]|1[0-2])\d{{3}}))"
    r"(?:v(?P<version>[1-9]\d{0,3}))?",
    re.ASCII | re.IGNORECASE,
)
_DOI_PREFIX = re.compile(r"(?:https?://)?(?:dx\.|www\.)?doi\.org/|doi:\s*", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S+", re.ASCII)
_ARXIV_DOI = "10.48550/arxiv."
_LAST_MONTH_OF_FOUR_DIGITS = "1412"
# Control characters other than white space, those that turn the words after them around or cannot be seen, and the half
# characters (surrogates) that no UTF-8 can hold.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def clean_text(text: str) -> str:
    """`text` without control characters, every run of white space one blank."""
    return " ".join(_UNPRINTABLE.sub("", text).split())


def parse_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """The arXiv id and the version named by an id, an `arXiv:` form or an address of a paper; None when it is neither.

    The subject class of an old id is no part of it: math.GT/0309136 and math/0309136 are one paper.
    """
    text = text.strip()
    prefix = _ARXIV_PREFIX.match(text)
    match = _ARXIV_ID.match(text, prefix.end() if prefix else 0)
    if match is None or not _ARXIV_TAIL.fullmatch(text, match.end()):
        return None
    version = int(match["version"]) if match["version"] else None
    if match["old"]:
        return f"{match['archive'].lower()}/{match['old']}", version
    # An id that lost its last digit on the way would name another paper.
    if len(match["number"]) != (4 if match["month"] <= _LAST_MONTH_OF_FOUR_DIGITS else 5):
        return None
    return f"{match['month']}.{match['number']}", version


def parse_doi(text: str) -> str | None:
    """The DOI in lower case, without `doi:` or the address of a resolver; None when `text` holds no DOI."""
    text = text.strip()
    prefix = _DOI_PREFIX.match(text)
    if prefix:
        text = text[prefix.end() :]
        text = unquote(text) if "://" in prefix[0] else text
    return text.lower() if _DOI.fullmatch(text) and text.isprintable() else None


def arxiv_id_of_doi(doi: str) -> str | None:
    """The arXiv id behind a DOI that arXiv itself gave out (10.48550/arXiv.2401.00001); None for any other."""
    if not doi.lower().startswith(_ARXIV_DOI):
        return None
    parsed = parse_arxiv_id(doi[len(_ARXIV_DOI) :])
    return parsed[0] if parsed else None
