"""A page of results: what is on it, what is said of it, and what cannot be asked."""

from datetime import datetime, timedelta

import pytest
from factories import TOPICS, make_paper

from digest import pipeline, questions
from digest.embeddings.vectors import paper_text
from digest.errors import InvalidRequest
from digest.ranking import inquiries, scoring
from digest.ranking.inquiries import Inquiry, Results
from digest.workshop import Workshop

DAY = timedelta(days=1)
AUCTION = "auctions and matching markets, a truthful mechanism for bidders"


@pytest.fixture
def stocked(shop: Workshop, now: datetime) -> Workshop:
    """Sixty papers: twelve on each topic, a day older each, in a category of their own."""
    with shop.database.session() as session:
        for age in range(12):
            for number, topic in enumerate(TOPICS):
                make_paper(session, now, topic, announced_at=now - age * DAY, categories=[f"cs.{'ABCDE'[number]}I"])
    pipeline.prepare(shop, now)
    return shop


def find(shop: Workshop, now: datetime, text: str = AUCTION, **fields: object) -> Results:
    return questions.find(shop, Inquiry(text, **fields), now)


def topics_of(results: Results) -> list[str]:
    return [hit.paper.title.split()[0].lower() for hit in results.hits]


def test_pages_hold_every_match_once_best_first(stocked: Workshop, now: datetime) -> None:
    pages = [find(stocked, now, page=page, size=5) for page in (1, 2, 3)]
    assert [len(page.hits) for page in pages] == [5, 5, 2]
    assert [page.more for page in pages] == [True, True, False]
    assert {page.total for page in pages} == {12}
    relevances = [hit.relevance for page in pages for hit in page.hits]
    assert relevances == sorted(relevances, reverse=True)
    assert relevances[-1] >= scoring.FLOOR
    assert len({hit.paper.id for page in pages for hit in page.hits}) == 12
    assert {topic for page in pages for topic in topics_of(page)} == {"auction"}
    assert not any(page.weak or page.cut or page.keywords_only for page in pages)


def test_a_hit_says_what_it_shares_with_the_text(stocked: Workshop, now: datetime) -> None:
    for hit in find(stocked, now).hits:
        assert hit.phrases == ("matching markets", "truthful mechanism", "auction")
        assert all(phrase in paper_text(hit.paper).lower() for phrase in hit.phrases)


def test_newest_first_lists_the_same_papers_by_their_day(stocked: Workshop, now: datetime) -> None:
    newest = find(stocked, now, sort="newest")
    moments = [hit.paper.announced_at for hit in newest.hits]
    assert moments == sorted(moments, reverse=True)
    assert {hit.paper.id for hit in newest.hits} == {hit.paper.id for hit in find(stocked, now).hits}


def test_a_filter_holds_by_words_and_by_vectors(stocked: Workshop, now: datetime) -> None:
    since = now.date() - 3 * DAY
    for encoder in (stocked.encoder_name, ""):
        stocked.encoder_name = encoder
        results = find(stocked, now, "auctions", since=since)
        assert topics_of(results) == ["auction"] * 4
        assert results.keywords_only == (not encoder)
        assert all(hit.paper.announced_at.date() >= since for hit in results.hits)
        assert topics_of(find(stocked, now, "auctions", categories=("CS",))) == ["auction"] * 12
        (nothing,) = {find(stocked, now, "auctions", categories=("hep-th",)).total}
        assert nothing == 0


def test_where_nothing_matches_the_three_nearest_are_given_and_called_weak(stocked: Workshop, now: datetime) -> None:
    results = find(stocked, now, "zzyzx quux")
    assert results.weak
    assert results.total == len(results.hits) == 3
    assert not results.more


def test_a_long_text_is_cut_and_said_to_be(stocked: Workshop, now: datetime) -> None:
    fitting = f"{AUCTION} {'x' * 600}"[: inquiries.LONGEST_TEXT]
    assert not find(stocked, now, f"  {fitting}  ").cut
    results = find(stocked, now, fitting + " galaxies")
    assert results.cut
    assert results.hits == find(stocked, now, fitting).hits


def test_without_vectors_the_newest_with_every_word_are_given(stocked: Workshop, now: datetime) -> None:
    stocked.encoder_name = ""
    results = find(stocked, now, "The AUCTIONS and the bidders", size=5)
    assert results.keywords_only
    assert (results.total, results.more, results.weak) == (12, True, False)
    assert topics_of(results) == ["auction"] * 5
    assert results.hits[0].paper.announced_at == now
    assert find(stocked, now, "auctions galaxies").total == 0
    assert find(stocked, now, "the of").total == 12  # stop words are looked for where there are no others
    assert find(stocked, now, "?!").total == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": " \n"}, "Say what to look for"),
        ({"text": "x", "sort": "votes"}, "by relevance or newest, not by “votes”"),
        ({"text": "x", "page": 0}, "Only the 200 closest"),
        ({"text": "x", "page": 11}, "Only the 200 closest"),
        ({"text": "x", "size": 0}, "Only the 200 closest"),
        ({"text": "x", "categories": ("cs.XX",)}, "no arXiv category “cs.XX”"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    shop: Workshop, now: datetime, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        questions.find(shop, Inquiry(**fields), now)


def test_an_empty_store_is_searched_by_words(shop: Workshop, now: datetime) -> None:
    results = find(shop, now)
    assert results.keywords_only
    assert results.hits == []
