"""A reason is true: each of its numbers and names is what stored data says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from scipy import sparse

from digest import pipeline, questions
from digest.embeddings import lexical
from digest.embeddings.background import Crowd
from digest.embeddings.encoder import LEXICAL, HashingEncoder
from digest.embeddings.vectors import paper_text, profile_text
from digest.papers import sentences
from digest.ranking import drafts, reasons, scoring
from digest.ranking.briefs import brief_on
from digest.ranking.candidates import Library, load_library
from digest.ranking.drafts import Pick
from digest.ranking.methods import USUAL
from digest.ranking.model import make_model
from digest.ranking.profiles import USUAL_WORTH, Examples, gather, load_examples
from digest.ranking.scoring import Floats, Queries, Standing, View
from digest.tables import Paper, Profile
from digest.workshop import Workshop

DAY = timedelta(days=1)
HOT = {"votes": 90, "hours": 20.0, "times": 5.0}
MATCH = {"kind": "match", "profile": "SSM", "closer_than": 0.996, "crowd": 1000, "like": None, "trend": None}
NOTHING: dict[str, Any] = {"words": [], "keywords": [], "authors": []}


@dataclass(frozen=True)
class Morning:
    """Picks for profiles of all kinds, and what they are checked against, computed anew from the store."""

    picks: list[Pick]
    profiles: dict[int, Profile]
    library: Library
    examples: Examples
    queries: Queries
    relevance: Floats
    strangers: dict[int, Floats]

    def likeness(self, pick: Pick) -> float:
        """The relevance of a pick's paper to its profile, without wishes."""
        position = list(self.profiles).index(pick.profile_id or 0)
        return float(self.relevance[position, self.library.rows[pick.paper.id]])


def open_morning(shop: Workshop, now: datetime, **wishes: list[str]) -> Morning:
    with shop.database.session() as session:
        papers = {topic: [make_paper(session, now, topic) for _ in range(12)] for topic in TOPICS}
        subscriber = make_subscriber(session, now, papers_per_edition=40)
        words = make_profile(session, subscriber, "auction", name="words", **wishes)
        likes = make_profile(session, subscriber, "mamba", name="likes", text="", **wishes)
        both = make_profile(
            session, subscriber, "robot", name="all", text="A robot hand with tactile sensing", **wishes
        )
        for profile, topic, sign in (
            (likes, "mamba", 1),
            (likes, "protein", 1),
            (both, "robot", 1),
            (both, "galaxy", -1),
        ):
            for paper in papers[topic][:4]:
                like(session, profile, paper, sign)
    pipeline.prepare(shop, now)
    profiles = [words, likes, both]
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - 7 * DAY, now)
        assert library is not None
        picks = drafts.draft(session, library, [subscriber], now, USUAL)[subscriber.id].picks
        brief = brief_on(session, library.encoder, profiles, {})
        examples = load_examples(session, library, brief.signs)
        evidence = gather(library, brief, examples)
    own = np.array([[i in set(owned(examples, profile)) for i in library.sample_ids] for profile in profiles])
    contrast = library.model.whitening.contrast(evidence.vectors)
    queries, _ = scoring.fold(evidence, contrast, library.sample, own, library.model.fusion)
    sample = queries.relevance(library.sample)
    strangers = {profile.id: sample[n][~own[n]] for n, profile in enumerate(profiles)}
    by_id = {profile.id: profile for profile in profiles}
    return Morning(picks, by_id, library, examples, queries, queries.relevance(library.view), strangers)


def owned(examples: Examples, profile: Profile) -> list[int]:
    rows = [*examples.liked[profile.id], *examples.disliked[profile.id]]
    return [examples.papers[row].id for row in rows]


@pytest.fixture
def morning(shop: Workshop, now: datetime) -> Morning:
    made = open_morning(shop, now)
    assert {pick.profile_id for pick in made.picks} == set(made.profiles)
    return made


def check_closer_than(morning: Morning) -> None:
    for pick in morning.picks:
        further = morning.strangers[pick.profile_id or 0] < morning.likeness(pick) - scoring.ROUNDING
        assert pick.reason["closer_than"] == pytest.approx(further.mean(), abs=1.1e-4)


def test_closer_than_is_the_share_of_strangers_that_lie_further_away(morning: Morning) -> None:
    assert [pick.relevance for pick in morning.picks] == pytest.approx(
        [*map(morning.likeness, morning.picks)], abs=1e-4
    )
    check_closer_than(morning)


@pytest.mark.parametrize("wishes", [{"keywords": ["confirms"]}, {"authors": ["Bob Writer"]}])
def test_closer_than_compares_like_with_like_when_every_paper_fulfils_a_wish(
    shop: Workshop, now: datetime, wishes: dict[str, list[str]]
) -> None:
    check_closer_than(open_morning(shop, now, **wishes))


def test_the_crowd_is_as_many_as_were_compared_with(morning: Morning) -> None:
    for pick in morning.picks:
        assert pick.reason["crowd"] == len(morning.strangers[pick.profile_id or 0])


def test_the_example_named_is_the_nearest_of_the_profiles_own(morning: Morning) -> None:
    named = 0
    for pick in morning.picks:
        liked = morning.examples.liked[pick.profile_id or 0]
        texts = [paper_text(pick.paper), *(paper_text(morning.examples.papers[row]) for row in liked)]
        rows = HashingEncoder().encode(texts)
        cosines = dict(zip((morning.examples.papers[row].title for row in liked), rows[1:] @ rows[0], strict=True))
        if pick.reason["like"] is None:
            assert max(cosines.values(), default=0) < reasons.CLOSE_EXAMPLE + 1e-3
        else:
            named += 1
            assert cosines[pick.reason["like"]] >= max([reasons.CLOSE_EXAMPLE, *cosines.values()]) - 1e-3
    assert named > 5


def test_the_words_named_are_in_the_paper_and_in_the_profile_or_its_example(morning: Morning) -> None:
    named = 0
    for pick in morning.picks:
        profile = morning.profiles[pick.profile_id or 0]
        example = next((p for p in morning.examples.papers if p.title == pick.reason["like"]), None)
        known = {*lexical.terms(profile_text(profile)), *(lexical.terms(paper_text(example)) if example else ())}
        for phrase in pick.reason["words"]:
            named += 1
            assert f" {phrase} " in f" {' '.join(lexical.surface(paper_text(pick.paper)))} "
            stems = lexical.words(phrase)
            assert {*stems, *(" ".join(pair) for pair in pairwise(stems))} <= known
    assert named > 5


def test_the_highlight_is_the_sentence_closest_to_what_the_profile_likes_and_says(morning: Morning) -> None:
    told = 0
    for pick in morning.picks:
        profile = morning.profiles[pick.profile_id or 0]
        liked = [paper_text(morning.examples.papers[row]) for row in morning.examples.liked[profile.id]]
        wanted = HashingEncoder().encode([*liked, *([profile_text(profile)] * 2 if profile_text(profile) else [])])
        pieces = sentences.split(pick.paper.abstract)
        usual = USUAL_WORTH * morning.library.crowd.mean
        nearness = HashingEncoder().encode(pieces) @ (wanted.sum(axis=0) + usual)
        assert nearness[pieces.index(pick.highlight)] == pytest.approx(nearness.max(), abs=1e-2)
        told += np.ptp(nearness) > 0.1
    assert told > 5


def test_by_words_alone_and_without_anything_said_no_sentence_is_chosen(shop: Workshop, now: datetime) -> None:
    abstract, vectors = "One sentence of some length. Another one that is longer.", np.eye(2, dtype=np.float32)
    assert reasons.choose_highlight(abstract, vectors, vectors[1]) == "Another one that is longer."
    assert reasons.choose_highlight(abstract, vectors, np.zeros(2, np.float32)) == ""
    assert reasons.choose_highlight(abstract, vectors[:1], vectors[1]) == ""
    shop.encoder_name = LEXICAL
    assert {pick.highlight for pick in open_morning(shop, now).picks} == {""}


def test_a_single_sentence_is_not_highlighted(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        for topic in TOPICS:
            make_paper(session, now, topic, abstract=TOPICS[topic])
        subscriber = make_subscriber(session, now)
        make_profile(session, subscriber)
    pipeline.prepare(shop, now)
    (pick, *_) = questions.preview(shop, now, subscriber).picks
    assert pick.highlight == ""


def test_keywords_and_authors_named_are_those_that_the_paper_has(shop: Workshop, now: datetime) -> None:
    morning = open_morning(shop, now, keywords=["experiments", "tactile", "zebra"], authors=["BOB writer", "Ada"])
    for pick in morning.picks:
        has = ["experiments", "tactile"] if "tactile" in pick.paper.abstract else ["experiments"]
        assert (pick.reason["keywords"], pick.reason["authors"]) == (has, ["Bob Writer"])
        assert pick.reason["profile"] == morning.profiles[pick.profile_id or 0].name


def test_by_words_alone_no_example_is_called_near(shop: Workshop, now: datetime) -> None:
    shop.encoder_name = LEXICAL
    picks = open_morning(shop, now).picks
    assert picks
    assert {pick.reason["like"] for pick in picks} == {None}


def test_trend_facts_are_given_when_they_deserve_a_badge() -> None:
    assert reasons.outside_reason(Paper(trend_facts=HOT)) == {"kind": "trending", "trend": HOT}
    assert reasons.outside_reason(Paper(trend_facts=HOT | {"votes": 9}))["trend"] is None


@pytest.mark.parametrize(
    ("author", "followed", "yes"),
    [
        ("José García", ["jose garcia"], True),
        ("J. R. Smith", ["J R Smith", "Other"], True),
        ("Jean-Luc Picard", ["Jean Luc Picard"], True),
        ("Ada Lovelace", ["Lovelace"], False),
        ("Ada Lovelace", [], False),
    ],
)
def test_an_author_is_followed_whatever_the_spelling(author: str, followed: list[str], yes: bool) -> None:
    assert reasons.is_followed(author, followed) == yes


def make_library(texts: list[str]) -> Library:
    """Nothing but how many of `texts` have each term."""
    counts = lexical.paper_counts(lexical.count_terms(texts))
    nothing = View(np.empty((0, 0), np.float32), np.empty((0, 0), np.float32), sparse.csr_matrix((0, 0)))
    crowd = Crowd(len(texts), np.empty(0, np.float32), np.empty((0, 0), np.float32), counts)
    return Library([], [], nothing, nothing, [], make_model(LEXICAL, crowd))


@pytest.mark.parametrize(
    ("text", "wanted", "example", "words"),
    [
        ("Linear State-Space Models", "state space model", "", ["state space models"]),
        ("Graphs and trees", "tree graph", "", ["graphs", "trees"]),
        ("Graphs and trees", "", "tree graph", []),
        ("Deep graph networks", "", "A graph network", ["graph networks"]),
        ("The role of it", "the role of it", "", ["role"]),
        ("Graph theory of graphs", "graph theory", "", ["graph theory"]),
        ("alpha beta gamma delta", "delta. alpha. gamma. beta", "", ["alpha", "beta", "delta"]),
        ("Nothing shared", "graph theory", "tree", []),
        ("", "graph", "graph", []),
    ],
)
def test_shared_words_are_the_longest_and_rarest_as_the_paper_spells_them(
    text: str, wanted: str, example: str, words: list[str]
) -> None:
    assert reasons.shared_words(make_library(["x"]), text, wanted, example) == words


def test_rarer_words_come_first() -> None:
    library = make_library(["alpha beta"] * 3 + ["beta gamma"])
    assert reasons.shared_words(library, "beta of alpha of gamma", "alpha or gamma or beta", "") == [
        "gamma",
        "alpha",
        "beta",
    ]


@pytest.mark.parametrize(
    "phrase",
    [
        "model",
        "language models",
        "large language models",
    ],
)
def test_what_the_whole_store_shares_is_not_named(phrase: str) -> None:
    library = make_library(["A large language model"] * 50)
    assert reasons.shared_words(library, f"On {phrase}", phrase, "") == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "Closer to “SSM” than 99.6 % of the newest 1000 papers."),
        ({"closer_than": 0.9996}, "Closer to “SSM” than 99.9 % of the newest 1000 papers."),
        ({"closer_than": 1.0, "crowd": 40}, "Closer to “SSM” than 100 % of the newest 40 papers."),
        ({"closer_than": 0.97}, "Closer to “SSM” than 97 % of the newest 1000 papers."),
        (
            {"authors": ["Ada", "Bob", "Eve"], "keywords": ["graph"]},
            "Closer to “SSM” than 99.6 % of the newest 1000 papers; by Ada, Bob and Eve, whom you follow; "
            "has your keyword “graph”.",
        ),
        (
            {"like": "Mamba", "words": ["a b", "c"]},
            "Closer to “SSM” than 99.6 % of the newest 1000 papers; like your example “Mamba”; shares “a b” and “c”.",
        ),
    ],
)
def test_a_match_is_explained_part_by_part(parts: dict[str, Any], words: str) -> None:
    assert reasons.explain(MATCH | NOTHING | parts) == words


def test_what_comes_from_outside_says_so() -> None:
    assert reasons.explain(reasons.outside_reason(Paper(trend_facts=HOT))) == "From outside your interests: trending."


@pytest.mark.parametrize(
    ("facts", "words", "told"),
    [
        (HOT, "Among the new papers with the most votes for their age.", HOT),
        (HOT | {"votes": 3}, "Among the new papers with the most votes for their age.", None),
        (HOT | {"votes": 0}, "A new paper.", None),
        ({"prior": 1.2, "likely": False}, "A new paper.", None),
        ({"prior": 2.2, "likely": True}, "A new paper.", {"prior": 2.2, "likely": True}),
        (None, "A new paper.", None),
    ],
)
def test_what_others_notice_says_no_more_than_is_known(
    facts: dict[str, Any] | None, words: str, told: dict[str, Any] | None
) -> None:
    reason = reasons.popular_reason(Paper(trend_facts=facts))
    assert (reasons.explain(reason), reason["trend"]) == (words, told)


def test_a_trend_is_explained_by_its_counts() -> None:
    said = "Trending: 90 upvotes in 20 hours, 5 times what is usual by then."
    assert reasons.explain_trend(HOT) == said
    assert reasons.explain_trend(HOT | {"hours": 19.6, "comments": 3, "source": "huggingface"}) == said
    assert reasons.explain_trend(HOT | {"votes": 1200, "hours": 100.0, "times": 2.84}) == (
        "Trending: 1,200 upvotes in 4 days, 2.8 times what is usual by then."
    )
    assert reasons.explain_trend(HOT | {"source": "readers"}) == (
        "Trending: 90 readers’ votes here in 20 hours, 5 times what is usual by then."
    )


def test_for_a_reader_of_a_field_a_paper_is_measured_by_the_field() -> None:
    facts = {"votes": 12, "hours": 20.0, "times": 1.5, "field": {"name": "cs.SD", "times": 2.4}}
    told = reasons._trend_of(Paper(trend_facts=facts), ["cs.SD"])
    assert told is not None
    assert reasons.explain_trend(told) == (
        "Trending: 12 upvotes in 20 hours, 2.4 times what is usual by then for cs.SD."
    )
    assert reasons._trend_of(Paper(trend_facts=facts), ["cs.CL"]) is None
    assert reasons.outside_reason(Paper(trend_facts=facts))["trend"] is None


def test_what_is_only_foreseen_is_a_reason_without_a_number_and_never_one_from_outside() -> None:
    facts = {"prior": 2.4, "likely": True}
    assert reasons._trend_of(Paper(trend_facts=facts)) == facts
    assert reasons.explain_trend(facts) == "Likely to trend: papers like it did before."
    assert reasons._trend_of(Paper(trend_facts=facts | {"likely": False})) is None
    assert reasons.outside_reason(Paper(trend_facts=facts))["trend"] is None


def test_a_share_is_never_said_to_be_more_than_it_is(morning: Morning) -> None:
    profile = morning.profiles[next(iter(morning.profiles))]
    reason = reasons.give_reason(morning.library, 0, profile, morning.examples, Standing(998, 999))
    assert "99.8 %" in reasons.explain(reason)
