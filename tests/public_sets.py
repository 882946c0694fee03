"""A tiny evaluation set of our own, and where the public ones lie."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from factories import TOPICS

from digest.embeddings.encoder import HashingEncoder
from digest.evaluation import comparison, datasets
from digest.evaluation.comparison import Bench
from digest.evaluation.conditions import Conditions, choose_users, make_readers
from digest.evaluation.tasks import Task
from digest.evaluation.vectors import Cache

SHARED = Path(__file__).resolve().parents[2] / "shared/eval"
Row = Mapping[str, Any]


def quiet(_name: str, _done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def paper_rows(each: int = 16) -> list[Row]:
    """Papers of every topic; each topic's last quarter is held out."""
    return [
        {
            "id": f"{topic}{number}",
            "title": f"{topic.title()} study number {number}",
            "abstract": f"{sentence} Series {number % 5} of {topic} trials is described in chapter {number}.",
            "year": 2010 + number,
            "cold": number >= each * 3 // 4,
        }
        for topic, sentence in TOPICS.items()
        for number in range(each)
    ]


def user_rows(likes: int = 11) -> list[Row]:
    """A user per topic, who likes its first papers and, held out, its last four."""
    return [
        {
            "user": f"friend of {topic}",
            "profile": [f"{topic}{number}" for number in range(likes)],
            "relevant": [f"{topic}{number}" for number in range(12, 16)],
        }
        for topic in TOPICS
    ]


def write_set(folder: Path, papers: Sequence[Row] | None = None, users: Sequence[Row] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in ((datasets.PAPERS, papers), (datasets.USERS, users)):
        made = rows if rows is not None else (paper_rows() if name == datasets.PAPERS else user_rows())
        with gzip.open(folder / name, "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in made)
    return folder


def open_tiny(folder: Path, encoder: str = HashingEncoder.name, users: Sequence[Row] | None = None) -> Bench:
    """The tiny set on a bench; no encoder by the name ''."""
    cache = Cache(folder / "cache", encoder, HashingEncoder)
    return comparison.open_bench(datasets.load(write_set(folder / "tiny", users=users)), cache, quiet)


def make_task(bench: Bench, under: Conditions | None = None) -> Task:
    under = under or Conditions()
    users = choose_users(bench.dataset, under)
    readers = make_readers(bench.dataset, users, under, bench.cache.embedder(quiet))
    return Task(bench.dataset.papers, bench.vectors, bench.dataset.held_out, readers, bench.cache.name)
