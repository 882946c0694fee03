"""What reference managers export, taken apart: BibTeX, RIS, and the JSON of CSL and Zotero.

Only what names a paper is read: its ids and links in the order in which they are to be believed, and its title.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import bibtexparser
from bibtexparser.middlewares import NormalizeFieldKeys
from bibtexparser.model import Entry, ParsingFailedBlock

from digest.errors import InvalidRequest
from digest.papers.latex import read_latex
from digest.sources.identifiers import clean_text

NEWLINE = re.compile(r"\r\n|\r|\n")
MOST_ENTRIES = 1_000  # more take seconds to parse
_BIBTEX = re.compile(r"\s*@[A-Za-z]+\s*[{(]")
_RIS = re.compile(r"\s*TY  ?-")
_RIS_FIELD = re.compile(r"([A-Z][A-Z0-9])  ?-\s*(.*)")
_JSON = re.compile(r"\s*(?:\{\s*\"|\[\s*\{)")
_ARXIV_NOTE = re.compile(r"arxiv:\s*[\w.-]+(?:/\d+)?", re.IGNORECASE)
_BRACES = re.compile(r"[{}]")

logging.getLogger("bibtexparser").setLevel(logging.ERROR)  # its warnings quote what a person pasted


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of an export: the line where it begins, or why it cannot be read."""

    number: int
    names: tuple[str, ...] = ()
    title: str = ""
    wrong: str = ""


def read(text: str) -> list[Reference] | None:
    """The entries of an export; None when `text` is none. Raises InvalidRequest when it is broken or far too long."""
    if _BIBTEX.match(text):
        if (count := text.count("@")) > MOST_ENTRIES:
            raise InvalidRequest(f"{count:,} papers are too many: paste some of them.")
        return list(_read_bibtex(text))
    if _RIS.match(text):
        return list(_read_ris(text))
    return list(_read_json(text)) if _JSON.match(text) else None


def _read_bibtex(text: str) -> Iterator[Reference]:
    for block in bibtexparser.parse_string(text, append_middleware=[NormalizeFieldKeys()]).blocks:
        number = (block.start_line or 0) + 1
        if isinstance(block, Entry):
            fields = {field.key: clean_text(str(field.value)) for field in block.fields}
            yield Reference(number, _names_of_entry(fields), _BRACES.sub("", read_latex(fields.get("title", ""))))
        elif isinstance(block, ParsingFailedBlock):
            yield Reference(number, wrong="this BibTeX entry cannot be read: look for a missing brace or comma")


def _names_of_entry(fields: Mapping[str, str]) -> tuple[str, ...]:
    kind = fields.get("archiveprefix", fields.get("eprinttype", "arxiv")).lower()
    eprint = f"arXiv:{fields['eprint']}" if kind == "arxiv" and fields.get("eprint") else ""
    noted = [match[0] for key in ("journal", "note", "howpublished") for match in _noted(fields.get(key, ""))]
    names = [eprint, fields.get("url", ""), *noted, fields.get("doi", "")]
    return tuple(_BRACES.sub("", name).replace("\\", "") for name in names if name)


def _read_ris(text: str) -> Iterator[Reference]:
    start, fields = 0, dict[str, list[str]]()
    for number, line in enumerate(NEWLINE.split(text), start=1):
        match = _RIS_FIELD.match(line.strip())
        tag, value = match.groups() if match else ("", "")
        if tag == "TY" and fields:  # the end of the one before is missing
            yield _of_ris(start, fields)
        if tag == "TY":
            start, fields = number, {"TY": [value]}
        elif tag == "ER" and fields:
            yield _of_ris(start, fields)
            fields = {}
        elif tag and fields:
            fields.setdefault(tag, []).append(value)
    if fields:
        yield _of_ris(start, fields)


def _of_ris(number: int, fields: Mapping[str, list[str]]) -> Reference:
    noted = (
        match[0] for tag in ("JO", "T2", "PB", "N1", "AN") for text in fields.get(tag, ()) for match in _noted(text)
    )
    names = [*(value for tag in ("UR", "L1", "L2") for value in fields.get(tag, ())), *noted, *fields.get("DO", ())]
    title = next((fields[tag][0] for tag in ("TI", "T1", "CT") if tag in fields), "")
    return Reference(number, tuple(names), clean_text(title))


def _read_json(text: str) -> Iterator[Reference]:
    """Items of CSL-JSON, of Zotero's own export ({"items": […]}) and of its interface ([{"data": {…}}])."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("This export cannot be read as JSON: copy all of it once more.") from error
    items = content.get("items", [content]) if isinstance(content, dict) else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidRequest("This export holds no list of papers: choose CSL JSON, BibTeX or RIS when you export.")
    for place, item in enumerate(items, start=1):
        data = item.get("data")
        yield _of_item(place, data if isinstance(data, dict) else item)


def _of_item(place: int, item: Mapping[str, object]) -> Reference:
    fields = {str(key).lower(): clean_text(value) for key, value in item.items() if isinstance(value, str)}
    noted = (match[0] for key in ("archiveid", "number", "extra", "note") for match in _noted(fields.get(key, "")))
    names = [fields.get("url", ""), *noted, fields.get("doi", "")]
    return Reference(place, tuple(name for name in names if name), fields.get("title", ""))


def _noted(text: str) -> Iterator[re.Match[str]]:
    """Where a note says “arXiv:2401.00001”."""
    return _ARXIV_NOTE.finditer(text)
