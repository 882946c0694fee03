import gzip
import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from servers import LocalServer, Reply, Request, find_free_port

from digest import __version__
from digest.errors import ConfigurationError, PermanentError, TransientError, Unreachable
from digest.sources.http import Manners, PoliteClient, follow_redirect, read_retry_after

Damage = Callable[[bytes], bytes]


class Clock:
    """A clock that only sleeping moves; `naps` are the sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def manners(self, **changes: object) -> Manners:
        return Manners(**({"sleep": self.sleep, "clock": lambda: self.now, "timeout": 5.0} | changes))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Reply(b"hello")) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> PoliteClient:
    return PoliteClient(tmp_path / "cache", "me@example.org", clock.manners())


def answer_in_turn(server: LocalServer, *replies: Reply) -> None:
    """The first request gets the first reply, and so on; the last reply stays."""
    left = list(replies)
    server.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_an_answer_is_read_to_its_end(server: LocalServer, client: PoliteClient) -> None:
    response = client.get(f"{server.url}/x?a=1", {"q": "cat:cs.CL AND é", "p": 2})
    assert (response.status, response.body) == (200, b"hello")
    assert server.requests[0].query == {"a": "1", "q": "cat:cs.CL AND é", "p": "2"}


@pytest.mark.parametrize(
    ("contact", "agent"),
    [("me@example.org", f"digest/{__version__} (+me@example.org)"), ("", f"digest/{__version__}")],
)
def test_the_user_agent_names_the_contact(server: LocalServer, tmp_path: Path, contact: str, agent: str) -> None:
    PoliteClient(tmp_path, contact).get(server.url)
    assert server.requests[0].headers["User-Agent"] == agent


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503])
def test_a_busy_server_is_asked_again_with_growing_pauses(
    server: LocalServer, client: PoliteClient, clock: Clock, status: int
) -> None:
    answer_in_turn(server, Reply(status=status), Reply(status=status), Reply(b"at last"))
    assert client.get(server.url).body == b"at last"
    first, second = clock.naps
    assert 3 <= first <= 6 <= second <= 9


def test_after_the_last_attempt_it_is_a_transient_error(
    server: LocalServer, client: PoliteClient, clock: Clock
) -> None:
    answer_in_turn(server, Reply(status=503))
    with pytest.raises(TransientError, match=r"^127\.0\.0\.1 answered 503 at the last of 4 attempts\.$") as caught:
        client.get(server.url)
    assert not isinstance(caught.value, Unreachable)
    assert len(server.requests) == 4
    assert len(clock.naps) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_another_refusal_is_permanent_and_asked_once(server: LocalServer, client: PoliteClient, status: int) -> None:
    answer_in_turn(server, Reply(status=status))
    with pytest.raises(PermanentError, match=f"answered {status} to /x"):
        client.get(f"{server.url}/x")
    assert len(server.requests) == 1


def test_a_status_that_the_caller_accepts_is_an_answer(server: LocalServer, client: PoliteClient) -> None:
    answer_in_turn(server, Reply(b"why", status=400))
    assert client.get(server.url, accept=(400,)).body == b"why"


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("20", 20, 20),
        ("100000", 120, 120),
        (formatdate(1_800_000_030, usegmt=True), 30, 30),
        (formatdate(1_900_000_000, usegmt=True), 120, 120),
        (formatdate(1_700_000_000, usegmt=True), 0, 0),
        ("Fri, 15 Jan 2027 08:00:30", 30, 30),
        ("soon", 0, 0),
        ("", 0, 0),
        ("-5", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, low: float, high: float) -> None:
    assert low <= read_retry_after(value, 1_800_000_000) <= high


@given(
    st.text(st.characters(codec="latin-1")) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ .*")
)
def test_any_retry_after_is_a_pause_within_the_limit(value: str) -> None:
    assert 0 <= read_retry_after(value, 1_800_000_000) <= 120


def test_retry_after_outlasts_the_back_off(server: LocalServer, client: PoliteClient, clock: Clock) -> None:
    answer_in_turn(server, Reply(status=429, headers={"Retry-After": "50"}), Reply())
    client.get(server.url)
    assert clock.naps == [50]


def test_retry_after_never_shortens_the_back_off(server: LocalServer, client: PoliteClient, clock: Clock) -> None:
    answer_in_turn(server, Reply(status=503, headers={"Retry-After": "1"}), Reply())
    client.get(server.url)
    assert 3 <= clock.naps[0] <= 6


def test_a_slow_server_is_a_time_out_and_asked_again(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    release = threading.Event()

    def hang(_: Request) -> Reply:
        if len(server.requests) < 3:
            release.wait(60)
        return Reply(b"late")

    server.answer = hang
    try:
        response = PoliteClient(tmp_path, "", clock.manners(timeout=1.0)).get(server.url)
    finally:
        release.set()
    assert response.body == b"late"
    assert len(clock.naps) == 2


def test_a_broken_connection_is_transient(server: LocalServer, client: PoliteClient) -> None:
    answer_in_turn(server, Reply(b"half", cut=True))
    with pytest.raises(TransientError, match=r"^127\.0\.0\.1 broke off: \S.*$"):
        client.get(server.url)
    assert len(server.requests) == 4


def test_a_refused_connection_is_tried_twice_and_soon(client: PoliteClient, clock: Clock) -> None:
    with pytest.raises(Unreachable, match=r"^Cannot reach 127\.0\.0\.1: .+$"):
        client.get(f"http://127.0.0.1:{find_free_port()}")
    assert clock.naps == [0.5]


def test_a_name_that_does_not_resolve_is_unreachable(
    client: PoliteClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve_nothing(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve_nothing)
    with pytest.raises(Unreachable, match=r"^Cannot reach nowhere\.invalid: .*Name or service not known$"):
        client.get("http://nowhere.invalid/")
    assert len(asked) == 2
    assert clock.naps == [0.5]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:port/"])
def test_an_address_that_cannot_be_asked_is_permanent(client: PoliteClient, url: str) -> None:
    with pytest.raises(PermanentError, match="is no address"):
        client.get(url)


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
def test_a_kept_body_is_asked_for_on_condition(server: LocalServer, tmp_path: Path, validator: str) -> None:
    condition = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[validator]

    def answer(request: Request) -> Reply:
        if request.headers.get(condition) == "one":
            return Reply(status=304)
        return Reply(b"body\nof two lines", headers={validator: "one", "Content-Type": "text/x"})

    server.answer = answer
    first = PoliteClient(tmp_path).get(server.url, {"a": 1})
    again = PoliteClient(tmp_path).get(server.url, {"a": 1})
    assert (again.status, again.body, again.headers["content-type"]) == (200, first.body, "text/x")
    assert [condition in request.headers for request in server.requests] == [False, True]
    assert condition not in (PoliteClient(tmp_path).get(server.url, {"a": 2}), server.requests[-1].headers)[1]


def test_a_changed_body_replaces_the_kept_one(server: LocalServer, client: PoliteClient) -> None:
    answer_in_turn(
        server, Reply(b"old", headers={"ETag": "1"}), Reply(b"new", headers={"ETag": "2"}), Reply(status=304)
    )
    assert [client.get(server.url).body for _ in range(3)] == [b"old", b"new", b"new"]
    assert server.requests[2].headers["If-None-Match"] == "2"


def test_a_refusal_or_a_body_without_validators_is_not_kept(
    server: LocalServer, client: PoliteClient, tmp_path: Path
) -> None:
    client.get(server.url)
    answer_in_turn(server, Reply(b"why", status=400, headers={"ETag": "1"}))
    client.get(server.url, accept=(400,))
    assert not list((tmp_path / "cache").glob("*.kept"))


@pytest.mark.parametrize("damage", [lambda _: b"", lambda data: data[:-1], lambda data: b"x" + data])
def test_a_damaged_kept_body_is_ignored(
    server: LocalServer, client: PoliteClient, tmp_path: Path, damage: Damage
) -> None:
    answer_in_turn(server, Reply(b"body", headers={"ETag": "1"}))
    client.get(server.url)
    (file,) = (tmp_path / "cache").glob("*.kept")
    file.write_bytes(damage(file.read_bytes()))
    assert client.get(server.url).body == b"body"
    assert "If-None-Match" not in server.requests[1].headers


def test_a_304_for_what_is_not_kept_is_no_answer(server: LocalServer, client: PoliteClient) -> None:
    answer_in_turn(server, Reply(status=304))
    with pytest.raises(PermanentError, match="304"):
        client.get(server.url)


def test_kept_bodies_expire(server: LocalServer, client: PoliteClient, tmp_path: Path, clock: Clock) -> None:
    answer_in_turn(server, Reply(b"body", headers={"ETag": "1"}))
    client.get(server.url)
    (file,) = (tmp_path / "cache").glob("*.kept")
    clock.now = file.stat().st_mtime + 29 * 86_400
    PoliteClient(tmp_path / "cache", "", clock.manners())
    assert file.exists()
    clock.now += 2 * 86_400
    PoliteClient(tmp_path / "cache", "", clock.manners())
    assert not file.exists()


def test_a_cache_folder_that_cannot_be_made_is_for_the_operator(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Cannot use the cache folder"):
        PoliteClient(tmp_path / "file" / "cache")


def test_a_cache_folder_that_went_away_is_for_the_operator(
    server: LocalServer, client: PoliteClient, tmp_path: Path
) -> None:
    answer_in_turn(server, Reply(b"body", headers={"ETag": "1"}))
    (tmp_path / "cache").rmdir()
    with pytest.raises(ConfigurationError, match="Cannot use the cache folder"):
        client.get(server.url)


def test_too_large_a_body_is_refused_even_when_packed(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    packed = gzip.compress(b"x" * 100_000)
    answer_in_turn(server, Reply(packed, headers={"Content-Encoding": "gzip"}))
    assert len(PoliteClient(tmp_path, "", clock.manners(max_body=100_000)).get(server.url).body) == 100_000
    with pytest.raises(TransientError, match="sent more than 99,999 bytes"):
        PoliteClient(tmp_path, "", clock.manners(max_body=99_999)).get(server.url)


def test_redirects_are_followed_a_bounded_number_of_times(server: LocalServer, client: PoliteClient) -> None:
    server.answer = lambda request: (
        Reply(b"there") if request.path == "/2" else Reply(status=302, headers={"Location": "/2"})
    )
    assert client.get(f"{server.url}/1").body == b"there"
    answer_in_turn(server, Reply(status=301, headers={"Location": "/again"}))
    with pytest.raises(PermanentError, match="redirects more than 5 times"):
        client.get(server.url)


def test_a_redirect_to_another_plain_host_is_refused(server: LocalServer, client: PoliteClient) -> None:
    answer_in_turn(server, Reply(status=302, headers={"Location": "http://localhost:1/"}))
    with pytest.raises(PermanentError, match="which is not https"):
        client.get(server.url)


@pytest.mark.parametrize("location", ["http://a.org/y", "ftp://a.org/y", "file:///etc/passwd", "http://["])
def test_a_redirect_never_leaves_https(location: str) -> None:
    with pytest.raises(PermanentError):
        follow_redirect(httpx.URL("https://a.org/x"), location)


@pytest.mark.parametrize("location", ["https://b.org/y", "//b.org/y"])
def test_a_redirect_within_https_is_followed(location: str) -> None:
    assert str(follow_redirect(httpx.URL("https://a.org/x"), location)) == "https://b.org/y"


def test_requests_to_a_paced_host_keep_their_distance(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    manners = clock.manners(pace={"127.0.0.1": 3.0})
    client = PoliteClient(tmp_path, "", manners)
    client.get(server.url)
    clock.now += 1
    client.get(server.url)
    PoliteClient(tmp_path, "", manners).get(server.url)  # another process on the same machine
    clock.now += 10
    client.get(server.url)
    assert clock.naps == pytest.approx([2.0, 3.0])


def test_the_distance_is_kept_from_the_end_of_an_answer(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    def answer_slowly(_: Request) -> Reply:
        clock.now += 10
        return Reply()

    server.answer = answer_slowly
    client = PoliteClient(tmp_path, "", clock.manners(pace={"127.0.0.1": 3.0}))
    client.get(server.url)
    client.get(server.url)
    assert clock.naps == [3.0]


def test_a_request_is_marked_before_it_is_answered(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    marked: list[float] = []

    def look(_: Request) -> Reply:
        marked.extend(path.stat().st_mtime for path in tmp_path.glob("*.stamp"))
        return Reply()

    server.answer = look
    PoliteClient(tmp_path, "", clock.manners(pace={"127.0.0.1": 3.0})).get(server.url)
    assert marked == [clock.now]


def test_no_connection_is_left_open(server: LocalServer, client: PoliteClient) -> None:
    for _ in range(3):
        client.get(server.url)
    assert len({request.connection for request in server.requests}) == 3


def test_a_clock_that_was_set_back_does_not_stop_us(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    client = PoliteClient(tmp_path, "", clock.manners(pace={"127.0.0.1": 3.0}))
    client.get(server.url)
    clock.now -= 86_400
    client.get(server.url)
    assert clock.naps == [3.0]


def test_all_doors_of_a_domain_share_its_pace(
    server: LocalServer, client: PoliteClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **named: resolve("127.0.0.1", *more, **named))
    port = httpx.URL(server.url).port
    for host in ("export.arxiv.org", "rss.arxiv.org", "oaipmh.arxiv.org", "arxiv.org", "notarxiv.org", "example.org"):
        client.get(f"http://{host}:{port}")
    assert clock.naps == [3.0, 3.0, 3.0]


def test_a_retry_keeps_the_pace_as_well(server: LocalServer, tmp_path: Path, clock: Clock) -> None:
    client = PoliteClient(tmp_path, "", clock.manners(pace={"127.0.0.1": 60.0}))
    answer_in_turn(server, Reply(status=503), Reply())
    client.get(server.url)
    assert sum(clock.naps) == pytest.approx(60.0)


def fetch_often(url: str, folder: Path) -> None:
    client = PoliteClient(folder, "", Manners(pace={"127.0.0.1": 0.001}))
    for _ in range(5):
        client.get(url)


def test_processes_share_one_connection(server: LocalServer, tmp_path: Path) -> None:
    under_way, most = 0, 0
    counting = threading.Lock()
    overlap = threading.Event()

    def answer(_: Request) -> Reply:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        overlap.wait(0.01)  # long enough for another request to arrive, if there were one
        with counting:
            under_way -= 1
        return Reply()

    server.answer = answer
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fetch_often, args=(server.url, tmp_path)) for _ in range(2)]
    for process in processes:
        process.start()
    fetch_often(server.url, tmp_path)
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(server.requests) == 15
    assert most == 1


def test_a_host_that_stays_busy_elsewhere_is_transient(
    server: LocalServer, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.sources.http._LOCK_PATIENCE", 0.01)
    client = PoliteClient(tmp_path, "", clock.manners(pace={"127.0.0.1": 3.0}))
    with FileLock(tmp_path / "127.0.0.1.lock"), pytest.raises(TransientError, match="Another process"):
        client.get(server.url)
    assert server.requests == []
