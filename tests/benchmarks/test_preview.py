"""How long somebody waits for a preview of interests that they try out. Off by default: `make bench`."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pytest
from factories import make_subscriber
from sqlmodel import insert

from digest import questions
from digest.composing.editions import compose
from digest.db import Database
from digest.embeddings import background
from digest.embeddings.encoder import DEFAULT, Encoder, unit
from digest.embeddings.vectors import to_bytes
from digest.papers import sentences
from digest.questions import Preview
from digest.ranking import editions, previews
from digest.ranking.desks import Reader
from digest.ranking.libraries import RECENT
from digest.ranking.previews import Wanted
from digest.settings import Settings
from digest.sources.base import PaperRecord
from digest.sources.sample import SampleSource
from digest.tables import Paper, PaperVector, Profile, ProfileExample, Subscriber
from digest.workshop import Workshop

PAPERS, LENGTH, EXAMPLES, MUTES, ROUNDS = 10_000, 1_200, 5, 10, 15
EPOCH = datetime(1991, 8, 14, tzinfo=UTC)
TURNS = count(1)  # nothing that is measured was asked before
pytestmark = pytest.mark.benchmark


@pytest.fixture
def shop(settings: Settings) -> Workshop:
    """With the real encoder where its weights are on this machine."""
    real = Workshop(settings.model_copy(update={"encoder": DEFAULT}))
    return real if real.encoder is not None else Workshop(settings)


def fill(database: Database, encoder: Encoder, now: datetime) -> None:
    """Papers of the last week, each of whole sentences of three sample papers, with the sentences' mean as its vector.

    To embed them all in earnest would take longer than all the rest, and the ranker could not tell.
    """
    chance = random.Random(7)
    records = [record for record in SampleSource().fetch(EPOCH, now) if isinstance(record, PaperRecord)]
    pieces = [sentences.split(record.abstract) for record in records]
    known = list({sentence for piece in pieces for sentence in piece})
    vectors = dict(zip(known, encoder.encode(known), strict=True))
    papers, stored = [], []
    for number in range(1, PAPERS + 1):
        first, *_ = mixed = chance.sample(range(len(records)), 3)
        text = make_abstract([sentence for place in mixed for sentence in pieces[place]], chance)
        rows = np.array([vectors[sentence] for sentence in text])
        papers.append(
            {
                **Paper(
                    id=number,
                    title=f"{records[first].title} {number}",
                    abstract=" ".join(text),
                    authors=[f"{chance.choice('ABCDEFG')}. Author{chance.randrange(PAPERS)}" for _ in range(5)],
                    author_count=5,
                    categories=list(records[first].categories),
                    url=f"https://arxiv.org/abs/2605.{number:05}",
                    source="arxiv",
                    announced_at=now - chance.random() * RECENT,
                    first_seen_at=now,
                    trend=chance.random(),
                ).model_dump()
            }
        )
        row = {"paper_id": number, "encoder": encoder.name, "dimension": encoder.dimension}
        stored.append(row | {"vector": to_bytes(unit(rows.mean(axis=0))), "sentences": to_bytes(rows)})
    with database.session() as session:
        session.execute(insert(Paper), papers)
        session.execute(insert(PaperVector), stored)
        background.refresh(session, encoder.name, now)


def make_abstract(supply: list[str], chance: random.Random) -> list[str]:
    chance.shuffle(supply)
    while sum(map(len, supply)) > LENGTH and len(supply) > 1:
        supply.pop()
    return list(dict.fromkeys(supply))


def make_interests(subscriber: Subscriber, many: int, turn: int) -> list[Wanted]:
    """Each with a text that was never embedded before, examples, words to mute and an author to follow."""
    topics = ["state space models for long sequences", "robots that grasp by touch", "protein structure prediction"]
    mutes = ["survey", "medical imaging", "benchmark", "quantum", "blockchain", "weather", "music", "traffic"]
    return [
        Wanted(
            Profile(
                subscriber_id=subscriber.id,
                name=topic,
                text=f"I work on {topic}, and want to know of new methods and of theory. Try {turn}.",
                muted=[*mutes, f"learning {turn}", "of the"][:MUTES],
                authors=["A. Author7"],
                created_at=subscriber.created_at,
            ),
            liked=range(1 + number, 1 + number + EXAMPLES),
        )
        for number, topic in enumerate(topics[:many])
    ]


def make_phrases() -> list[str]:
    """Fifty that were never looked for before, half of them of words that many papers have."""
    words = ["graph", "learning", "quantum", "model", "galaxy", "data", "protein", "of the", "robot", "method"]
    return [f"{word} {next(TURNS)}" for word in words * 5]


def clock(work: Callable[[], object]) -> str:
    """The median milliseconds of a piece of work: by the wall, and of this process's cores."""
    taken = []
    for _ in range(ROUNDS):
        started, busy = perf_counter(), process_time()
        work()
        taken.append((perf_counter() - started, process_time() - busy))
    wall, cpu = (median(column) * 1000 for column in zip(*taken, strict=True))
    return f"{wall:8.1f} ms, {cpu:8.1f} ms of CPU"


def measure(shop: Workshop, now: datetime, reader: Subscriber, many: int) -> dict[str, str]:
    """A whole preview of `many` interests and its parts."""
    library, who = shop.recent_library(now), previews.transient_reader(reader, now)
    trial = previews.try_out(make_interests(reader, many, 0), who, shop.embed_texts)
    shown = questions.preview_interests(shop, now, reader, make_interests(reader, many, 0))
    assert len(shown.draft.picks) == reader.papers_per_edition

    def embed() -> None:
        previews.try_out(make_interests(reader, many, next(TURNS)), who, shop.embed_texts)

    def rank() -> None:
        with shop.database.session(write=False) as session:
            previews.rehearse(session, library, Reader(who, now - RECENT), trial, now)

    def render() -> None:
        edition = editions.transient(who, shown.draft, now, shop.encoder_name)
        compose(shop.sender, questions.lay_out(who, trial.profiles, shown.draft, edition), live=False)

    def whole() -> Preview:
        return questions.preview_interests(shop, now, reader, make_interests(reader, many, next(TURNS)))

    works = {"embedding": embed, "ranking": rank, "rendering": render, "the whole preview": whole}
    return {name: clock(work) for name, work in works.items()}


def test_a_preview_beside_its_parts(shop: Workshop, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.encoder is not None
    fill(shop.database, shop.encoder, now)
    with shop.database.session() as session:
        reader = make_subscriber(session, now)
        for want in make_interests(reader, 3, 0):
            session.add(want.profile)
            session.flush()
            session.add_all(
                ProfileExample(profile_id=want.profile.id, paper_id=paper, created_at=now) for paper in want.liked
            )
    nobody = Subscriber(email="", status="pending", link_key="", created_at=now)
    shop.embed_texts(["warm"])
    started = perf_counter()
    library = shop.recent_library(now)
    built = perf_counter() - started
    assert library is not None
    found = {
        f"{many} interests of {who}": measure(shop, now, row, many)
        for many in (1, 3)
        for who, row in (("nobody yet", nobody), ("a reader with 3 stored ones", reader))
    }
    shop.database.dispose()
    with capsys.disabled():
        length = sum(len(paper.abstract) for paper in library.papers) / len(library.papers)
        print(f"\n{len(library.papers)} papers of {length:.0f} characters, by {shop.encoder_name}, median of {ROUNDS}")
        print(f"{'building the library':<28} {built * 1000:8.0f} ms")
        print(f"{'50 muted phrases':<28} {clock(lambda: library.mention_any(make_phrases()))}")
        for what, parts in found.items():
            print(what)
            for name, taken in parts.items():
                print(f"  {name:<26} {taken}")
