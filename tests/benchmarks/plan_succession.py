"""What planning for an encoder that is prepared costs, by how many papers are done, and the switch itself.

python tests/benchmarks/plan_succession.py [PAPERS]     100,000 by default, on SQLite
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session

from digest.db import Database, batches
from digest.embeddings import succession, vectors
from digest.embeddings.encoder import EncoderSpec
from digest.tables import Paper, PaperVector

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
OLD, NEW = EncoderSpec("hashing"), EncoderSpec("hashing", 64)
CHUNK = 5_000


def fill(database: Database, count: int) -> None:
    blob = np.ones(384, np.float16).tobytes()
    for ids in batches(range(1, count + 1), CHUNK):
        papers = [
            {
                "id": number,
                "title": f"Title {number}",
                "abstract": "word " * 200,
                "authors": [],
                "author_count": 0,
                "categories": [],
                "url": "",
                "source": "files",
                "announced_at": NOW - timedelta(minutes=count - number),
                "first_seen_at": NOW,
                "embedded_by": OLD.identity,
            }
            for number in ids
        ]
        with database.session() as session:
            session.connection().execute(insert(Paper), papers)
            store(session, OLD, ids, blob)


def store(session: Session, spec: EncoderSpec, ids: list[int], blob: bytes) -> None:
    rows = [{"paper_id": n, "encoder": spec.identity, "dimension": 384, "vector": blob} for n in ids]
    session.connection().execute(insert(PaperVector), rows)


def tell(database: Database, what: str, work: Callable[[Session], object], *, write: bool = False) -> None:
    with database.session(write=write) as session:
        started = perf_counter()
        work(session)
        print(f"{what:<42} {1000 * (perf_counter() - started):9.1f} ms")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, Database(f"sqlite:///{Path(folder)}/plan.sqlite3") as database:
        database.upgrade()
        fill(database, count)
        with database.session() as session:
            succession.adopt(session, OLD, NOW)
        tell(database, "tick, no encoder is prepared", lambda s: succession.plan_papers(s, NOW))
        with database.session() as session:
            succession.ask(session, NEW, NOW)
        order = range(count, 0, -1)
        done = 0
        for share in (0, 0.25, 0.9, 1):
            wanted = int(share * count)
            for ids in batches(order[done:wanted], CHUNK):
                with database.session() as session:
                    store(session, NEW, ids, b"\0" * 768)
            done = wanted
            tell(database, f"plan of papers, {share:.0%} done", lambda s: succession.plan_papers(s, NOW))
            tell(database, f"plan of the switch, {share:.0%} done", lambda s: succession.plan_switch(s, NOW))
        tell(database, "marks at the switch", lambda s: vectors.mark_prepared(s, NEW.identity), write=True)
        tell(database, "the next tick's plan", lambda s: vectors.plan_papers(s, NEW.identity))


if __name__ == "__main__":
    main()
