import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import LocalServer, Reply, Request, daily_paper, listing

from digest.errors import PermanentError, TransientError
from digest.sources.base import DailySource, PaperRecord, Refusal, SignalRecord
from digest.sources.http import Manners, PoliteClient
from digest.sources.huggingface import HuggingFaceSource, read_item

NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)
DAY = datetime(2026, 4, 20, 10, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Reply(b"[]")) as running:
        yield running


@pytest.fixture
def source(server: LocalServer, tmp_path: Path) -> HuggingFaceSource:
    client = PoliteClient(tmp_path, "", Manners(sleep=lambda _: None, timeout=5.0))
    return HuggingFaceSource(client, f"{server.url}/api/daily_papers", now=lambda: NOW)


def read(item: object) -> PaperRecord:
    record = read_item(item, "here", NOW)
    assert isinstance(record, PaperRecord)
    return record


def refuse(item: object) -> str:
    refusal = read_item(item, "here", NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.where == "here"
    return refusal.why


def test_an_item_becomes_a_record() -> None:
    assert read(daily_paper("2604.00010", githubStars=12)) == PaperRecord(
        source="huggingface",
        title="On the number 2604.00010",
        abstract="We count to 2604.00010 and find nothing unusual.",
        ids={"arxiv": "2604.00010", "huggingface": "2604.00010"},
        authors=("Ada Example", "Bo Sample"),
        author_count=2,
        published_on=date(2026, 4, 17),
        announced_at=datetime(2026, 4, 20, 1, 2, 3, tzinfo=UTC),
        url="https://arxiv.org/abs/2604.00010",
        signals=(SignalRecord("votes", NOW, 7), SignalRecord("comments", NOW, 2), SignalRecord("stars", NOW, 12)),
    )


def test_the_day_of_the_listing_comes_before_the_date_of_the_item() -> None:
    item = daily_paper("2604.00010", submittedOnDailyAt=None)
    assert read(item).announced_at == datetime(2026, 4, 19, 22, tzinfo=UTC)
    assert read(item | {"publishedAt": "2026-04-19T22:00:00"}).announced_at == datetime(2026, 4, 19, 22, tzinfo=UTC)
    assert read(item | {"publishedAt": None}).announced_at is None


@pytest.mark.parametrize("count", [None, -1, True, "7", 7.5, 10**30, [7]])
def test_a_count_that_is_not_known_or_absurd_is_absent(count: object) -> None:
    item = daily_paper("2604.00010", upvotes=count, githubStars=count) | {"numComments": count}
    assert read(item).signals == ()


def test_a_count_of_nought_is_a_count() -> None:
    assert SignalRecord("votes", NOW, 0) in read(daily_paper("2604.00010", upvotes=0)).signals


@pytest.mark.parametrize("paper", [2604.0001, 26, None, "", "2503.0213", "abc", ["2604.00010"]])
def test_an_id_must_be_a_whole_arxiv_id_in_a_string(paper: object) -> None:
    assert "is not one of arXiv" in refuse(daily_paper(paper))


@pytest.mark.parametrize("item", [None, 7, "paper", [], {}, {"paper": None}, {"paper": []}])
def test_what_is_no_paper_is_refused(item: object) -> None:
    assert refuse(item) == "it is no paper"


def test_an_item_needs_a_title_and_an_abstract() -> None:
    assert refuse(daily_paper("2604.00010", summary=" ")) == "2604.00010 has no abstract"
    assert refuse(daily_paper("2604.00010", title=None) | {"title": 7}) == "2604.00010 has no title"
    assert read(daily_paper("2604.00010", title=None)).title == "On the number 2604.00010"


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00:00+02:00"])
def test_an_unreadable_date_is_refused(moment: str) -> None:
    assert "date that cannot be read" in refuse(daily_paper("2604.00010", submittedOnDailyAt=moment))


@pytest.mark.parametrize("authors", [None, "Ada", 7, [None, 7, {}, {"name": None}, {"name": " "}]])
def test_authors_that_are_none_are_left_out(authors: object) -> None:
    record = read(daily_paper("2604.00010", authors=authors))
    assert (record.authors, record.author_count) == ((), None)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(daily_paper("x")["paper"])), json_values)
def test_no_value_of_a_field_raises(key: str, value: object) -> None:
    item = read_item(daily_paper("2604.00010", **{key: value}), "here", NOW)
    assert isinstance(item, PaperRecord | Refusal)


def test_one_listing_is_asked_for_a_day(server: LocalServer, source: HuggingFaceSource) -> None:
    zone = timezone(timedelta(hours=-5))
    list(source.fetch(datetime(2026, 4, 18, 22, tzinfo=zone), DAY))
    assert [request.query for request in server.requests] == [
        {"date": "2026-04-19", "limit": "100", "p": "0"},
        {"date": "2026-04-20", "limit": "100", "p": "0"},
    ]


def test_days_to_come_are_not_asked_for(server: LocalServer, source: HuggingFaceSource) -> None:
    list(source.fetch(NOW, NOW + timedelta(days=9)))
    assert [request.query["date"] for request in server.requests] == ["2026-04-21"]


def test_days_before_the_first_listing_are_not_asked_for(server: LocalServer, source: HuggingFaceSource) -> None:
    list(source.fetch(datetime.min.replace(tzinfo=UTC), datetime(2023, 5, 5, tzinfo=UTC)))
    assert [request.query["date"] for request in server.requests] == ["2023-05-04", "2023-05-05"]


def test_pages_are_followed_while_they_are_full(server: LocalServer, source: HuggingFaceSource) -> None:
    papers = [f"2604.{number:05d}" for number in range(250)]

    def answer(request: Request) -> Reply:
        start = 100 * int(request.query["p"])
        return Reply(listing(daily_paper(paper) for paper in papers[start : start + 100]))

    server.answer = answer
    found = [item.ids["arxiv"] for item in source.fetch(DAY, DAY) if isinstance(item, PaperRecord)]
    assert found == papers
    assert [request.query["p"] for request in server.requests] == ["0", "1", "2"]


def test_a_listing_without_end_is_a_failure(server: LocalServer, source: HuggingFaceSource) -> None:
    server.answer = lambda _: Reply(listing([daily_paper("2604.00001")] * 100))
    with pytest.raises(TransientError, match="does not end"):
        list(source.fetch(DAY, DAY))
    assert len(server.requests) == 20


def test_a_paper_of_two_days_is_delivered_once(server: LocalServer, source: HuggingFaceSource) -> None:
    server.answer = lambda _: Reply(listing([daily_paper("2604.00001"), daily_paper("2604.00002")]))
    found = list(source.fetch(DAY - timedelta(days=1), DAY))
    assert len(found) == 2


def test_a_bad_item_is_refused_by_its_place_and_the_others_are_delivered(
    server: LocalServer, source: HuggingFaceSource
) -> None:
    server.answer = lambda _: Reply(listing([daily_paper("2604.00001"), {}, daily_paper("2604.00002")]))
    first, second, third = source.fetch(DAY, DAY)
    assert second == Refusal("2026-04-20 item 2", "it is no paper")
    assert isinstance(first, PaperRecord)
    assert isinstance(third, PaperRecord)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, json.dumps({"error": "busy"}).encode(), b"\xff["])
def test_what_is_no_list_is_transient(server: LocalServer, source: HuggingFaceSource, body: bytes) -> None:
    server.answer = lambda _: Reply(body)
    with pytest.raises(TransientError, match="Hugging Face answered with what is no"):
        list(source.fetch(DAY, DAY))


def test_a_refused_date_is_permanent(server: LocalServer, source: HuggingFaceSource) -> None:
    server.answer = lambda _: Reply(b"{}", 400)
    with pytest.raises(PermanentError, match="answered 400 to /api/daily_papers"):
        list(source.fetch(DAY, DAY))


def test_days_long_past_are_counted_again_as_they_are_now(server: LocalServer, source: HuggingFaceSource) -> None:
    server.answer = lambda request: Reply(listing([daily_paper(f"2604.000{request.query['date'][-2:]}", upvotes=30)]))
    days = [date(2023, 1, 1), date(2026, 4, 7), date(2026, 4, 20), date(2026, 4, 22)]  # before the first, and to come
    found = [item for item in source.fetch_days(days) if isinstance(item, PaperRecord)]
    assert [request.query["date"] for request in server.requests] == ["2026-04-07", "2026-04-20"]
    assert [item.signals[0] for item in found] == [SignalRecord("votes", NOW, 30)] * 2


def test_it_is_a_source_by_days(source: HuggingFaceSource) -> None:
    assert isinstance(source, DailySource)
