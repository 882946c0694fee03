"""Those who count citations (JSON): Semantic Scholar's batches of papers, and OpenAlex's works by DOI."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from world.doors.door import Ask, Page, Plain, Reply, View, as_json, spoil_json
from world.works import Work

_MOST_IDS = 500


class SemanticScholar(Plain):
    """POST `/s2/paper/batch?fields=` with `{"ids": ["ARXIV:...", "DOI:..."]}`: a list in order, null for unknown."""

    name = "s2"
    faults = ("malformed record", "all unknown")

    def refuse(self, _view: View, ask: Ask) -> Reply | None:
        if ask.method != "POST" or not ask.path.endswith("paper/batch"):
            return Reply(as_json({"error": "Not found"}), 404)
        ids = _read_ids(ask)
        if not ids or len(ids) > _MOST_IDS:
            return Reply(as_json({"error": "1 to 500 ids are expected"}), 400)
        return None

    def rows(self, view: View, ask: Ask) -> Sequence[Work | None]:
        return [_find(view, *_split(name)) for name in _read_ids(ask)]

    def bounds(self, _view: View, _ask: Ask) -> tuple[int, int]:
        return 0, _MOST_IDS

    def draw(self, view: View, ask: Ask, row: Work | None) -> dict[str, Any] | None:
        if row is None:
            return None
        whole = {
            "externalIds": {"ArXiv": row.arxiv.id} if row.arxiv else {},
            "title": row.title,
            "citationCount": citations(row, view),
            "influentialCitationCount": citations(row, view) // 9,
            "referenceCount": row.number % 60,
            "venue": "",
        }
        wanted = ask.values.get("fields", "title").split(",")
        return {"paperId": f"{row.number:040x}"} | {name: whole[name] for name in wanted if name in whole}

    def bind(self, _view: View, _ask: Ask, page: Page) -> Reply:
        return Reply(as_json(page.items))

    def spoil(self, item: dict[str, Any] | None, chance: Random) -> dict[str, Any] | None:
        return spoil_json(item, ("citationCount",), chance) if item else None


class OpenAlex(Plain):
    """`/openalex/works?filter=doi:A|B&per_page=&cursor=*&select=`; preprints of arXiv go by 10.48550/arXiv.ID."""

    name = "openalex"
    faults = ("empty feed", "malformed record")

    def refuse(self, _view: View, ask: Ask) -> Reply | None:
        if ask.path.strip("/") != "works" or not ask.values.get("filter", "").startswith("doi:"):
            return Reply(as_json({"error": "Invalid query parameters error."}), 400)
        return None

    def rows(self, view: View, ask: Ask) -> Sequence[Work]:
        dois = ask.values["filter"][4:].split("|")
        found = (_find(view, "doi", re.sub(r"^https?://doi\.org/", "", doi).lower()) for doi in dois)
        return list(dict.fromkeys(work for work in found if work))

    def bounds(self, _view: View, ask: Ask) -> tuple[int, int]:
        size = ask.number("per_page", ask.number("per-page", 25))
        cursor = ask.values.get("cursor", "*")
        start = int(cursor) if cursor.isdecimal() else (ask.number("page", 1) - 1) * size
        return start, size

    def draw(self, view: View, ask: Ask, row: Work) -> dict[str, Any]:
        doi = next(value for scheme, value in sorted(row.ids) if scheme == "doi")
        whole = {
            "id": f"https://openalex.org/W{row.number}",
            "doi": f"https://doi.org/{doi}",
            "title": row.title,
            "publication_date": f"{row.announced_at:%Y-%m-%d}",
            "cited_by_count": citations(row, view),
            "ids": {"openalex": f"https://openalex.org/W{row.number}", "doi": f"https://doi.org/{doi}"},
            "is_retracted": False,
        }
        wanted = ask.values.get("select")
        return {name: whole[name] for name in wanted.split(",") if name in whole} if wanted else whole

    def bind(self, _view: View, _ask: Ask, page: Page) -> Reply:
        end = page.start + page.size
        more = str(end) if end < page.total else None
        meta = {"count": page.total, "db_response_time_ms": 7, "per_page": page.size, "next_cursor": more}
        return Reply(as_json({"meta": meta, "results": page.items, "group_by": []}))

    def spoil(self, item: dict[str, Any], chance: Random) -> dict[str, Any]:
        return spoil_json(item, ("doi", "cited_by_count"), chance)


def citations(work: Work, view: View) -> int:
    """They grow by the day, faster for some than for others."""
    return max(0, (view.as_of - work.announced_at) // timedelta(days=1 + work.number % 9))


def _find(view: View, scheme: str, value: str) -> Work | None:
    """The work, if it was out as of the view."""
    work = view.world.find(scheme, value)
    return work if work and work.announced_at <= view.as_of else None


def _read_ids(ask: Ask) -> list[str]:
    try:
        ids = json.loads(ask.body)["ids"]
    except (ValueError, KeyError, TypeError):
        return []
    return [name for name in ids if isinstance(name, str)] if isinstance(ids, list) else []


def _split(name: str) -> tuple[str, str]:
    scheme, _, value = name.partition(":")
    scheme = scheme.lower()
    return scheme, value.lower() if scheme == "doi" else value
