"""Which papers an edition would hold, for one subscriber and for many."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import TOPICS, like, make_paper, make_profile, make_subscriber
from sqlmodel import Session

from digest import pipeline
from digest.embeddings.encoder import LEXICAL
from digest.ranking import drafts, scoring
from digest.ranking.candidates import load_library
from digest.ranking.drafts import Draft
from digest.ranking.methods import Method
from digest.ranking.reasons import Reason
from digest.tables import (
    Edition,
    EditionItem,
    Feedback,
    OutboxMessage,
    OutboxState,
    Paper,
    Profile,
    Signal,
    SkipReason,
    Subscriber,
)
from digest.workshop import Workshop

DAY = timedelta(days=1)
WINDOW = 3 * DAY
HOT = {"votes": 90, "hours": 20.0, "times": 5.0}

Fill = Callable[..., list[Paper]]


@pytest.fixture
def fill(shop: Workshop, now: datetime) -> Fill:
    """Stores papers on a topic."""

    def store(topic: str, count: int, **fields: Any) -> list[Paper]:
        with shop.database.session() as session:
            return [make_paper(session, now, topic, **fields) for _ in range(count)]

    return store


@pytest.fixture
def crowd(fill: Fill, now: datetime) -> None:
    """Papers of last month on four topics: what is usual, and none of it new."""
    for topic in ("auction", "protein", "robot", "galaxy"):
        fill(topic, 8, announced_at=now - 30 * DAY)


def add_reader(shop: Workshop, now: datetime, *topics: str, **fields: Any) -> tuple[Subscriber, list[Profile]]:
    """A subscriber to ten papers with a profile per topic; `fields` are the profiles'."""
    with shop.database.session() as session:
        subscriber = make_subscriber(session, now, papers_per_edition=10)
        return subscriber, [make_profile(session, subscriber, topic, **fields) for topic in topics]


def draft_all(shop: Workshop, now: datetime, *subscribers: Subscriber) -> list[Draft]:
    pipeline.prepare(shop, now)
    with shop.database.session(write=False) as session:
        library = load_library(session, shop.encoder_name, now - 15 * DAY, now)
        made = drafts.draft(session, library, subscribers, now, Method(WINDOW))
    return [made[subscriber.id] for subscriber in subscribers]


def draft(shop: Workshop, now: datetime, subscriber: Subscriber) -> Draft:
    return draft_all(shop, now, subscriber)[0]


def ids(found: Draft | list[Paper]) -> set[int]:
    return {pick.paper.id for pick in found.picks} if isinstance(found, Draft) else {paper.id for paper in found}


def send(session: Session, now: datetime, subscriber: Subscriber, papers: list[Paper], state: OutboxState) -> None:
    """An edition of last night with `papers`, and what became of its message."""
    edition = Edition(subscriber_id=subscriber.id, edition_date=(now - DAY).date(), created_at=now - DAY)
    session.add(edition)
    session.flush()
    for rank, paper in enumerate(papers, 1):
        item = {"edition_id": edition.id, "paper_id": paper.id, "rank": rank, "score": 0.5, "relevance": 2.0}
        session.add(EditionItem(**item, reason={}))
    session.add(
        OutboxMessage(
            subscriber_id=subscriber.id,
            edition_id=edition.id,
            envelope_from="digest@papers.example",
            recipient=subscriber.email,
            message_id=f"<{edition.id}@papers.example>",
            content=b"",
            state=state,
            next_at=now,
            created_at=now,
        )
    )


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_an_interest_gets_the_new_papers_on_it_best_first(
    shop: Workshop, now: datetime, fill: Fill, encoder: str
) -> None:
    shop.encoder_name = encoder
    wanted = fill("mamba", 4)
    fill("robot", 4)
    subscriber, (profile,) = add_reader(shop, now, "mamba")
    made = draft(shop, now, subscriber)
    assert ids(made) == ids(wanted)
    assert {pick.profile_id for pick in made.picks} == {profile.id}
    assert (made.considered, made.skip_reason) == (8, None)
    assert all(pick.relevance >= 1 and 0 < pick.score < 1 for pick in made.picks)


@pytest.mark.usefixtures("crowd")
def test_an_edition_holds_as_many_papers_as_the_subscriber_wants(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 14)
    assert len(draft(shop, now, add_reader(shop, now, "mamba")[0]).picks) == 10


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("state", "seen"),
    [
        (OutboxState.SENT, True),
        (OutboxState.PLANNED, True),
        (OutboxState.HELD, True),
        (OutboxState.BOUNCED, False),
        (OutboxState.EXPIRED, False),
    ],
)
def test_what_was_sent_does_not_come_again_unless_it_expired(
    shop: Workshop, now: datetime, fill: Fill, state: OutboxState, seen: bool
) -> None:
    papers = fill("mamba", 4)
    subscriber, _ = add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        send(session, now, subscriber, papers[:2], state)
    made = draft(shop, now, subscriber)
    assert ids(made) == ids(papers[2:] if seen else papers)
    assert made.considered == (2 if seen else 4)


@pytest.mark.usefixtures("crowd")
def test_what_was_voted_on_does_not_come_again(shop: Workshop, now: datetime, fill: Fill) -> None:
    papers = fill("mamba", 4)
    subscriber, _ = add_reader(shop, now, "mamba")
    other, _ = add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        for paper, value in zip(papers, (1, -1), strict=False):
            session.add(Feedback(subscriber_id=subscriber.id, paper_id=paper.id, value=value, created_at=now))
    made, untouched = draft_all(shop, now, subscriber, other)
    assert ids(made) == ids(papers[2:])
    assert ids(untouched) == ids(papers)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    "announced",
    [
        timedelta(hours=3),
        25 * DAY,
    ],
    ids=["of late", "long ago"],
)
def test_a_work_does_not_come_again_after_it_was_sent_under_another_name(
    shop: Workshop, now: datetime, fill: Fill, announced: timedelta
) -> None:
    kept, other = fill("mamba", 2)
    (duplicate,) = fill("mamba", 1, merged_into=kept.id, announced_at=now - announced)
    subscriber, _ = add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        send(session, now, subscriber, [duplicate], OutboxState.SENT)
    assert ids(draft(shop, now, subscriber)) == {other.id}


@pytest.mark.usefixtures("crowd")
def test_a_muted_phrase_keeps_a_paper_out(shop: Workshop, now: datetime, fill: Fill) -> None:
    papers = fill("mamba", 3)
    muted = fill("mamba", 1, title="Mamba for quantum annealers")
    subscriber, _ = add_reader(shop, now, "mamba", muted=["Quantum annealer"])
    assert ids(draft(shop, now, subscriber)) == ids(papers)
    assert ids(draft(shop, now, add_reader(shop, now, "mamba")[0])) == ids(papers + muted)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(("last_day", "mutes"), [(-1, False), (0, True), (30, True)])
def test_a_phrase_is_muted_until_its_last_day_is_over_and_what_it_hides_is_told(
    shop: Workshop, now: datetime, fill: Fill, last_day: int, mutes: bool
) -> None:
    papers = fill("mamba", 3)
    quantum = fill("mamba", 2, title="Mamba for quantum annealers")
    until = {"quantum": (now.date() + last_day * DAY).isoformat()}
    subscriber, (profile,) = add_reader(shop, now, "mamba", muted=["sonnet", "quantum"], muted_until=until)
    made = draft(shop, now, subscriber)
    assert ids(made) == ids(papers if mutes else papers + quantum)
    hidden = {(paper.id, profile.id, "quantum") for paper in quantum} if mutes else set()
    assert {(found.paper.id, found.profile_id, found.phrase) for found in made.hidden} == hidden


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_what_is_hidden_is_told_when_nothing_is_left(shop: Workshop, now: datetime, fill: Fill, encoder: str) -> None:
    shop.encoder_name = encoder
    papers = fill("mamba", 3)
    fill("robot", 3)
    made = draft(shop, now, add_reader(shop, now, "mamba", muted=["study"])[0])
    assert (made.picks, made.skip_reason, made.considered) == ([], SkipReason.NO_MATCH, 6)
    assert {hidden.paper.id for hidden in made.hidden} == ids(papers)


@pytest.mark.usefixtures("crowd")
def test_a_wish_by_name_that_is_muted_is_hidden_and_a_paper_of_another_interest_is_not(
    shop: Workshop, now: datetime, fill: Fill
) -> None:
    fill("galaxy", 2)
    (kumquat,) = fill("robot", 1, abstract="Picking kumquats.")
    subscriber, (first,) = add_reader(shop, now, "protein", muted=["picking"], keywords=["kumquat"])
    made = draft(shop, now, subscriber)
    assert [(hidden.paper.id, hidden.profile_id) for hidden in made.hidden] == [(kumquat.id, first.id)]
    with shop.database.session() as session:
        make_profile(session, subscriber, name="other", text="", keywords=["kumquat"])
    made = draft(shop, now, subscriber)
    assert kumquat.id in ids(made)
    assert made.hidden == []


@pytest.mark.usefixtures("crowd")
def test_only_what_the_edition_could_have_held_is_told_as_hidden(
    shop: Workshop, now: datetime, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "BEST", 3)  # fewer than the ten papers that the edition holds
    fill("mamba", 8)
    muted = fill("mamba", 8, title="Mamba for quantum annealers")
    for topic in ("auction", "protein", "robot", "galaxy"):
        fill(topic, 8)
    made = draft(shop, now, add_reader(shop, now, "mamba", muted=["quantum"])[0])
    hidden = {found.paper.id for found in made.hidden}
    assert 0 < len(hidden) < len(muted)
    assert hidden < ids(muted)
    assert not hidden & ids(made)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_every_pick_has_a_required_phrase_but_for_what_comes_from_outside(
    shop: Workshop, now: datetime, fill: Fill, encoder: str
) -> None:
    shop.encoder_name = encoder
    fill("mamba", 4)
    wanted = fill("mamba", 2, title="Mambas in robots") + fill("mamba", 1, title="A theory of Mamba")
    fill("robot", 2, title="Robots and theory")
    (hot,) = fill("galaxy", 1, trend=0.8, trend_facts=HOT)
    subscriber, _ = add_reader(shop, now, "mamba", required=["in robot", "Theory"])
    made = draft(shop, now, subscriber)
    assert {pick.paper.id for pick in made.picks if pick.profile_id} == ids(wanted)
    assert [pick.paper.id for pick in made.picks if pick.profile_id is None] == [hot.id]


@pytest.mark.usefixtures("crowd")
def test_required_phrases_alone_are_an_interest_and_dislikes_alone_are_none(
    shop: Workshop, now: datetime, fill: Fill
) -> None:
    wanted = fill("robot", 2, title="Kumquats and robots")
    fill("mamba", 3)
    required, against, both = (
        add_reader(shop, now, "mamba", text="", **fields)[0]
        for fields in (
            {"required": ["kumquat"]},
            {"against": "galaxies and their spectra"},
            {"required": ["kumquat"], "against": "galaxies and their spectra"},
        )
    )
    made = draft_all(shop, now, required, against, both)
    assert [ids(found) for found in made] == [ids(wanted), set(), ids(wanted)]
    assert made[1].skip_reason is SkipReason.NO_MATCH


@pytest.mark.usefixtures("crowd")
def test_a_text_against_lowers_what_is_like_it(shop: Workshop, now: datetime, fill: Fill) -> None:
    plain = fill("mamba", 3)
    lowered = fill(
        "mamba", 3, title="Mamba for auctions", abstract=f"{TOPICS['mamba']} They bid in auctions and markets."
    )
    without, _ = add_reader(shop, now, "mamba", balance=0.0)
    warned, _ = add_reader(shop, now, "mamba", balance=0.0, against="Auctions and markets with bidders")
    before, after = (
        {pick.paper.id: pick.relevance for pick in made.picks} for made in draft_all(shop, now, without, warned)
    )
    assert {paper.id for paper in plain} <= set(after)
    assert all(after.get(paper.id, scoring.FLOOR) < before[paper.id] for paper in lowered if paper.id in before)
    assert any(paper.id in before for paper in lowered)


@pytest.mark.usefixtures("crowd")
def test_a_removed_interest_is_never_ranked(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 3)
    assert draft(shop, now, add_reader(shop, now, "mamba", removed_at=now)[0]).picks == []


@pytest.mark.usefixtures("crowd")
def test_own_examples_are_not_recommended(shop: Workshop, now: datetime, fill: Fill) -> None:
    papers = fill("mamba", 4)
    subscriber, (profile,) = add_reader(shop, now, "mamba", text="")
    with shop.database.session() as session:
        like(session, profile, papers[0])
        like(session, profile, papers[1], -1)
    assert ids(draft(shop, now, subscriber)) == ids(papers[2:])


@pytest.mark.usefixtures("crowd")
def test_categories_limit_a_profile_and_an_archive_stands_for_all_of_it(
    shop: Workshop, now: datetime, fill: Fill
) -> None:
    inside = fill("mamba", 1, categories=["math.CO", "cs.LG"]) + fill("mamba", 1, categories=["cs.CL"])
    unknown = fill("mamba", 1, categories=[])
    outside = fill("mamba", 1, categories=["stat.ML"]) + fill("mamba", 1, categories=["csx.LG"])
    exact, archive, free = (add_reader(shop, now, "mamba", categories=wanted)[0] for wanted in (["cs.LG"], ["cs"], []))
    made = draft_all(shop, now, exact, archive, free)
    assert [ids(found) for found in made] == [
        ids(inside[:1] + unknown),
        ids(inside + unknown),
        ids(inside + unknown + outside),
    ]


@pytest.mark.usefixtures("crowd")
def test_categories_alone_are_an_interest(shop: Workshop, now: datetime, fill: Fill) -> None:
    wanted = fill("mamba", 2, categories=["cs.LG"])
    fill("robot", 2, categories=["cs.RO"])
    subscriber, _ = add_reader(shop, now, "mamba", text="", categories=["cs.LG"])
    assert ids(draft(shop, now, subscriber)) == ids(wanted)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("wish", [{"keywords": ["kumquat"]}, {"authors": ["bob WRITER"]}], ids=["keyword", "author"])
def test_a_wish_by_name_brings_a_paper_that_likeness_does_not(
    shop: Workshop, now: datetime, fill: Fill, wish: dict[str, list[str]]
) -> None:
    papers = fill("mamba", 3, authors=["Nobody Else"])
    (wished,) = fill("robot", 1, abstract="Picking kumquats.")
    fill("galaxy", 2, authors=["Nobody Else"])
    without, _ = add_reader(shop, now, "mamba")
    subscriber, _ = add_reader(shop, now, "mamba", **wish)
    assert [ids(found) for found in draft_all(shop, now, without, subscriber)] == [
        ids(papers),
        ids(papers) | {wished.id},
    ]


@pytest.mark.usefixtures("crowd")
def test_several_profiles_share_an_edition_and_a_paper_comes_once(shop: Workshop, now: datetime, fill: Fill) -> None:
    papers = {topic: ids(fill(topic, 12)) for topic in ("mamba", "auction")}
    for topic in ("protein", "robot", "galaxy"):  # or an interest would be shared by half of the crowd
        fill(topic, 20)
    both = ids(
        fill("mamba", 1, title="Mamba bids", abstract="State space models with attention. Auctions and markets.")
    )
    subscriber, profiles = add_reader(shop, now, "mamba", "auction", balance=0.0)
    picks = draft(shop, now, subscriber).picks
    names = {profile.id: profile.name for profile in profiles}
    assert len({pick.paper.id for pick in picks}) == len(picks) == 10
    assert all(pick.paper.id in papers[names[pick.profile_id or 0]] | both for pick in picks)
    assert min(Counter(names[pick.profile_id or 0] for pick in picks).values()) >= 3


@pytest.mark.usefixtures("crowd")
def test_no_new_papers_and_no_match_are_two_things(shop: Workshop, now: datetime, fill: Fill) -> None:
    subscriber, _ = add_reader(shop, now, "mamba")
    assert draft(shop, now, subscriber) == Draft(skip_reason=SkipReason.NO_NEW_PAPERS)
    papers = fill("robot", 2)
    assert draft(shop, now, subscriber) == Draft(considered=2, skip_reason=SkipReason.NO_MATCH)
    with shop.database.session() as session:
        send(session, now, subscriber, papers, OutboxState.SENT)
    assert draft(shop, now, subscriber) == Draft(skip_reason=SkipReason.NO_NEW_PAPERS)


def test_an_empty_store_has_no_new_papers(shop: Workshop, now: datetime) -> None:
    assert draft(shop, now, add_reader(shop, now, "mamba")[0]).skip_reason is SkipReason.NO_NEW_PAPERS


@pytest.mark.usefixtures("crowd")
def test_a_subscriber_whose_interests_are_off_has_no_match(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 1)
    assert draft(shop, now, add_reader(shop, now, "mamba", active=False)[0]).skip_reason is SkipReason.NO_MATCH


@pytest.mark.parametrize(
    ("last", "window", "start"),
    [
        (None, 3, 7),
        (None, 10, 10),
        (1, 3, 4),
        (5, 3, 8),
        (40, 3, 14),
        (40, 30, 30),
        (2, 30, 30),
    ],
)
def test_candidates_reach_back_a_window_before_the_last_edition_but_not_for_ever(
    now: datetime, last: int | None, window: int, start: int
) -> None:
    subscriber = Subscriber(last_edition_at=None if last is None else now - last * DAY)
    assert drafts.window_start(subscriber, now, window * DAY) == now - start * DAY


@pytest.mark.parametrize(
    ("weekdays", "last", "window", "start"),
    [([2], 7, 3, 10), ([2], 1, 3, 7), ([2], 2, 1, 7), ([0, 3], 1, 1, 4), ([0, 1, 2, 3, 4], 1, 1, 3), ([2], 30, 3, 14)],
)
def test_a_window_is_never_shorter_than_the_time_between_two_editions(
    now: datetime, weekdays: list[int], last: int, window: int, start: int
) -> None:
    subscriber = Subscriber(last_edition_at=now - last * DAY, weekdays=weekdays)
    assert drafts.window_start(subscriber, now, window * DAY) == now - start * DAY


@pytest.mark.usefixtures("crowd")
def test_a_weekly_edition_is_ranked_over_the_week_by_the_latest_counts(
    shop: Workshop, now: datetime, fill: Fill
) -> None:
    (early,) = fill("mamba", 1, announced_at=now - 6 * DAY)
    (late,) = fill("mamba", 1, announced_at=now - 4 * DAY)
    counts = [(early, 6, 300), (early, 1, 20), (late, 4, 5), (late, 1, 400), (early, -1, 10_000)]
    with shop.database.session() as session:
        for paper, age, votes in counts:
            given = {"source": "files", "kind": "votes", "observed_at": now - age * DAY + timedelta(hours=1)}
            session.add(Signal(paper_id=paper.id, value=votes, **given))
    weekly, _ = add_reader(shop, now, "mamba", balance=0.6)
    weekly.weekdays, weekly.last_edition_at = [2], now - 7 * DAY
    daily, _ = add_reader(shop, now, "mamba", balance=0.6)
    daily.last_edition_at = now - DAY
    made, short = draft_all(shop, now, weekly, daily)
    assert [pick.paper.id for pick in made.picks] == [late.id, early.id]
    assert [pick.paper.trend_facts["votes"] for pick in made.picks if pick.paper.trend_facts] == [400, 20]
    assert short.picks == []


@pytest.mark.usefixtures("crowd")
def test_a_tiny_interest_is_not_drowned_by_rich_ones(shop: Workshop, now: datetime, fill: Fill) -> None:
    small = ids(fill("auction", 3, trend=0.1))
    for topic in ("mamba", "robot"):
        fill(topic, 12, trend=0.99)
    for topic in ("protein", "galaxy"):
        fill(topic, 20)
    subscriber, profiles = add_reader(shop, now, "mamba", "robot", "auction", balance=0.6)
    examples = [(profile, fill(profile.name, 4, announced_at=now - 30 * DAY)) for profile in profiles[:2]]
    with shop.database.session() as session:
        for profile, papers in examples:
            for paper in papers:
                like(session, profile, paper)
        session.get_one(Profile, profiles[2].id).text = "auctions"
    assert len(ids(draft(shop, now, subscriber)) & small) >= 2


@pytest.mark.usefixtures("crowd")
def test_each_subscriber_has_a_window_of_their_own(shop: Workshop, now: datetime, fill: Fill) -> None:
    old, new = fill("mamba", 1, announced_at=now - 5 * DAY), fill("mamba", 1)
    first, _ = add_reader(shop, now, "mamba")
    regular, _ = add_reader(shop, now, "mamba")
    regular.last_edition_at = now - DAY
    assert [ids(found) for found in draft_all(shop, now, first, regular)] == [ids(old + new), ids(new)]


@pytest.mark.usefixtures("crowd")
def test_the_last_place_is_for_what_trends_outside_every_profile(shop: Workshop, now: datetime, fill: Fill) -> None:
    papers = fill("mamba", 12)
    fill("galaxy", 1, trend=0.7, trend_facts=HOT | {"times": 1.9})
    (hot,) = fill("galaxy", 1, trend=0.8, trend_facts=HOT)
    fill("robot", 1, trend=0.75, trend_facts=HOT)
    last = draft(shop, now, add_reader(shop, now, "mamba")[0]).picks[-1]
    assert (last.paper.id, last.profile_id, last.highlight) == (hot.id, None, "")
    assert last.reason == {"kind": "trending", "trend": HOT}
    off, _ = add_reader(shop, now, "mamba", balance=0.0)
    assert ids(draft(shop, now, off)) <= ids(papers)


@pytest.mark.usefixtures("crowd")
def test_what_trends_outside_is_never_muted_or_seen(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 3)
    muted, seen = fill("galaxy", 1, trend=0.8, trend_facts=HOT), fill("robot", 1, trend=0.8, trend_facts=HOT)
    subscriber, _ = add_reader(shop, now, "mamba", "protein", muted=["spectra"])
    with shop.database.session() as session:
        send(session, now, subscriber, seen, OutboxState.SENT)
    assert not ids(draft(shop, now, subscriber)) & ids(muted + seen)


@pytest.mark.usefixtures("crowd")
def test_what_trends_outside_is_never_an_example_of_the_reader(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 3)
    (example,) = fill("mamba", 1, trend=0.8, trend_facts=HOT)
    subscriber, (profile,) = add_reader(shop, now, "mamba")
    with shop.database.session() as session:
        like(session, profile, example)
    assert example.id not in ids(draft(shop, now, subscriber))


@pytest.mark.usefixtures("crowd")
def test_a_batch_gives_everybody_what_they_would_get_alone(shop: Workshop, now: datetime, fill: Fill) -> None:
    for topic in ("mamba", "auction", "robot"):
        papers = fill(topic, 5, trend=0.6, trend_facts=HOT)
    subscribers = [
        add_reader(shop, now, "mamba")[0],
        add_reader(shop, now, "auction", "robot", muted=["tactile"])[0],
        add_reader(shop, now, "galaxy", keywords=["grasp"])[0],
        add_reader(shop, now, "protein", text="Sonnets of the Renaissance.", balance=0.6)[0],
    ]
    with shop.database.session() as session:
        send(session, now, subscribers[1], papers[:2], OutboxState.SENT)
    together = draft_all(shop, now, *subscribers)
    assert [len(made.picks) > 0 for made in together] == [True, True, True, False]
    for subscriber, batched in zip(subscribers, together, strict=True):
        alone = draft(shop, now, subscriber)
        assert (alone.considered, alone.skip_reason) == (batched.considered, batched.skip_reason)
        assert scores(alone) == pytest.approx(scores(batched), abs=1e-5)
        assert reasons_of(alone) == reasons_of(batched)


def scores(made: Draft) -> dict[int, float]:
    return {pick.paper.id: pick.score for pick in made.picks}


def reasons_of(made: Draft) -> dict[int, Reason]:
    return {pick.paper.id: pick.reason for pick in made.picks}


def test_for_nobody_there_is_no_draft(shop: Workshop, now: datetime, fill: Fill) -> None:
    fill("mamba", 3)
    with shop.database.session(write=False) as session:
        library = shop.library(session, now - 7 * DAY, now)
        assert drafts.draft(session, library, [], now, Method()) == {}


def test_a_newcomer_gets_what_trends_until_they_say_what_they_want(shop: Workshop, now: datetime, fill: Fill) -> None:
    cold = fill("mamba", 9, trend=0.2, trend_facts=HOT | {"votes": 1, "times": 0.3})
    hot = [*fill("galaxy", 2, trend=0.9, trend_facts=HOT), *fill("robot", 2, trend=0.8, trend_facts=HOT)]
    with shop.database.session() as session:
        newcomer = make_subscriber(session, now, papers_per_edition=6)
        silent = make_subscriber(session, now)
        make_profile(session, silent, active=False)
    reader, _ = add_reader(shop, now, "protein")
    made, nothing, personal = draft_all(shop, now, newcomer, silent, reader)
    assert [pick.paper.id for pick in made.picks[:4]] == [paper.id for paper in hot]
    assert len(made.picks) == 6
    assert ids(made) - ids(hot) <= ids(cold)
    assert {pick.profile_id for pick in made.picks} == {None}
    assert [pick.reason["trend"] for pick in made.picks] == [HOT] * 4 + [None] * 2
    assert (made.considered, made.skip_reason) == (13, None)
    assert (nothing.picks, nothing.skip_reason) == ([], SkipReason.NO_MATCH)
    assert personal.picks == []
    assert [listed(found) for found in draft_all(shop, now, newcomer)] == [listed(made)]


def listed(made: Draft) -> list[tuple[int, Reason]]:
    return [(pick.paper.id, pick.reason) for pick in made.picks]


@pytest.mark.parametrize("encoder", ["hashing", LEXICAL])
def test_a_newcomer_gets_a_full_edition_when_nothing_trends(
    shop: Workshop, now: datetime, fill: Fill, encoder: str
) -> None:
    shop.encoder_name = encoder
    fill("mamba", 12)
    fill("robot", 3, announced_at=now - 2 * DAY)
    with shop.database.session() as session:
        newcomer = make_subscriber(session, now, papers_per_edition=10)
    made = draft(shop, now, newcomer)
    assert len(made.picks) == 10
    assert all(pick.reason["votes"] is None for pick in made.picks)
    with shop.database.session() as session:
        send(session, now, newcomer, [pick.paper for pick in made.picks], OutboxState.SENT)
    assert len(draft(shop, now, newcomer).picks) == 5


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("categories", "first"), [([], "cs.CL"), (["cs.CL"], "cs.CL"), (["cs.CL", "cs.SD"], "cs.SD"), (["cs"], "cs.SD")]
)
def test_in_the_own_categories_the_trend_is_measured_by_the_field(
    shop: Workshop, now: datetime, fill: Fill, categories: list[str], first: str
) -> None:
    for field, times, within in (("cs.CL", 1.5, 1.2), ("cs.SD", 1.0, 2.5)):
        facts = {"votes": 20, "hours": 20.0, "times": times, "field": {"name": field, "times": within}}
        fill("mamba", 1, title="Mamba", categories=[field], trend=times / (1 + times), trend_facts=facts, prior=1.0)
    made = draft(shop, now, add_reader(shop, now, "mamba", categories=categories, balance=0.6)[0])
    assert made.picks[0].paper.categories == [first]


@pytest.mark.usefixtures("crowd")
def test_the_reason_tells_the_number_that_the_ranker_went_by(shop: Workshop, now: datetime, fill: Fill) -> None:
    facts = {"votes": 20, "hours": 20.0, "times": 1.0, "field": {"name": "cs.SD", "times": 2.5}}
    fill("mamba", 1, categories=["cs.SD"], trend=0.5, trend_facts=facts, prior=1.0)
    inside, outside = (add_reader(shop, now, "mamba", categories=own)[0] for own in (["cs.SD"], []))
    told, plain = draft_all(shop, now, inside, outside)
    assert told.picks[0].reason["trend"] == facts | {"times": 2.5, "for": "cs.SD"}
    assert plain.picks[0].reason["trend"] is None
    assert told.picks[0].score > plain.picks[0].score
