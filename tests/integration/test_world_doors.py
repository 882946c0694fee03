"""The doors of a world without faults speak as the sources do."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from world import FaultServer, Sizes, World
from world.asking import CLIENT, INVITATION, LIST, error, get, harvest, ids, texts, value, xml
from world.moments import DAY, harvestable_at, midnight

HOUR = timedelta(hours=1)


@pytest.fixture
def server(running: FaultServer, world: World) -> FaultServer:
    """Without faults, at the end of the world."""
    running.serve(world, sizes=Sizes(harvest=20, posts=5))
    running.now = world.ends
    return running


class TestHarvest:
    def test_all_pages_together_hold_each_paper_of_the_set_once(self, server: FaultServer, world: World) -> None:
        found = ids(harvest(server, set="cs"))
        wanted = [paper.id for paper in world.arxiv if any(c.startswith("cs.") for c in paper.events[-1].categories)]
        assert len(found) > 60
        assert sorted(found) == sorted(wanted)

    def test_from_and_until_are_days_of_the_last_change(self, server: FaultServer, world: World) -> None:
        first, last = world.announcement_days[4], world.announcement_days[9]
        found = harvest(server, from_=first, until=last)
        assert set(ids(found)) == {p.id for p in world.arxiv if first <= p.events[-1].day <= last}
        stamps = [stamp for record in found for stamp in texts(record, "datestamp")]
        assert stamps == sorted(stamps)
        assert stamps[0] >= first.isoformat()
        assert stamps[-1] <= last.isoformat()

    def test_what_is_announced_appears_at_half_past_ten_in_new_york(self, server: FaultServer, world: World) -> None:
        day = world.announcement_days[6]
        server.now = harvestable_at(day) - timedelta(seconds=1)
        assert error(xml(server, "oai", **LIST, from_=day)) == "noRecordsMatch"
        server.now = harvestable_at(day)
        assert set(ids(harvest(server, from_=day))) == {paper.id for paper, _ in world.by_day[day]}

    def test_a_record_tells_its_versions_sets_and_withdrawal(self, server: FaultServer, world: World) -> None:
        by_id = dict(zip(ids(found := harvest(server)), found, strict=True))
        gone = next(paper for paper in world.arxiv if paper.events[-1].withdrawn)
        record, state = by_id[gone.id], gone.events[-1]
        versions = {e.get("version"): e for e in record.iter() if e.tag.endswith("}version")}
        assert set(versions) == {f"v{n}" for n in range(1, state.version + 1)}
        assert versions[f"v{state.version}"].findtext("{*}source_type") == "I"
        assert versions["v1"].findtext("{*}date") == f"{state.dates[0]:%a, %d %b %Y %H:%M:%S} GMT"
        assert texts(record, "categories") == [" ".join(state.categories)]
        assert len(texts(record, "setSpec")) == len(state.categories)
        assert texts(record, "identifier") == [f"oai:arXiv.org:{gone.id}"]

    def test_titles_come_as_odd_as_they_are(self, server: FaultServer, world: World) -> None:
        found = harvest(server)
        told = {name: texts(record, "title")[0] for name, record in zip(ids(found), found, strict=True)}
        assert told == {paper.id: paper.events[-1].title for paper in world.arxiv}

    def test_a_token_holds_until_midnight_in_utc(self, server: FaultServer, world: World) -> None:
        server.now = midnight(world.announcement_days[5]) + 23 * HOUR
        token = texts(xml(server, "oai", **LIST), "resumptionToken")[0]
        ask = {"verb": "ListRecords", "resumptionToken": token}
        assert error(xml(server, "oai", **ask)) == ""
        server.now += HOUR
        assert error(xml(server, "oai", **ask)) == "badResumptionToken"

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("verb=ListRecords", "badArgument"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&size=5", "badArgument"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&set=cs&set=math", "badArgument"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&from=2026-1-1", "badArgument"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&from=2026-11-02&until=2026-11-01", "badArgument"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&from=1999-01-01", "badArgument"),
            ("verb=ListRecords&metadataPrefix=oai_dc", "cannotDisseminateFormat"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&resumptionToken=a", "badArgument"),
            ("verb=ListRecords&resumptionToken=nonsense", "badResumptionToken"),
            ("verb=ListRecords&metadataPrefix=arXivRaw&from=2027-01-01", "noRecordsMatch"),
            ("verb=Sing", "badVerb"),
            ("verb=Identify", ""),
        ],
    )
    def test_wrong_requests_are_told_so(self, server: FaultServer, query: str, code: str) -> None:
        answer = CLIENT.get(f"{server.url('oai')}?{query}")
        assert error(fromstring(answer.content)) == code


class TestAnnouncements:
    def types(self, server: FaultServer, query: str) -> dict[str, str]:
        root = xml(server, "atom", f"/{query}")
        return {
            (e.findtext("{*}id") or "").removeprefix("oai:arXiv.org:"): e.findtext("{*}announce_type") or ""
            for e in root.findall("{*}entry")
        }

    def test_the_type_depends_on_who_asks(self, server: FaultServer, world: World) -> None:
        paper, event = next(
            (paper, event)
            for paper in world.arxiv
            for event in paper.events
            if event.kind == "new" and not paper.old and len(event.categories) > 1
        )
        server.now = midnight(event.day) + 12 * HOUR
        name = f"{paper.id}v1"
        assert self.types(server, event.categories[0])[name] == "new"
        assert self.types(server, event.categories[1])[name] == "cross"
        assert self.types(server, "+".join(event.categories))[name] == "new"

    def test_a_late_cross_list_is_told_where_it_is_new_alone(self, server: FaultServer, world: World) -> None:
        paper, event = next((p, e) for p in world.arxiv for e in p.events if e.kind == "cross")
        server.now = midnight(event.day) + 12 * HOUR
        name = f"{paper.id}v{event.version}"
        assert self.types(server, event.added[0])[name] == "cross"
        assert name not in self.types(server, event.categories[0])

    def test_replacements_are_told_up_to_the_fifth_version_and_edits_never(self, server: FaultServer) -> None:
        world, told = World(2, 200), dict[str, str]()
        server.serve(world)
        for day in world.announcement_days:
            server.now = midnight(day) + 12 * HOUR
            told |= self.types(server, "cs+stat+math+hep-th+astro-ph+q-bio")
        assert set(told.values()) == {"new", "replace"}  # whoever asks for all gets no cross-list
        assert {name.partition("v")[2] for name, kind in told.items() if kind == "replace"} == {"2", "3", "4", "5"}
        changes = [(p, e) for p in world.arxiv for e in p.events if e.day in world.announcement_days]
        assert {f"{p.id}v{e.version}" for p, e in changes if e.version > 5}.isdisjoint(told)

    def test_the_batch_turns_over_at_midnight_in_new_york_and_is_empty_without_a_mailing(
        self, server: FaultServer, world: World
    ) -> None:
        friday = next(day for day in world.announcement_days[5:] if day.weekday() == 4)
        server.now = midnight(friday) + 12 * HOUR
        batch = self.types(server, "cs.CL")
        assert batch
        for now in (midnight(friday) + DAY + 12 * HOUR, midnight(min(world.holidays)) + 12 * HOUR):
            server.now = now
            assert self.types(server, "cs.CL") == {}
        server.now = midnight(friday) + DAY + 3 * HOUR  # it is still Friday in New York
        assert self.types(server, "cs.CL") == batch

    def test_the_date_is_midnight_in_new_york(self, server: FaultServer) -> None:
        for now, told in (
            ("2026-10-28T12:00", "2026-10-28T00:00:00-04:00"),
            ("2026-11-04T12:00", "2026-11-04T00:00:00-05:00"),
        ):
            server.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
            assert xml(server, "atom", "/cs").findtext("{*}published") == told

    def test_the_cap_takes_what_is_new_first(self, server: FaultServer, world: World) -> None:
        day = max(world.announcement_days, key=lambda day: len(world.by_day[day]))
        server.now = midnight(day) + 12 * HOUR
        whole = list(self.types(server, "cs").values())
        server.serve(world, sizes=Sizes(announcements=3))
        server.now = midnight(day) + 12 * HOUR
        assert list(self.types(server, "cs").values()) == whole[:3]
        assert whole[-1] == "new"
        assert whole[0] != "new"

    def test_an_unknown_category_is_an_error_in_the_title(self, server: FaultServer) -> None:
        root = xml(server, "atom", "/cs.NONE")
        assert (root.findtext("{*}title") or "").startswith("Feed error for query")
        assert root.findall("{*}entry") == []


class TestQuery:
    def test_papers_come_by_id_with_the_version_asked_for(self, server: FaultServer, world: World) -> None:
        paper = next(p for p in world.arxiv if p.events[-1].version > 1)
        root = xml(server, "query", id_list=f"{paper.id},{paper.id}v1,2610.99999")
        names = [e.findtext("{*}id") for e in root.findall("{*}entry")]
        assert names == [
            f"http://arxiv.org/abs/{paper.id}v{paper.events[-1].version}",
            f"http://arxiv.org/abs/{paper.id}v1",
        ]
        assert root.findtext("{*}totalResults") == "2"
        assert root.findtext("{*}entry/{*}published") == f"{paper.events[0].dates[0]:%Y-%m-%dT%H:%M:%SZ}"
        assert root.find("{*}entry/{*}primary_category").get("term") == paper.events[0].categories[0]  # type: ignore[union-attr]

    def test_ten_come_unless_more_are_asked_for(self, server: FaultServer, world: World) -> None:
        asked = ",".join(paper.id for paper in world.arxiv[-50:])
        assert len(xml(server, "query", id_list=asked).findall("{*}entry")) == 10
        assert len(xml(server, "query", id_list=asked, max_results=100).findall("{*}entry")) == 50
        assert len(xml(server, "query", id_list=asked, start=45).findall("{*}entry")) == 5

    @pytest.mark.parametrize("query", [{"id_list": "2610.1"}, {"search_query": "cat:cs.CL"}, {"id_list": ""}])
    def test_a_wrong_query_is_one_entry_named_error(self, server: FaultServer, query: dict[str, str]) -> None:
        answer = CLIENT.get(server.url("query"), params=query)
        root = fromstring(answer.content)
        assert answer.status_code == 400
        assert [e.findtext("{*}title") for e in root.findall("{*}entry")] == ["Error"]


class TestListings:
    def day(self, world: World) -> date:
        return max((held.day for held in world.listings), key=[held.day for held in world.listings].count)

    def test_a_day_fills_while_it_lasts_and_votes_grow(self, server: FaultServer, world: World) -> None:
        day = self.day(world)
        wanted = [held for held in world.listings if held.day == day]
        server.now = wanted[-1].at - timedelta(seconds=1)
        assert len(value(server, "hf", date=day)) == len(wanted) - 1
        server.now = midnight(day) + 9 * DAY
        items = value(server, "hf", date=day)
        assert [item["paper"]["id"] for item in items] == [held.paper.id for held in wanted]
        assert [item["paper"]["upvotes"] for item in items] == [held.votes(server.now) for held in wanted]
        assert {type(item["paper"]["id"]) for item in items} == {str}
        assert items[0]["paper"]["submittedOnDailyAt"].startswith(day.isoformat())

    def test_pages_join_to_the_listing(self, server: FaultServer, world: World) -> None:
        day = self.day(world)
        whole = value(server, "hf", date=day)
        assert len(whole) > 2
        assert [item for p in range(len(whole)) for item in value(server, "hf", date=day, p=p, limit=1)] == whole
        assert value(server, "hf", date=day, p=len(whole), limit=1) == []

    def test_a_day_to_come_and_no_date_are_refused(self, server: FaultServer, world: World) -> None:
        assert get(server, "hf", date=world.ends.date() + DAY).status_code == 400
        assert get(server, "hf", date="yesterday").status_code == 400


class TestPosts:
    def read(self, server: FaultServer, name: str, span: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        found, messages = list[dict[str, Any]](), list[dict[str, Any]]()
        while True:
            page = value(server, "biorxiv", f"/details/{name}/{span}/{len(found)}")
            messages += page["messages"]
            if not page["collection"]:
                return found, messages
            found += page["collection"]

    def test_pages_join_to_all_versions_of_the_days(self, server: FaultServer, world: World) -> None:
        for name in ("biorxiv", "medrxiv"):
            found, messages = self.read(server, name, f"{world.begins.date()}/{world.ends.date()}")
            posted = [
                (post.doi, str(k)) for post in world.posts if post.server == name for k, _ in enumerate(post.posted, 1)
            ]
            assert sorted((item["doi"], item["version"]) for item in found) == sorted(posted)
            assert messages[-1] == {"status": "no posts found"}
            assert {int(message["total"]) for message in messages[:-1]} == {len(posted)}
            assert {int(message["count"]) for message in messages[:-1]} <= set(range(1, 6))

    def test_a_day_fills_while_it_lasts(self, server: FaultServer, world: World) -> None:
        post = world.posts[len(world.posts) // 2]
        day = post.posted[0].date()
        told = []
        for now in (post.posted[0] - timedelta(seconds=1), post.posted[0]):
            server.now = now
            told.append(post.doi in {item["doi"] for item in self.read(server, post.server, f"{day}/{day}")[0]})
        assert told == [False, True]

    def test_dates_are_not_always_padded_and_counts_may_be_text(self, server: FaultServer) -> None:
        dates, kinds = set[str](), set[type]()
        for seed in range(8):
            world = World(seed, 100)
            server.serve(world)
            server.now = world.ends
            found, messages = self.read(server, "biorxiv", f"{world.begins.date()}/{world.ends.date()}")
            dates |= {item["date"] for item in found}
            kinds |= {type(message["total"]) for message in messages if "total" in message}
        assert {len(text) for text in dates} == {9, 10}
        assert kinds == {int, str}

    def test_a_published_doi_comes_with_its_day(self, server: FaultServer, world: World) -> None:
        post = next(p for p in world.posts if p.published_at and p.published_at > p.posted[-1] + HOUR)
        span = f"{post.posted[0].date()}/{post.posted[0].date()}"
        told = []
        for now in (post.posted[0], post.published_at):
            assert now
            server.now = now
            told += [item["published"] for item in self.read(server, post.server, span)[0] if item["doi"] == post.doi]
        assert told == ["NA", post.published]

    def test_the_last_days_may_be_asked_for_by_their_number(self, server: FaultServer, world: World) -> None:
        server.now = world.begins + 9 * DAY
        first = server.now.date() - 2 * DAY
        wanted = self.read(server, "biorxiv", f"{first}/{server.now.date()}")[0]
        assert wanted
        assert self.read(server, "biorxiv", "2d")[0] == wanted
        assert get(server, "biorxiv", "/details/elsewhere/2d/0").status_code == 404


class TestNotes:
    def test_values_are_wrapped_and_pages_join(self, server: FaultServer, world: World) -> None:
        whole = value(server, "openreview", "/notes", invitation=INVITATION)
        assert whole["count"] == len(whole["notes"]) == len(world.notes)
        by_id = {note["id"]: note["content"]["title"]["value"] for note in whole["notes"]}
        assert by_id == {note.id: note.work.title for note in world.notes}
        pages = [
            value(server, "openreview", "/notes", invitation=INVITATION, limit=7, offset=k)["notes"]
            for k in range(0, 40, 7)
        ]
        assert [note for page in pages for note in page] == whole["notes"]

    def test_notes_are_sorted_and_cut_as_asked(self, server: FaultServer, world: World) -> None:
        ask = {"invitation": INVITATION, "sort": "tcdate:asc"}
        notes = value(server, "openreview", "/notes", **ask)["notes"]
        assert [note["tcdate"] for note in notes] == sorted(note["tcdate"] for note in notes)
        assert value(server, "openreview", "/notes", **ask, after=notes[3]["id"])["notes"] == notes[4:]
        assert value(server, "openreview", "/notes", **ask, mintcdate=notes[5]["tcdate"])["notes"] == notes[5:]
        server.now = world.notes[2].at
        assert value(server, "openreview", "/notes", **ask)["count"] == 3
        venue = {"content.venueid": "Example.cc/2026/Conference"}
        assert CLIENT.get(server.url("openreview") + "/notes", params=venue).json()["count"] == 3
        assert value(server, "openreview", "/notes", invitation="Another/-/Submission")["count"] == 0


class TestJournal:
    def test_the_last_entries_come_newest_first_in_both_forms(self, server: FaultServer, world: World) -> None:
        server.serve(world, sizes=Sizes(journal=9))
        server.now = world.begins + 20 * DAY
        known = [entry for entry in world.entries if entry.at <= server.now]
        newest = [entry.guid for entry in reversed(known)][:9]
        assert len(known) > 9
        assert texts(xml(server, "feed"), "guid") == newest
        assert texts(xml(server, "feed", "/atom"), "id")[1:] == newest
        assert texts(xml(server, "feed"), "link")[1:] == texts_of_links(xml(server, "feed", "/atom"))


def texts_of_links(root: Element) -> list[str]:
    return [link.get("href", "") for link in root.findall("{*}entry/{*}link")]


class TestCounts:
    def test_semantic_scholar_answers_in_order_with_null_for_unknown(self, server: FaultServer, world: World) -> None:
        post, paper = world.posts[0], world.arxiv[0]
        asked = {"ids": [f"DOI:{post.doi.upper()}", "ARXIV:2610.99999", f"ARXIV:{paper.id}"]}
        url = server.url("s2") + "/paper/batch?fields=citationCount,externalIds"
        first, unknown, last = CLIENT.post(url, json=asked).json()
        assert unknown is None
        assert first["citationCount"] >= 0
        assert last["externalIds"] == {"ArXiv": paper.id}
        assert last["citationCount"] > 0
        assert CLIENT.post(url, json={"ids": ["A"] * 501}).status_code == 400
        assert CLIENT.get(url).status_code == 404

    def test_openalex_answers_by_doi_in_pages(self, server: FaultServer, world: World) -> None:
        asked = "doi:" + "|".join(f"https://doi.org/10.48550/arXiv.{paper.id}" for paper in world.arxiv[:5])
        first = value(
            server, "openalex", "/works", filter=asked, per_page=3, cursor="*", select="id,doi,cited_by_count"
        )
        rest = value(server, "openalex", "/works", filter=asked, per_page=3, cursor=first["meta"]["next_cursor"])
        assert [len(page["results"]) for page in (first, rest)] == [3, 2]
        assert rest["meta"]["next_cursor"] is None
        assert set(first["results"][0]) == {"id", "doi", "cited_by_count"}

    def test_nothing_is_known_of_what_is_to_come(self, server: FaultServer, world: World) -> None:
        paper = world.arxiv[-1]
        server.now = world.begins
        asked = {"ids": [f"ARXIV:{paper.id}"]}
        assert CLIENT.post(server.url("s2") + "/paper/batch", json=asked).json() == [None]


def test_an_unknown_door_is_not_found(server: FaultServer) -> None:
    assert CLIENT.get(server.url("oai")[:-3] + "nowhere").status_code == 404
