"""Who is ranked for and what is known of them: the same each time, and less is always a part of more."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from factories import TOPICS
from public_sets import make_task, open_tiny, user_rows

from digest.errors import InvalidRequest
from digest.evaluation.conditions import Conditions, check, choose_users
from digest.evaluation.tasks import Reader


def readers(folder: Path, under: Conditions) -> list[Reader]:
    return list(make_task(open_tiny(folder), under).readers)


def test_all_that_is_known_is_the_rule(tmp_path: Path) -> None:
    found = readers(tmp_path, Conditions())
    assert [len(reader.liked) for reader in found] == [11] * 5
    assert {reader.text for reader in found} == {""}


def test_fewer_likes_are_a_part_of_more_in_their_order_and_others_for_others(tmp_path: Path) -> None:
    few, more, full = (readers(tmp_path, Conditions(likes=likes)) for likes in (2, 5, None))
    places = []
    for small, large, whole in zip(few, more, full, strict=True):
        assert (len(small.liked), len(large.liked)) == (2, 5)
        assert set(small.liked) < set(large.liked) < set(whole.liked)
        assert (np.diff(large.liked) > 0).all()
        places.append(tuple(np.searchsorted(whole.liked, large.liked)))
    assert len(set(places)) > 1


def test_only_users_with_ten_likes_are_cut_down(tmp_path: Path) -> None:
    rows = user_rows()
    rows[0] = dict(rows[0]) | {"profile": rows[0]["profile"][:9]}
    dataset = open_tiny(tmp_path, users=rows).dataset
    assert len(choose_users(dataset, Conditions())) == 5
    assert len(choose_users(dataset, Conditions(likes=1))) == 4
    with pytest.raises(InvalidRequest, match="No user of tiny likes 12 papers"):
        choose_users(dataset, Conditions(likes=12))


def test_some_users_are_some_of_all_by_chance_and_the_same_each_time(tmp_path: Path) -> None:
    dataset = open_tiny(tmp_path).dataset
    chosen = [{user.name for user in choose_users(dataset, Conditions(users=count))} for count in (1, 2, 3, 4, 99)]
    assert [len(names) for names in chosen] == [1, 2, 3, 4, 5]
    assert all(small <= large for small, large in pairwise(chosen))


def test_phrases_are_what_only_this_user_reads_about(tmp_path: Path) -> None:
    found = readers(tmp_path, Conditions(likes=0, phrases=3))
    for reader, sentence in zip(found, TOPICS.values(), strict=True):
        phrases = reader.text.split(", ")
        assert len(phrases) == 3
        others = " ".join(other for other in TOPICS.values() if other != sentence).casefold()
        assert not any(phrase in others for phrase in phrases)
        assert len(reader.liked) == 0
        assert reader.vector is not None
    assert [reader.text for reader in found] == [
        reader.text for reader in readers(tmp_path, Conditions(likes=1, phrases=3))
    ]


def test_a_sentence_is_the_title_of_a_paper_that_one_like_would_have_told(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path), Conditions(likes=1))
    said = readers(tmp_path, Conditions(likes=0, sentence=True))
    titles = [task.papers[reader.liked[0]].title for reader in task.readers]
    assert [reader.text for reader in said] == titles
    both = readers(tmp_path, Conditions(likes=0, sentence=True, phrases=2))
    assert all(reader.text.startswith(f"{title}. ") for reader, title in zip(both, titles, strict=True))


def test_without_an_encoder_words_have_no_vector(tmp_path: Path) -> None:
    task = make_task(open_tiny(tmp_path, encoder=""), Conditions(likes=0, phrases=1))
    assert all(reader.text and reader.vector is None for reader in task.readers)


@pytest.mark.parametrize(
    "under", [Conditions(sentence=True), Conditions(likes=2, sentence=True), Conditions(likes=0)], ids=str
)
def test_what_says_nothing_or_contradicts_itself_is_refused(under: Conditions) -> None:
    with pytest.raises(InvalidRequest, match="--"):
        check(under)
