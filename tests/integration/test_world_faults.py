"""The fault server does every fault that it names, and is calm in the end."""

import json
from datetime import datetime, timedelta
from xml.etree.ElementTree import ParseError

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from world import FAULTS, Ask, FaultServer, Mischief, Sizes, World
from world.asking import CLIENT, INVITATION, LIST, error, get, harvest, ids, texts, value, xml
from world.mischief import IN_THE_ANSWER, ON_THE_WAY, SPELLS, Spell
from world.moments import DAY, harvestable_at, midnight

HOUR = timedelta(hours=1)


def struck_by(running: FaultServer, world: World, fault: str, seed: int = 7) -> FaultServer:
    """The server when `fault`, and no other, strikes at every other request where it can."""
    mischief = Mischief(world, seed, rate=0.5, without=set(FAULTS) - {fault})
    running.serve(world, mischief, Sizes(harvest=20, posts=2))
    running.now = world.calm_from - HOUR
    return running


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status"),
        [("429", 429), ("403", 403), ("500", 500), ("503 with Retry-After", 503), ("huge Retry-After", 429)],
    )
    def test_refusals(self, running: FaultServer, world: World, fault: str, status: int) -> None:
        server = struck_by(running, world, fault)
        answers = [get(server, "atom", "/cs") for _ in range(60)]
        assert {answer.status_code for answer in answers} == {200, status}
        waits = [answer.headers["Retry-After"] for answer in answers if "Retry-After" in answer.headers]
        assert bool(waits) == fault.endswith("Retry-After")
        assert all(int(wait) > 86_400 for wait in waits) or fault != "huge Retry-After"

    @pytest.mark.parametrize("fault", ["connection dropped", "truncated on the wire"])
    def test_broken_connections(self, running: FaultServer, world: World, fault: str) -> None:
        server, broken = struck_by(running, world, fault), 0
        for _ in range(60):
            try:
                assert get(server, "hf", date=server.now.date()).status_code == 200
            except httpx.RemoteProtocolError:
                broken += 1
        assert broken == server.struck_now[fault] > 0

    @pytest.mark.parametrize("fault", ["truncated text", "200 with HTML", "empty 200"])
    @pytest.mark.parametrize("door", ["atom", "openreview"])
    def test_bodies_that_are_not_what_they_claim(
        self, running: FaultServer, world: World, fault: str, door: str
    ) -> None:
        server, bad = struck_by(running, world, fault), 0
        for _ in range(60):
            answer = (
                get(server, "atom", "/cs") if door == "atom" else get(server, door, "/notes", invitation=INVITATION)
            )
            assert answer.status_code == 200
            try:
                read = fromstring(answer.content) if door == "atom" else json.loads(answer.content)
                bad += door == "atom" and read.tag == "html"
            except (ParseError, ValueError):
                bad += 1
        assert bad == server.struck_now[fault] > 0

    def test_an_empty_answer_though_more_was_announced(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "empty feed")
        known = ",".join(paper.id for paper in world.arxiv[:5])
        roots = [xml(server, "query", id_list=known) for _ in range(40)]
        assert {len(root.findall("{*}entry")) for root in roots} == {0, 5}
        assert {root.findtext("{*}totalResults") for root in roots} == {"5"}
        notes = [value(server, "openreview", "/notes", invitation=INVITATION) for _ in range(40)]
        assert {len(answer["notes"]) == answer["count"] for answer in notes} == {True, False}

    @pytest.mark.parametrize(("door", "path"), [("atom", "/cs.CL"), ("query", "")])
    def test_an_error_with_status_200(self, running: FaultServer, world: World, door: str, path: str) -> None:
        server = struck_by(running, world, "Error entry")
        roots = [xml(server, door, path, id_list=world.arxiv[0].id) for _ in range(40)]
        titles = {title for root in roots for title in texts(root, "title")}
        assert any(title == "Error" or title.startswith("Feed error") for title in titles)
        assert len(titles) > 1

    def test_a_token_that_expired_early(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "expired token")
        token = texts(xml(server, "oai", **LIST), "resumptionToken")[0]
        codes = {error(xml(server, "oai", verb="ListRecords", resumptionToken=token)) for _ in range(40)}
        assert codes == {"", "badResumptionToken"}

    def test_a_page_that_comes_again(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "repeated page")
        first = xml(server, "oai", **LIST)
        token = texts(first, "resumptionToken")[0]
        seconds = [texts(xml(server, "oai", verb="ListRecords", resumptionToken=token), "id") for _ in range(40)]
        assert len({tuple(page) for page in seconds}) == 2
        assert texts(first, "id") in seconds

    def test_a_row_that_is_passed_over_turns_up_on_a_later_day(self, running: FaultServer, world: World) -> None:
        passed: set[tuple[str, datetime]] = set()
        server = struck_by(running, world, "shifted row")
        for day in world.announcement_days[4:20]:
            server.now = harvestable_at(day)
            whole = {p.id for p in world.arxiv if (state := p.state(server.now)) and "cs.LG" in state.categories}
            passed |= {(name, server.now) for name in whole - set(ids(harvest(server, set="cs:cs:LG")))}
        assert len(passed) > 2
        assert server.struck["shifted row"]
        for name, moment in passed:
            assert world.by_arxiv_id[name].events[-1].at > moment

    def test_a_feed_that_is_capped(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "capped feed")
        server.now = midnight(max(world.announcement_days[:18], key=lambda day: len(world.by_day[day]))) + 12 * HOUR
        sizes = {len(xml(server, "atom", "/cs").findall("{*}entry")) for _ in range(40)}
        assert len(sizes) == 2
        assert min(sizes) == max(sizes) // 2

    @pytest.mark.parametrize("fault", ["wrong total", "no posts found"])
    def test_posts_whose_number_is_not_what_is_told(self, running: FaultServer, world: World, fault: str) -> None:
        server = struck_by(running, world, fault)
        span = f"{world.begins.date()}/{world.calm_from.date()}"
        answers = [value(server, "biorxiv", f"/details/biorxiv/{span}/2") for _ in range(60)]
        totals = {int(answer["messages"][0].get("total", -1)) for answer in answers}
        true = sum(at <= server.now for post in world.posts if post.server == "biorxiv" for at in post.posted)
        assert true in totals
        assert min(totals) == (-1 if fault == "no posts found" else true)
        assert (max(totals) > true) == (fault == "wrong total")

    def test_a_record_that_is_spoilt_is_whole_in_another_answer(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "malformed record")
        day = world.announcement_days[15]
        pages = [get(server, "oai", **LIST, from_=day, until=day).content for _ in range(60)]
        assert len(set(pages)) > 3
        for page in pages:
            fromstring(page)  # the rest of the page can be read
        server.now = world.calm_from
        calm = get(server, "oai", **LIST, from_=day, until=day).content
        assert len(texts(fromstring(calm), "title")) == len(set(texts(fromstring(calm), "title")) - {""})
        listed = max((held.day for held in world.listings), key=[held.day for held in world.listings].count)
        server.now = world.calm_from - HOUR
        papers = [item.get("paper") for _ in range(60) for item in value(server, "hf", date=listed)]
        assert {type(paper["id"]) for paper in papers if isinstance(paper, dict) and "id" in paper} >= {str, float}

    def test_citations_that_are_all_unknown(self, running: FaultServer, world: World) -> None:
        server = struck_by(running, world, "all unknown")
        asked = {"ids": [f"ARXIV:{world.arxiv[0].id}"]}
        url = server.url("s2") + "/paper/batch"
        answers = [CLIENT.post(url, json=asked).json() for _ in range(40)]
        assert {answer[0] is None for answer in answers} == {True, False}


class TestSpells:
    def cast(self, running: FaultServer, world: World, spell: Spell) -> FaultServer:
        mischief = Mischief(world, 1, rate=1e-9)
        mischief.spells = [spell]
        running.serve(world, mischief)
        return running

    def test_a_door_is_out_for_a_while(self, running: FaultServer, world: World) -> None:
        begins = world.begins + 5 * DAY
        server = self.cast(running, world, Spell("outage", "oai", None, begins, begins + DAY))
        told = {}
        for hour in (-1, 0, 23, 24):
            server.now = begins + hour * HOUR
            told[hour] = (get(server, "oai", verb="Identify").status_code, get(server, "atom", "/cs.CL").status_code)
        assert told == {-1: (200, 200), 0: (503, 200), 23: (503, 200), 24: (200, 200)}

    def test_one_category_serves_an_old_batch_while_another_is_current(
        self, running: FaultServer, world: World
    ) -> None:
        day = next(d for d in world.announcement_days[8:] if world.is_announcement_day(d - DAY))
        spell = Spell("stale part", "atom", "cs.CL", midnight(day), midnight(day) + DAY, DAY, dated_now=True)
        batches = {}
        for name, cast in (("true", False), ("stale", True)):
            server = self.cast(running, world, spell)
            if not cast:
                server.serve(world)
            for when in (day - DAY, day):
                server.now = midnight(when) + 12 * HOUR
                for category in ("cs.CL", "cs.LG"):
                    root = xml(server, "atom", f"/{category}")
                    batches[name, when, category] = texts(root, "id")[1:]
        assert batches["stale", day, "cs.CL"] == batches["true", day - DAY, "cs.CL"] != batches["true", day, "cs.CL"]
        assert batches["stale", day, "cs.LG"] == batches["true", day, "cs.LG"]
        assert xml(server, "atom", "/cs.CL").findtext("{*}published") == f"{day}T00:00:00-04:00"
        assert server.struck["stale part"]

    def test_a_stale_harvest_lacks_the_last_days(self, running: FaultServer, world: World) -> None:
        day = world.announcement_days[9]
        spell = Spell("stale door", "oai", None, midnight(day), midnight(day) + DAY, 2 * DAY)
        server = self.cast(running, world, spell)
        server.now = midnight(day) + 12 * HOUR
        assert error(xml(server, "oai", **LIST, from_=day)) == "noRecordsMatch"
        server.now += DAY
        assert day.isoformat() in texts(xml(server, "oai", **LIST, from_=day), "datestamp")

    def test_an_index_that_is_a_day_behind(self, running: FaultServer) -> None:
        world = next(world for seed in range(9) if (world := World(seed, 100)).lag)
        day = world.announcement_days[9]
        paper = next(paper for paper in world.arxiv if paper.events[0].day == day)
        running.serve(world, Mischief(world, 1, rate=1e-9, without=set(FAULTS) - {"index behind"}))
        told = []
        for now in (midnight(day) + 12 * HOUR, midnight(day) + DAY + 12 * HOUR):
            running.now = now
            told.append(len(xml(running, "query", id_list=paper.id).findall("{*}entry")))
        assert told == [0, 1]


def sweep(running: FaultServer, world: World, mischief: Mischief) -> list[bytes]:
    """What all doors say over the month, thrice a day."""
    running.serve(world, mischief, Sizes(harvest=10, posts=2))
    said = []
    while running.now < world.calm_from:
        day = running.now.date()
        week = f"{day - 6 * DAY}/{day}"
        listing = f"verb=ListRecords&metadataPrefix=arXivRaw&set=cs&from={day - 8 * DAY}"
        token = f"{listing[17:]}&skip=10&expires=9".replace("&", "%26").replace("=", "%3D")
        asks = [
            Ask("GET", "oai", "", listing),
            Ask("GET", "oai", "", f"verb=ListRecords&resumptionToken={token}"),
            Ask("GET", "atom", "cs.CL", ""),
            Ask("GET", "atom", "cs.LG", ""),
            Ask("GET", "query", "", "id_list=" + ",".join(paper.id for paper in world.arxiv[-60:])),
            Ask("GET", "hf", "", f"date={day}&limit=2&p=1"),
            Ask("GET", "biorxiv", f"details/biorxiv/{week}/0", ""),
            Ask("GET", "biorxiv", f"details/medrxiv/{week}/2", ""),
            Ask("GET", "openreview", "notes", f"invitation={INVITATION}&limit=5&offset=5"),
            Ask("GET", "feed", "", ""),
            Ask("POST", "s2", "paper/batch", "", b'{"ids": ["ARXIV:%s"]}' % world.arxiv[0].id.encode()),
            Ask("GET", "openalex", "works", f"filter=doi:10.48550/arxiv.{world.arxiv[0].id}"),
        ]
        said += [running.answer(ask).body for ask in asks]
        running.now += 8 * HOUR
    return said


def test_every_fault_is_met_over_some_seeds(running: FaultServer) -> None:
    met = set()
    for seed in range(6):
        mischief = Mischief(World(seed, 100), seed, rate=0.3)
        sweep(running, World(seed, 100), mischief)
        met |= set(mischief.struck)
    assert met == set(FAULTS)


def test_the_names_of_the_faults_are_complete_and_checked(world: World) -> None:
    assert len(set(FAULTS)) == len(ON_THE_WAY) + len(IN_THE_ANSWER) + len(SPELLS)
    with pytest.raises(ValueError, match="no such faults"):
        Mischief(world, 1, without=["404"])


def test_the_same_seed_does_the_same_to_the_same_requests(running: FaultServer) -> None:
    world = World(3, 100)
    said = [sweep(running, world, Mischief(world, seed, rate=0.3)) for seed in (1, 1, 2)]
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_nothing_fails_once_it_is_calm(running: FaultServer, world: World) -> None:
    answers = []
    for mischief in (Mischief(world, 5, rate=1.0), None):
        running.serve(world, mischief, Sizes(harvest=50))
        running.now = world.calm_from
        answers.append([ids(harvest(running, set="cs")), texts(xml(running, "atom", "/cs.CL"), "id")])
        assert running.struck_now.total() == 0
    assert answers[0] == answers[1]


def test_counts_go_on_over_the_worlds_that_are_served(running: FaultServer, world: World) -> None:
    before = running.struck["429"]
    for _ in range(2):
        server = struck_by(running, world, "429")
        for _ in range(20):
            get(server, "hf", date=server.now.date())
    assert running.struck["429"] == before + 2 * running.struck_now["429"] > before
    assert len(running.requests) == 20
