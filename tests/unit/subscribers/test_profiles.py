"""Interest profiles: what is stored has been checked, and a refused field stores nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from factories import make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest.db import Database
from digest.errors import InvalidRequest
from digest.subscribers.examples import VOTED
from digest.subscribers.profiles import (
    LONGEST_NAME,
    LONGEST_PHRASE,
    LONGEST_TEXT,
    MOST_PHRASES,
    MOST_PROFILES,
    Interest,
    add,
    change,
    check,
    copy,
    count_examples,
    describe,
    find,
    from_author,
    from_sentence,
    get,
    listing,
    remove,
    removed,
    restore,
    sketch,
)
from digest.tables import Paper, PaperRequest, Profile, ProfileExample, ProfileVector, Subscriber


@pytest.fixture
def ada(database: Database, now: datetime) -> Subscriber:
    with database.session() as session:
        return make_subscriber(session, now)


@pytest.fixture
def papers(database: Database, now: datetime) -> list[Paper]:
    with database.session() as session:
        return [make_paper(session, now) for _ in range(2)]


def interest(**fields: Any) -> Interest:
    return Interest(**({"name": "Robots", "text": "Robots that learn."} | fields))


def test_what_somebody_said_is_stored(database: Database, ada: Subscriber, papers: list[Paper], now: datetime) -> None:
    said = Interest(
        name=" Robots ",
        text=" Robots that learn. ",
        liked=(f"#{papers[0].id}",),
        disliked=(f"#{papers[1].id}",),
        categories=("CS.ro", "stat"),
        keywords=("tactile \n sensing",),
        muted=("survey",),
        authors=(" Ada Lovelace ",),
        weight=2,
        balance=0.6,
    )
    with database.session() as session:
        add(session, ada, said, now)
    with database.session(write=False) as session:
        (stored,) = listing(session, ada)
        assert count_examples(session, stored) == (1, 1)
        signs = {row.paper_id: row.sign for row in session.exec(select(ProfileExample))}
    assert signs == {papers[0].id: 1, papers[1].id: -1}
    assert (stored.name, stored.text, stored.categories) == ("Robots", "Robots that learn.", ["cs.RO", "stat"])
    assert (stored.keywords, stored.muted, stored.authors) == (["tactile sensing"], ["survey"], ["Ada Lovelace"])
    assert (stored.weight, stored.balance, stored.active, stored.created_at) == (2, 0.6, True, now)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * (LONGEST_NAME + 1)},
        {"name": "two\nlines"},
        {"text": "x" * (LONGEST_TEXT + 1)},
        {"text": ""},
        {"text": " \n", "muted": ("survey",)},
        {"balance": -0.01},
        {"balance": 0.61},
        {"balance": float("nan")},
        {"weight": 0},
        {"weight": 10.1},
        {"weight": float("nan")},
        {"weight": float("inf")},
        {"categories": ("cs.RO", "cs.XX")},
        {"keywords": ("",)},
        {"keywords": ("x",)},
        {"keywords": ("...",)},
        {"keywords": ("x" * (LONGEST_PHRASE + 1),)},
        {"keywords": ("robot",) * (MOST_PHRASES + 1)},
        {"muted": ("x",)},
        {"muted": ("survey",) * (MOST_PHRASES + 1)},
        {"liked": ("9999.99999",)},
        {"liked": ("",)},
        {"disliked": ("#404",)},
        {"liked": ("#1",), "disliked": ("#1",)},
        {"liked": ("#1", "#404")},
        {"text": "", "authors": (" ",)},
    ],
)
@pytest.mark.usefixtures("papers")
def test_a_field_that_cannot_be_taken_stores_nothing(
    database: Database, ada: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    with database.session() as session, pytest.raises(InvalidRequest):
        add(session, ada, interest(**fields), now)
    with database.session(write=False) as session:
        assert session.exec(select(Profile)).all() == []
        assert session.exec(select(ProfileExample)).all() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"liked": ("#1",)},
        {"keywords": ("robot",)},
        {"authors": ("Ada Lovelace",)},
        {"categories": ("cs.RO",)},
        {"text": "x" * LONGEST_TEXT},
    ],
)
@pytest.mark.usefixtures("papers")
def test_an_interest_may_be_described_in_one_way_alone(
    database: Database, ada: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    with database.session() as session:
        add(session, ada, interest(**({"text": "", "name": "x" * LONGEST_NAME} | fields)), now)
        assert len(listing(session, ada)) == 1


def test_a_paper_that_is_liked_under_two_names_is_one_example(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        duplicate = make_paper(session, now, merged_into=papers[0].id)
        liked = (f"#{papers[0].id}", papers[0].url, f"#{duplicate.id}")
        assert count_examples(session, add(session, ada, interest(liked=liked), now)) == (1, 0)


def test_a_name_is_used_once_by_a_subscriber_and_freely_by_others(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        add(session, ada, interest(), now)
        with pytest.raises(InvalidRequest, match="already"):
            add(session, ada, interest(name=" ROBOTS "), now)
        add(session, make_subscriber(session, now), interest(), now)
        assert len(listing(session, ada)) == 1


def test_there_is_a_most_of_interests(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        for number in range(MOST_PROFILES):
            add(session, ada, interest(name=f"interest {number}"), now)
        with pytest.raises(InvalidRequest, match="most"):
            add(session, ada, interest(), now)
        assert len(listing(session, ada)) == MOST_PROFILES


def test_an_interest_is_found_by_its_name(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        make_profile(session, make_subscriber(session, now), name="Robots")
        mine = make_profile(session, ada, name="Robots")
        assert find(session, ada, " robots ") == mine


def test_a_name_that_is_not_found_is_answered_with_those_there_are(database: Database, ada: Subscriber) -> None:
    with database.session() as session:
        with pytest.raises(InvalidRequest, match="none yet"):
            find(session, ada, "Robots")
        make_profile(session, ada, name="Galaxies")
        with pytest.raises(InvalidRequest, match="“Galaxies”"):
            find(session, ada, "Robots")


def test_an_interest_that_was_removed_keeps_its_examples_for_a_while(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        for name in ("Robots", "Galaxies"):
            add(session, ada, interest(name=name, liked=(f"#{papers[0].id}",)), now)
        remove(session, find(session, ada, "Robots"), now)
    with database.session(write=False) as session:
        (left,) = listing(session, ada)
        assert left.name == "Galaxies"
        (gone,) = removed(session, ada)
        assert {row.profile_id for row in session.exec(select(ProfileExample))} == {left.id, gone.id}


def everything_said(papers: list[Paper]) -> Interest:
    return Interest(
        name="Robots",
        text="Robots that learn.",
        liked=(papers[0].url, "", "2401.00001"),
        disliked=(papers[1].title.upper(), "No such title"),
        categories=("cs.RO",),
        keywords=("tactile",),
        muted=("survey until 2026-12-31", "drone"),
        authors=("Ada Lovelace",),
        balance=0.45,
        against="Drones that fly.",
        required=("robot",),
        active=False,
    )


def signs_of(database: Database) -> dict[int, tuple[int, str]]:
    with database.session(write=False) as session:
        return {row.paper_id: (row.sign, row.origin) for row in session.exec(select(ProfileExample))}


def test_a_form_is_patient_and_shows_again_what_was_said(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    said = everything_said(papers)
    with database.session() as session:
        assert check(session, ada, said) == {}
        profile = add(session, ada, said, now, patient=True)
        shown = describe(session, profile)
        number = papers[0].url.rpartition("/")[2]
        assert shown.liked == (f"{number} {papers[0].title}", "2401.00001")
        assert shown.disliked[0].endswith(papers[1].title)
        assert shown.disliked[1:] == ("No such title",)
        assert replace(shown, liked=said.liked, disliked=said.disliked) == said
        assert (profile.muted_until, profile.required) == ({"survey": "2026-12-31"}, ["robot"])
    assert signs_of(database) == {papers[0].id: (1, "chosen"), papers[1].id: (-1, "chosen")}


def test_to_save_what_is_shown_changes_nothing(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        profile = add(session, ada, everything_said(papers), now, patient=True)
        profile.embedded_by = "hashing"
    with database.session() as session:
        profile = listing(session, ada)[0]
        before = [row.model_dump() for row in session.exec(select(PaperRequest))], profile.model_dump()
        assert check(session, ada, describe(session, profile), profile) == {}
        change(session, profile, describe(session, profile), now + timedelta(days=1))
        after = [row.model_dump() for row in session.exec(select(PaperRequest))], profile.model_dump()
    assert after == before


@pytest.mark.parametrize(
    ("fields", "anew"),
    [
        ({"text": "Others."}, True),
        ({"keywords": ("grasp",)}, True),
        ({"against": "Cars."}, True),
        ({"name": "Arms", "muted": ("car",), "balance": 0.0}, False),
    ],
)
def test_other_words_are_embedded_anew(
    database: Database, ada: Subscriber, now: datetime, fields: dict[str, Any], anew: bool
) -> None:
    with database.session() as session:
        profile = add(session, ada, interest(), now)
        profile.embedded_by = "hashing"
        session.add(ProfileVector(profile_id=profile.id, encoder="hashing", dimension=1, vector=b"\0\0"))
    with database.session() as session:
        changed = change(session, profile, interest(**fields), now)
        assert (changed.embedded_by is None) == anew
        assert (session.get(ProfileVector, (profile.id, "hashing")) is None) == anew


def test_examples_follow_the_form_and_votes_stay(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        third, fourth = make_paper(session, now), make_paper(session, now)
        profile = add(session, ada, interest(liked=(papers[0].url, papers[1].url)), now, patient=True)
        for paper in (third, fourth):
            voted = ProfileExample(profile_id=profile.id, paper_id=paper.id, sign=-1, origin=VOTED, created_at=now)
            session.add(voted)
        session.flush()
        assert describe(session, profile).disliked == ()
        change(session, profile, interest(liked=(fourth.url,), disliked=(papers[1].url,)), now)
    assert signs_of(database) == {
        papers[1].id: (-1, "chosen"),
        third.id: (-1, VOTED),
        fourth.id: (1, "chosen"),
    }


def test_a_form_that_cannot_be_taken_changes_nothing(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        profile = add(session, ada, interest(), now)
        with pytest.raises(InvalidRequest, match=r"^Enter a name.*\. Line 1: links must be to .*\.$"):
            change(session, profile, interest(name="", text="x", liked=("https://example.org",)), now)
        assert profile.text == "Robots that learn."


def test_a_removed_interest_frees_its_name_and_can_come_back(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    with database.session() as session:
        first = add(session, ada, interest(), now)
        remove(session, first, now)
        assert (first.active, first.removed_at, listing(session, ada), removed(session, ada)) == (
            False,
            now,
            [],
            [first],
        )
        second = add(session, ada, interest(), now)
        assert (first.name, second.name) == ("Robots (2)", "Robots")
        remove(session, second, now + timedelta(days=1))
        assert removed(session, ada) == [second, first]
        assert restore(session, second).name == "Robots"
        assert (second.active, second.removed_at, restore(session, second)) == (True, None, second)
        third = add(session, ada, interest(name="ROBOTS (2)"), now)
        assert restore(session, first).name == "Robots (2) (2)"
        assert get(session, ada, third.id) == third
        assert get(session, make_subscriber(session, now), third.id) is None
        assert get(session, ada, 999) is None


def test_there_is_room_for_the_living_only(database: Database, ada: Subscriber, now: datetime) -> None:
    with database.session() as session:
        gone = add(session, ada, interest(name="gone"), now)
        remove(session, gone, now)
        for number in range(MOST_PROFILES):
            last = add(session, ada, interest(name=f"interest {number}"), now)
        for refused in (lambda: restore(session, gone), lambda: copy(session, last, now)):
            with pytest.raises(InvalidRequest, match="10 interests, and that is the most"):
                refused()


def test_a_copy_has_what_was_chosen_and_another_name(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        name = "x" * LONGEST_NAME
        profile = add(session, ada, replace(everything_said(papers), name=name), now, patient=True)
        third = make_paper(session, now)
        session.add(ProfileExample(profile_id=profile.id, paper_id=third.id, origin=VOTED, created_at=now))
        session.flush()
        second, another = copy(session, profile, now), copy(session, profile, now)
        assert [second.name, another.name] == [f"{'x' * 76} (2)", f"{'x' * 76} (3)"]
        assert replace(describe(session, second), name=name) == describe(session, profile)
        assert (count_examples(session, profile), count_examples(session, second)) == ((2, 1), (1, 1))


def test_a_sentence_is_enough(database: Database, ada: Subscriber, now: datetime) -> None:
    sentence = "I read about robots that learn to grasp objects from a few demonstrations."
    with database.session() as session:
        made = [from_sentence(session, ada, sentence, now) for _ in "ab"]
        names = [profile.name for profile in made]
        assert names == ["I read about robots that learn to…", "I read about robots that learn to… (2)"]
        assert made[0].text == sentence
        with pytest.raises(InvalidRequest):
            from_sentence(session, ada, " ", now)


def test_an_author_is_enough_when_something_of_theirs_is_in_store(
    database: Database, ada: Subscriber, papers: list[Paper], now: datetime
) -> None:
    with database.session() as session:
        profile = from_author(session, ada, "bob WRITER", now)
        assert (profile.name, profile.authors) == ("Bob Writer", ["Bob Writer"])
        with pytest.raises(InvalidRequest, match="No stored paper is by “Nobody”"):
            from_author(session, ada, " Nobody", now)
    assert signs_of(database) == {paper.id: (1, "chosen") for paper in papers}


def test_a_sketch_is_never_stored(database: Database, ada: Subscriber, papers: list[Paper]) -> None:
    with database.session() as session:
        profile, liked, disliked = sketch(session, ada, everything_said(papers))
        assert (profile.text, liked, disliked) == ("Robots that learn.", [papers[0].id], [papers[1].id])
        session.flush()
        assert session.exec(select(Profile)).all() == []


def test_two_tabs_that_add_one_name_at_once_make_one_interest(
    database: Database, ada: Subscriber, now: datetime
) -> None:
    barrier = Barrier(4)

    def save(_: int) -> bool:
        barrier.wait()
        try:
            with database.session() as session:
                add(session, ada, interest(), now, patient=True)
        except InvalidRequest:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(save, range(4))) == [False, False, False, True]
