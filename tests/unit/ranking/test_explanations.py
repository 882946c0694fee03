"""An explanation has the numbers of the edition, says what shuts a paper out, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import pipeline, questions
from digest.embeddings.encoder import LEXICAL
from digest.errors import InvalidRequest
from digest.ranking import registry
from digest.ranking.explanations import Account, Explanation
from digest.tables import EditionItem, Feedback, Paper, Subscriber
from digest.workshop import Workshop

DAY = timedelta(days=1)


@dataclass
class Stage:
    """A store on five topics, and one reader of robots and auctions."""

    shop: Workshop
    now: datetime
    reader: Subscriber
    papers: dict[str, list[Paper]] = field(default_factory=dict)

    def explain(self, paper: Paper, ranker: str = "") -> Explanation:
        pipeline.prepare(self.shop, self.now)
        return questions.explain(self.shop, self.now, self.reader, f"#{paper.id}", ranker)

    def account(self, paper: Paper, name: str = "robots") -> Account:
        return next(one for one in self.explain(paper).accounts if one.profile.name == name)


@pytest.fixture
def open_stage(shop: Workshop, now: datetime) -> Callable[..., Stage]:
    def open_(**wishes: Any) -> Stage:
        with shop.database.session() as session:
            papers = {topic: [make_paper(session, now, topic) for _ in range(8)] for topic in TOPICS}
            reader = make_subscriber(session, now)
            robots = make_profile(session, reader, "robot", name="robots", against=TOPICS["galaxy"], **wishes)
            make_profile(session, reader, "auction", name="auctions")
            for topic, sign in (("robot", 1), ("protein", -1)):
                like(session, robots, papers[topic][0], sign)
        return Stage(shop, now, reader, papers)

    return open_


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
@pytest.mark.parametrize("ranker", registry.names())
def test_it_has_the_numbers_of_the_edition(open_stage: Callable[..., Stage], ranker: str, encoder: str) -> None:
    stage = open_stage(keywords=["tactile feedback"])
    stage.shop.encoder_name = encoder
    stage.shop.method = replace(stage.shop.method, ranker=ranker)
    pipeline.prepare(stage.shop, stage.now)
    picks = [pick for pick in questions.preview(stage.shop, stage.now, stage.reader).picks if pick.profile_id]
    assert picks
    for pick in picks[:4]:
        best = stage.explain(pick.paper).accounts[0]
        assert (best.profile.id, best.matches, best.found) == (pick.profile_id, True, True)
        assert (best.relevance, best.score) == pytest.approx((pick.relevance, pick.score), abs=2e-4)
        assert best.standing.share == pytest.approx(pick.reason["closer_than"], abs=1.1e-4)
        assert best.parts
        assert best.parts.value == pytest.approx(best.likeness, abs=1e-4)


def test_every_piece_of_evidence_is_there(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage()
    found = stage.account(stage.papers["robot"][1])
    assert found.parts
    assert [(piece.kind, piece.papers) for piece in found.parts.pieces] == [
        ("words", 0), ("likes", 1), ("dislikes", 1), ("against", 0)
    ]  # fmt: skip
    assert found.nearest
    assert found.nearest.paper.id == stage.papers["robot"][0].id
    assert "robot" in " ".join(term for term, _ in found.terms)
    assert all(abs(one) >= abs(other) for (_, one), (_, other) in zip(found.terms, found.terms[1:], strict=False))


def test_wishes_are_granted_by_name(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage(keywords=["tactile feedback", "zebra"], authors=["bob writer", "Nobody"])
    found = stage.account(stage.papers["robot"][1])
    assert [(wish.kind, wish.name, wish.bonus) for wish in found.granted] == [
        ("keyword", "tactile feedback", 2.0),
        ("author", "bob writer, Nobody", 2.5),
    ]
    assert found.relevance == pytest.approx(found.likeness + 4.5, abs=1e-4)


@pytest.mark.parametrize(
    ("wishes", "limit"),
    [
        ({"muted": ["tactile"]}, "mutes “tactile”"),
        ({"categories": ["math"]}, "only math"),
        ({"required": ["quantum", "gravity"]}, "only with “quantum”, “gravity”"),
    ],
)
def test_limits_say_what_shuts_a_paper_out(
    open_stage: Callable[..., Stage], wishes: dict[str, Any], limit: str
) -> None:
    stage = open_stage(**wishes)
    with stage.shop.database.session() as session:
        paper = session.get_one(Paper, stage.papers["robot"][1].id)
        paper.categories = ["cs.RO"]
    found = stage.explain(stage.papers["robot"][1])
    assert [account.profile.name for account in found.accounts] == ["auctions", "robots"]  # what is shut out comes last
    assert found.accounts[1].limits == [limit]
    assert not found.accounts[1].matches
    assert not found.accounts[0].limits


def test_an_example_of_its_own_is_shut_out(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage()
    assert stage.account(stage.papers["robot"][0]).limits == ["it is one of its own examples"]


def test_what_was_sent_and_voted_on_is_told(open_stage: Callable[..., Stage], now: datetime) -> None:
    stage = open_stage()
    pipeline.run(stage.shop, now)
    with stage.shop.database.session() as session:
        item = session.exec(select(EditionItem).where(EditionItem.rank == 1)).one()
        paper = session.get_one(Paper, item.paper_id)
        session.add(Feedback(subscriber_id=stage.reader.id, paper_id=paper.id, value=-1, created_at=now))
    found = stage.explain(paper)
    (sent,) = found.sent
    assert (sent.rank, sent.score, sent.relevance, sent.ranker) == (1, item.score, item.relevance, "standard")
    assert (sent.state, found.vote) == ("sent", -1)
    assert found.limits == ["it was sent or voted on before"]


def test_a_paper_from_before_the_window_is_explained_all_the_same(
    open_stage: Callable[..., Stage], now: datetime
) -> None:
    stage = open_stage()
    with stage.shop.database.session() as session:
        old = make_paper(session, now, "robot", announced_at=now - 90 * DAY)
    found = stage.explain(old)
    assert found.limits == ["it was announced on 2026-02-05, before the window of the next edition"]
    assert found.accounts[0].relevance == pytest.approx(
        stage.explain(stage.papers["robot"][1]).accounts[0].relevance, abs=0.4
    )
    assert not found.sent


def test_a_ranker_that_shows_no_workings_still_has_a_score(
    open_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = open_stage()
    whole = stage.account(stage.papers["robot"][1])
    monkeypatch.setattr(registry, "find_shower", lambda _name: None)
    bare = stage.account(stage.papers["robot"][1])
    assert (bare.parts, bare.terms) == (None, [])
    assert (bare.relevance, bare.score) == (whole.relevance, whole.score)


def test_another_ranker_may_be_named(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage()
    found = stage.explain(stage.papers["robot"][1], "cosine")
    assert found.ranker == "cosine"
    assert found.accounts[0].parts
    assert [piece.kind for piece in found.accounts[0].parts.pieces] == ["likes"]


def test_what_cannot_be_explained_is_said(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        paper, reader = make_paper(session, now), make_subscriber(session, now)
    with pytest.raises(InvalidRequest, match="No paper can be ranked yet"):
        questions.explain(shop, now, reader, f"#{paper.id}")
    pipeline.prepare(shop, now)
    with pytest.raises(InvalidRequest, match="no active interest"):
        questions.explain(shop, now, reader, f"#{paper.id}")
    with shop.database.session() as session:
        make_profile(session, reader)
        fresh = make_paper(session, now)
    with pytest.raises(InvalidRequest, match="no vector yet"):
        questions.explain(shop, now, reader, f"#{fresh.id}")
    with pytest.raises(InvalidRequest, match="No stored paper"):
        questions.explain(shop, now, reader, "2605.99999")
