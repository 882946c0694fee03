"""How fast a page of search results is in a large store, beside reading all vectors for every question.

The store is made up: papers lie around the embeddings of the sample's papers and are made of their sentences. Run it
with `python -m pytest -q -m benchmark tests/benchmarks/test_search.py`; `DIGEST_BENCH_PAPERS` says how many (500000).
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pytest
from sqlalchemy import text
from sqlmodel import select

from digest import questions
from digest.embeddings import background, index, vectors
from digest.embeddings.encoder import DEFAULT, unit
from digest.embeddings.shelf import EVERYTHING, Filter, Shelf
from digest.papers import listing, sentences
from digest.ranking import search
from digest.ranking.inquiries import DEPTH, Inquiry
from digest.settings import Settings
from digest.sources.sample import SampleSource
from digest.tables import PaperVector
from digest.workshop import Workshop

pytestmark = pytest.mark.benchmark

PAPERS = int(os.environ.get("DIGEST_BENCH_PAPERS", "500000"))
A_MONTH, ASKED, SENTENCES, SPREAD, CHUNK = 20_000, 40, 7, 0.9, 20_000
NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "stat.ML", "math.OC", "astro-ph.GA", "q-bio.BM", "econ.TH")
PAPER = (
    "INSERT INTO paper (id, title, abstract, authors, author_count, categories, url, source, announced_at,"
    " first_seen_at, trend, embedded_by) VALUES (?, ?, ?, '[]', 0, ?, '', 'files', ?, ?, ?, ?)"
)
VECTOR = "INSERT INTO paper_vector (paper_id, encoder, dimension, vector) VALUES (?, ?, ?, ?)"
SIGNAL = "INSERT INTO signal (paper_id, source, kind, observed_at, value) VALUES (?, 'hf', 'votes', ?, ?)"


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[tuple[Workshop, list[str]]]:
    """A large store, ranked by the default encoder where its weights are, and titles to ask for."""
    path = tmp_path / "digest.sqlite3"
    path.write_bytes(migrated.read_bytes())
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{path}",
        data_dir=tmp_path,
        encoder=DEFAULT,
        secret_key="0123456789abcdef" * 2,
    )
    shop = Workshop(settings)
    if shop.encoder is None:
        shop = Workshop(settings.model_copy(update={"encoder": "hashing"}))
    titles = fill(shop)
    with shop.database.session() as session:
        background.refresh(session, shop.encoder_name, NOW)
    yield shop, titles
    shop.database.dispose()


def fill(shop: Workshop) -> list[str]:
    samples = [r for r in SampleSource().fetch(NOW - timedelta(days=9_999), NOW) if hasattr(r, "title")]
    centres = shop.needed_encoder.encode([f"{sample.title}. {sample.abstract}" for sample in samples])
    spoken = [sentences.split(sample.abstract) for sample in samples]
    chance, dice = np.random.default_rng(7), random.Random(7)
    connection = shop.database.engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    for first in range(1, PAPERS + 1, CHUNK):
        ids = range(first, min(first + CHUNK, PAPERS + 1))
        topics = chance.integers(len(samples), size=len(ids))
        noise = chance.normal(size=(len(ids), centres.shape[1])).astype(np.float32) / np.sqrt(centres.shape[1])
        rows = unit(centres[topics] + SPREAD * noise).astype(np.float16)
        papers = []
        for number, topic in zip(ids, topics, strict=True):
            said = [
                dice.choice(spoken[topic if part < 3 else dice.randrange(len(samples))]) for part in range(SENTENCES)
            ]
            moment = str((NOW - (PAPERS - number) * timedelta(days=30) / A_MONTH).replace(tzinfo=None))
            chosen = json.dumps(dice.sample(CATEGORIES, dice.choice((1, 1, 2, 3))))
            trend = dice.random() if number % 10 == 0 else None
            title = f"{samples[topic].title} {number}"
            papers.append((number, title, " ".join(said), chosen, moment, moment, trend, shop.encoder_name))
        cursor.executemany(PAPER, papers)
        cursor.executemany(
            VECTOR, [(n, shop.encoder_name, rows.shape[1], row.tobytes()) for n, row in zip(ids, rows, strict=True)]
        )
        cursor.executemany(SIGNAL, [(p[0], p[4], p[0] % 97) for p in papers if p[6] is not None])
    cursor.execute("COMMIT")
    cursor.execute("ANALYZE")
    connection.close()
    return [sample.title for sample in samples][:ASKED]


@dataclass(frozen=True, order=True)
class Taken:
    """Seconds by the clock, and of the processor, which a busy machine leaves alone."""

    wall: float
    processor: float


def seconds(work: Callable[[], object]) -> float:
    return measure(work).wall


def measure(work: Callable[[], object]) -> Taken:
    started, used = perf_counter(), process_time()
    work()
    return Taken(perf_counter() - started, process_time() - used)


def megabytes() -> float:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_page_of_results_beside_reading_all_vectors(
    store: tuple[Workshop, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    shop, titles = store
    asked = shop.embed_texts(titles)
    taken: dict[str, list[Taken]] = {}
    facts: dict[str, str] = {}
    with shop.database.session(write=False) as session:
        question = search.ask_text(titles[0], asked[0])
        taken["all vectors read"] = [measure(lambda: search.search(session, shop.encoder_name, question, NOW, 20))]
        before = megabytes()
        shelf = Shelf(shop.encoder_name)
        facts["filling the shelf"] = f"{seconds(lambda: shelf.refresh(session)):.1f} s"
        facts["the shelf"] = f"{shelf.nbytes / 1e6:.0f} MB of arrays, {megabytes() - before:.0f} MB more in memory"
        facts["a refresh without news"] = f"{1000 * seconds(lambda: shelf.refresh(session)):.0f} ms"
        facts["recall@100 against exact"] = f"{recall(shop, shelf, asked):.4f}"
    facts["the first question"] = f"{seconds(lambda: questions.find(shop, Inquiry(titles[0]), NOW)):.1f} s"
    filtered = Filter(("cs",), NOW.date() - timedelta(days=90))
    for name, wanted in (("shelf alone", EVERYTHING), ("shelf alone, filtered", filtered)):
        taken[name] = [measure(lambda v=v, w=wanted: shelf.search(v, DEPTH, w)) for v in asked]
    for name, change in (
        ("a page, text known", ""),
        ("a page, text new, with the encoder", " again"),
    ):
        taken[name] = [measure(lambda t=t, c=change: questions.find(shop, Inquiry(t + c), NOW)) for t in titles]
    taken["a page, filtered"] = [
        measure(lambda t=t: questions.find(shop, Inquiry(t, filtered.categories, filtered.since), NOW)) for t in titles
    ]
    taken["encoder alone"] = [measure(lambda t=t: shop.needed_encoder.encode([t])) for t in titles]
    taken["similar papers"] = [measure(lambda n=n: questions.similar_to(shop, n, NOW, 10)) for n in range(1, ASKED)]
    with shop.database.session(write=False) as session:
        for name, period in (("a day", listing.day(NOW.date(), NOW)), ("a month", listing.month(2026, 4, NOW))):
            some = listing.count(session, period)
            taken[f"trending of {name} of {some}"] = [
                measure(lambda p=period: listing.top(session, p)) for _ in range(9)
            ]
    results = questions.find(shop, Inquiry(titles[0]), NOW)
    assert results.hits
    assert not results.weak
    with capsys.disabled():
        print(f"\n{len(shelf)} papers, {shop.encoder_name}, median of {ASKED}; {results.total} papers match the first")
        for name, fact in facts.items():
            print(f"{name:<36} {fact}")
        usual = taken["all vectors read"][0].wall
        for name, each in taken.items():
            wall, processor = (median(getattr(t, kind) for t in each) for kind in ("wall", "processor"))
            print(
                f"{name:<36} {1000 * wall:9.1f} ms {1000 * processor:9.1f} ms of processor"
                f"   1/{usual / wall:.0f} of reading all vectors"
            )


def recall(shop: Workshop, shelf: Shelf, asked: vectors.Vectors) -> float:
    """The share of the hundred truly nearest papers that the shelf finds among its first hundred."""
    with shop.database.session(write=False) as session:
        session.connection().execute(text("PRAGMA cache_size = -64000"))
        rows = session.exec(select(PaperVector.paper_id, PaperVector.vector).order_by(PaperVector.paper_id)).all()
    matrix = vectors.from_bytes(b"".join(content for _, content in rows), asked.shape[1])
    _, exact = index.search(asked, matrix, 100)
    shares = []
    for vector, best in zip(asked, exact, strict=True):
        _, found = shelf.search(vector, 100)
        shares.append(len({rows[place][0] for place in best} & set(found.tolist())) / 100)
    return float(np.mean(shares))
