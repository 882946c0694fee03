"""When two records are one work: they share an identifier, and a normalised title with its first author is one too."""

import hashlib
import re
import unicodedata

from digest.papers.latex import read_latex
from digest.sources.base import PaperRecord

Identifier = tuple[str, str]

_NOT_WORD = re.compile(r"[\W_]+")


def identifiers(record: PaperRecord) -> list[Identifier]:
    """Every (scheme, value) under which `record` is known; the last is made of its title and first author."""
    named = [(scheme, value) for scheme, value in sorted(record.ids.items()) if value]
    return [*named, ("title", title_key(record.title, record.authors))]


def title_key(title: str, authors: tuple[str, ...]) -> str:
    """A hash of the title and the first author's family name that spelling, case and LaTeX do not change."""
    folded = f"{normalise_title(title)}|{_family_name(authors[0]) if authors else ''}"
    return hashlib.blake2b(folded.encode(), digest_size=16).hexdigest()


def normalise_title(title: str) -> str:
    """The words of a title without case, accents, punctuation and LaTeX."""
    return _fold(read_latex(title))


def _family_name(author: str) -> str:
    """“Ada Lovelace” and “Lovelace, Ada” are both filed under lovelace."""
    family = author.partition(",")[0] if "," in author else author.rpartition(" ")[2]
    return _fold(family)


def _fold(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", plain.casefold()).strip()
