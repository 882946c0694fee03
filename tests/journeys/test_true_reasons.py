"""What stored editions say of their papers is true: each number is worked out once more from stored rows alone."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import TOPICS, make_paper, make_profile, make_subscriber
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from retelling import Interest, Store, direct
from sqlmodel import Session, select

from digest import pipeline, questions
from digest.embeddings import lexical
from digest.papers import sentences, trending
from digest.ranking.explanations import Account
from digest.settings import Settings
from digest.tables import Edition, EditionItem, Paper, Profile, ProfileExample, Signal, Subscriber
from digest.workshop import Workshop

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EACH = 24  # papers on a topic: enough for a covariance
CLOSE = 1e-3  # what single precision may take off a relevance
NAMES = ["Ada", "Bob", "Cy"]

topics = st.sampled_from(["", *TOPICS])
papers = st.lists(st.integers(1, EACH * len(TOPICS)), max_size=4)
interests = st.fixed_dictionaries(
    {
        "text": topics,
        "against": topics,
        "liked": papers,
        "disliked": papers,
        "keywords": st.lists(st.sampled_from(["spectra", "robot arm", "series 3", "zebra"]), max_size=2, unique=True),
        "authors": st.lists(st.sampled_from(NAMES), max_size=1),
        "balance": st.sampled_from([0.0, 0.15, 0.5]),
    }
)


@pytest.fixture(scope="module")
def shop(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A store of papers that mix topics, to which each example adds a reader."""
    folder = tmp_path_factory.mktemp("reasons")
    shutil.copy(migrated, folder / "digest.sqlite3")
    made = Workshop(
        Settings(
            _env_file=None,
            database_url=f"sqlite:///{folder / 'digest.sqlite3'}",
            data_dir=folder,
            encoder="hashing",
            transport="memory",
            sources=[],
            mail_from="Paper Digest <digest@papers.example>",
            secret_key="0123456789abcdef0123456789abcdef",
        )
    )
    chance = np.random.default_rng(5)
    with made.database.session() as session:
        for topic in TOPICS:
            for number in range(EACH):
                _write(session, topic, number, chance)
    yield made
    made.database.dispose()


def _write(session: Session, topic: str, number: int, chance: np.random.Generator) -> None:
    pieces = [f"Series {number % 7} of chapter {number} is told.", TOPICS[topic]]
    pieces += [TOPICS[other] for other in chance.choice(list(TOPICS), number % 3)]
    pieces.append(" ".join(chance.choice(" ".join(TOPICS.values()).replace(".", "").split(), 9)).capitalize() + ".")
    authors = [NAMES[number % len(NAMES)], f"Eve {number}"]
    order = chance.permutation(len(pieces)) if number % 2 else range(len(pieces))
    abstract = " ".join(pieces[place] for place in order)
    paper = make_paper(session, NOW, topic, abstract=abstract, authors=authors, announced_at=NOW - timedelta(hours=30))
    if number % 4 == 0:
        votes = int(chance.integers(1, 200))
        seen = {"source": "files", "kind": "votes", "observed_at": NOW - timedelta(hours=1)}
        session.add(Signal(paper_id=paper.id, value=votes, **seen))


def subscribe(shop: Workshop, wanted: Sequence[dict[str, Any]]) -> Subscriber:
    with shop.database.session() as session:
        reader = make_subscriber(session, NOW, papers_per_edition=30)
        for number, want in enumerate(wanted):
            given = {name: want[name] for name in ("keywords", "authors", "balance")}
            words = {name: TOPICS.get(want[name], "") for name in ("text", "against")}
            profile = make_profile(session, reader, name=f"interest {number}", **words, **given)
            signs = dict.fromkeys(want["liked"], 1) | dict.fromkeys(want["disliked"], -1)
            for age, (paper_id, sign) in enumerate(signs.items()):
                moment = NOW - 200 * age * DAY
                row = ProfileExample(profile_id=profile.id, paper_id=paper_id, sign=sign, created_at=moment)
                session.add(row)
    return reader


@given(st.lists(interests, min_size=1, max_size=2))
@settings(deadline=None, max_examples=25, phases=[Phase.explicit, Phase.generate])
def test_what_an_edition_says_of_its_papers_is_what_stored_rows_say(
    shop: Workshop, wanted: list[dict[str, Any]]
) -> None:
    reader = subscribe(shop, wanted)
    assert not any(report.failed or report.stopped for report in pipeline.run(shop, NOW))
    with shop.database.session(write=False) as session:
        store = Store(session, shop.encoder_name)
        profiles = session.exec(select(Profile).where(Profile.subscriber_id == reader.id)).all()
        known = {profile.id: Interest(session, store, profile, shop.encoder_name) for profile in profiles}
        query = select(EditionItem).join(Edition, Edition.id == EditionItem.edition_id)
        items = session.exec(query.where(Edition.subscriber_id == reader.id)).all()
    for item in items:
        if item.profile_id is not None:
            check(item, known[item.profile_id])
    check_explanations(shop, reader, items)


def check(item: EditionItem, interest: Interest) -> None:
    paper, reason, profile = interest.store.papers[item.paper_id], item.reason, interest.profile
    likeness = interest.likeness[paper.id]
    keywords = [phrase for phrase in profile.keywords if says(paper, phrase)]
    authors = [name for name in paper.authors if name in profile.authors]
    relevance = likeness + 2.0 * len(keywords) + 2.5 * bool(authors)
    assert item.relevance == pytest.approx(relevance, abs=CLOSE)
    assert item.relevance >= 1.5
    trend = 0.5 if paper.trend is None else paper.trend
    score = (1 - profile.balance) / (1 + np.exp(2 - relevance)) + profile.balance * trend
    assert item.score == pytest.approx(score, abs=CLOSE)
    assert (reason["keywords"], reason["authors"], reason["profile"]) == (keywords, authors, profile.name)
    assert reason["crowd"] == len(interest.strangers)
    further = [
        np.mean([interest.likeness[other] < likeness + by for other in interest.strangers]) for by in (-CLOSE, CLOSE)
    ]
    assert further[0] - 1e-4 <= reason["closer_than"] <= further[1]
    check_names(item, interest, paper)


def check_names(item: EditionItem, interest: Interest, paper: Paper) -> None:
    """The example, the words, the trend and the highlight."""
    store, reason = interest.store, item.reason
    cosines = {store.papers[key].title: float(store.vectors[key] @ store.vectors[paper.id]) for key in interest.liked()}
    if reason["like"] is None:
        assert max(cosines.values(), default=0) < 0.5 + CLOSE
    else:
        assert cosines[reason["like"]] >= max([0.5, *cosines.values()]) - CLOSE
    example = next((other for other in store.papers.values() if other.title == reason["like"]), None)
    told = f"{example.title}. {example.abstract}" if example else ""
    pairs, single = {*lexical.terms(told), *lexical.terms(interest.text)}, {*lexical.terms(interest.text)}
    for phrase in reason["words"]:
        assert says(paper, phrase)
        stems = lexical.words(phrase)
        assert set(map(" ".join, pairwise(stems))) <= pairs
        assert len(stems) > 1 or set(stems) <= single
    assert reason["trend"] == (paper.trend_facts if is_told(paper.trend_facts) else None)
    pieces, centre = sentences.split(paper.abstract), interest.centre()
    if not centre.any():
        assert item.highlight == ""
        return
    nearness = store.sentences[paper.id] @ direct(centre)
    assert nearness[pieces.index(item.highlight)] == pytest.approx(nearness.max(), abs=CLOSE)


def is_told(facts: dict[str, Any]) -> bool:
    """Whether a trend is a fact or likely, and no mere number."""
    if "votes" not in facts:
        return bool(facts["likely"])
    least = trending.BADGE_VOTES, trending.BADGE_HOURS, trending.BADGE_TIMES
    return all(facts[name] >= bound for name, bound in zip(("votes", "hours", "times"), least, strict=True))


def says(paper: Paper, phrase: str) -> bool:
    return f" {' '.join(lexical.words(phrase))} " in f" {' '.join(lexical.words(f'{paper.title}. {paper.abstract}'))} "


def check_explanations(shop: Workshop, reader: Subscriber, items: Sequence[EditionItem]) -> None:
    """`digest explain` gives the numbers of the edition, and they add up."""
    for item in items[::7]:
        found = questions.explain(shop, NOW, reader, f"#{item.paper_id}")
        assert [(sent.rank, sent.score, sent.relevance) for sent in found.sent] == [
            (item.rank, item.score, item.relevance)
        ]
        for account in found.accounts:
            add_up(account)
        if item.profile_id is not None:
            (theirs,) = [account for account in found.accounts if account.profile.id == item.profile_id]
            assert (theirs.relevance, theirs.score) == pytest.approx((item.relevance, item.score), abs=2e-4)
            assert theirs.standing.share == pytest.approx(item.reason["closer_than"], abs=1.1e-4)
            assert theirs.matches
            if item.reason["like"]:
                assert theirs.nearest
                assert theirs.nearest.paper.title == item.reason["like"]


def add_up(account: Account) -> None:
    assert account.parts
    assert account.parts.value == pytest.approx(account.likeness, abs=1e-4)
    assert account.relevance == pytest.approx(account.likeness + sum(wish.bonus for wish in account.granted), abs=1e-4)
    balance = account.profile.balance
    assert account.score == pytest.approx((1 - balance) * account.closeness + balance * account.trend, abs=1e-6)
