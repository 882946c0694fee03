"""A store on five topics and one reader, whom a ranker is asked about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber

from digest import pipeline
from digest.ranking import briefs, registry
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Library, load_library
from digest.ranking.profiles import Examples, load_examples
from digest.ranking.scoring import Floats, Queries
from digest.tables import Paper, Profile
from digest.workshop import Workshop

DAY = timedelta(days=1)


@dataclass
class Stall:
    """What a ranker gets, for one profile."""

    library: Library
    brief: Brief
    examples: Examples

    def ask(self, name: str) -> Queries:
        queries, _ = registry.find(name)(self.library, self.brief, self.examples)
        return queries

    def relevance(self, name: str) -> Floats:
        """Of each paper of the library."""
        found: Floats = self.ask(name).relevance(self.library.view)[0]
        return found


Open = Callable[..., Stall]


@pytest.fixture
def papers(shop: Workshop, now: datetime) -> dict[str, list[Paper]]:
    with shop.database.session() as session:
        return {topic: [make_paper(session, now, topic) for _ in range(20)] for topic in TOPICS}


@pytest.fixture
def profile(shop: Workshop, now: datetime) -> Profile:
    with shop.database.session() as session:
        return make_profile(session, make_subscriber(session, now), "mamba")


@pytest.fixture
def open_stall(shop: Workshop, now: datetime, papers: dict[str, list[Paper]], profile: Profile) -> Open:
    """The stall after the profile was given papers that it likes and dislikes."""

    def open_(liked: list[Paper] = [], disliked: list[Paper] = []) -> Stall:  # noqa: B006 - only read
        with shop.database.session() as session:
            for sign, given in ((1, liked), (-1, disliked)):
                for paper in given:
                    like(session, profile, paper, sign)
        pipeline.prepare(shop, now)
        with shop.database.session(write=False) as session:
            library = load_library(session, shop.encoder_name, now - DAY, now)
            assert library is not None
            brief = briefs.brief_on(session, shop.encoder_name, [profile], {})
            return Stall(library, brief, load_examples(session, library, brief.signs))

    assert papers
    return open_
