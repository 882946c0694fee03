"""What a preview is made of: what would be stored, in its place among the others, and nothing is stored."""

from datetime import datetime

import pytest
from factories import like, make_paper, make_profile, make_subscriber
from scenes import everything

from digest.db import Database
from digest.ranking.previews import Wanted
from digest.subscribers import feedback, profiles, trials
from digest.subscribers.feedback import Vote
from digest.subscribers.interests import Interest
from digest.tables import Paper, Profile, Subscriber
from digest.workshop import Workshop


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


@pytest.fixture
def mamba(database: Database, ada: Subscriber) -> Profile:
    with database.session() as session:
        return make_profile(session, ada)


@pytest.fixture
def papers(database: Database, now: datetime) -> list[Paper]:
    with database.session() as session:
        return [make_paper(session, now) for _ in range(3)]


def said(wanted: list[Wanted]) -> list[tuple[str, list[int], list[int]]]:
    return [(want.profile.name, list(want.liked), list(want.disliked)) for want in wanted]


def test_a_stored_interest_is_wanted_with_all_its_examples(
    database: Database, mamba: Profile, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        like(session, mamba, papers[0])
        like(session, mamba, papers[1], -1)
        feedback.vote(session, session.get_one(Subscriber, mamba.subscriber_id), Vote(papers[2], 1), now)
        assert said([trials.stored(session, mamba)]) == [("mamba", [papers[0].id, papers[2].id], [papers[1].id])]


def test_a_draft_stands_in_the_place_of_what_it_changes(
    shop: Workshop, ada: Subscriber, mamba: Profile, papers: list[Paper]
) -> None:
    with shop.database.session() as session:
        like(session, mamba, papers[0])
        make_profile(session, ada, "robot")
        profiles.remove(session, make_profile(session, ada, "galaxy"), ada.created_at)
    before = everything(shop)
    with shop.database.session() as session:
        draft = Interest("Snakes", "Snakes.", liked=("2605.00099",), disliked=(f"{papers[1].title}",))
        changed = trials.with_draft(session, ada, draft, mamba)
        beside = trials.with_draft(session, ada, draft)
    assert said(changed) == [("Snakes", [], [papers[1].id]), ("robot", [], [])]
    assert said(beside) == [("mamba", [papers[0].id], []), ("robot", [], []), ("Snakes", [], [papers[1].id])]
    assert everything(shop) == before


def test_votes_go_on_to_count_unless_the_paper_is_chosen(
    database: Database, ada: Subscriber, mamba: Profile, papers: list[Paper], now: datetime
) -> None:
    """As it is when the draft is stored: what is chosen outweighs what a vote had said."""
    with database.session() as session:
        for paper, value in zip(papers, (-1, 1, -1), strict=True):
            feedback.vote(session, ada, Vote(paper, value, profile_id=mamba.id), now)
        draft = Interest("mamba", "Snakes.", liked=(papers[0].title,))
        (tried,) = trials.with_draft(session, ada, draft, mamba)
        assert (set(tried.liked), set(tried.disliked)) == ({papers[0].id, papers[1].id}, {papers[2].id})
        stored = trials.stored(session, profiles.change(session, mamba, draft, now))
        assert (set(stored.liked), set(stored.disliked)) == (set(tried.liked), set(tried.disliked))


@pytest.mark.parametrize("who", ["nobody", "ada"])
def test_what_cannot_be_taken_is_left_out_or_cut(database: Database, ada: Subscriber, who: str) -> None:
    reader = ada if who == "ada" else Subscriber(id=0, email="", link_key="", created_at=ada.created_at)
    wrong = Interest(
        "x" * 200,
        "text " * 9_000,
        liked=("https://evil.example/paper",),
        categories=("cs.LG", "cs.XX"),
        muted=("a", *(f"word {number}" for number in range(70)), "soon until 2026-99-99"),
        against="against " * 900,
        balance=-1.0,
        weight=99,
    )
    with database.session(write=False) as session:
        (want,) = trials.with_draft(session, reader, wrong)
        made = want.profile
        assert (len(made.name), len(made.text), len(made.against), len(made.muted)) == (80, 4_000, 1_000, 50)
        assert (made.categories, made.balance, made.weight) == (["cs.LG"], 0.3, 1.0)
        assert (want.liked, want.disliked) == ([], [])
