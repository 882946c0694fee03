"""A real HTTP server on 127.0.0.1, and answers in the shapes that arXiv and Hugging Face document."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Request:
    """`connection` is the client's port, which is another for every connection."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    connection: int


@dataclass(frozen=True)
class Reply:
    """What the server sends. `cut` announces more bytes than come."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class LocalServer:
    """Answers every GET with `answer(request)`, and remembers the requests."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                request = Request(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), self.client_address[1])
                server.requests.append(request)
                reply = server.answer(request)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) + reply.cut))
                self.end_headers()
                self.close_connection = reply.cut
                with suppress(ConnectionError):  # a client that lost patience has gone
                    self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is http.server's)
                """Say nothing: the tests look at `requests`."""

        return Handler


def find_free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which no client is given: clients get higher ones.

    Each process of tests has a share of its own, so that no other takes the port before it is used.
    """
    for port in PORTS:
        with suppress(OSError), ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler):
            return port
    raise AssertionError("there is always a next port")


def _share_of_ports(shares: int = 8, size: int = 1_500) -> Iterator[int]:
    """The ports of this process's share, for ever, from a random one on: another run may be going on."""
    first = 20_000 + size * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % shares)
    start = random.SystemRandom().randrange(size)
    return (first + (start + step) % size for step in count())


PORTS = _share_of_ports()


def atom_entry(paper: str, **changes: str) -> str:
    """An entry of arXiv's query interface. `changes` replace its parts; `extra` is added as it is."""
    parts = {
        "title": f"On the number\n  {paper}",
        "summary": f"  We count to {paper}\nand find nothing unusual.\n",
        "published": "2026-04-20T17:59:59Z",
        "extra": "",
    } | changes
    return f"""
      <entry>
        <id>http://arxiv.org/abs/{paper}</id>
        <updated>2026-04-22T09:00:00Z</updated>
        <published>{parts["published"]}</published>
        <title>{escape(parts["title"])}</title>
        <summary>{escape(parts["summary"])}</summary>
        <author><name>Ada Example</name><arxiv:affiliation>A Place</arxiv:affiliation></author>
        <author><name>Bo Sample</name></author>
        <link href="http://arxiv.org/abs/{paper}" rel="alternate" type="text/html"/>
        <arxiv:primary_category term="cs.CL" scheme="http://arxiv.org/schemas/atom"/>
        <category term="cs.AI" scheme="http://arxiv.org/schemas/atom"/>
        <category term="cs.CL" scheme="http://arxiv.org/schemas/atom"/>
        <category term="I.2.7" scheme="http://arxiv.org/schemas/atom"/>
        <category term="68T50; 68P20" scheme="http://arxiv.org/schemas/atom"/>
        {parts["extra"]}
      </entry>"""


def atom_feed(entries: Iterable[str], total: int | None = None, start: int = 0) -> bytes:
    entries = list(entries)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">
      <title type="html">ArXiv Query</title>
      <id>http://arxiv.org/api/x</id>
      <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{
        len(entries) if total is None else total
    }</opensearch:totalResults>
      <opensearch:startIndex xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{start}</opensearch:startIndex>
      {"".join(entries)}
    </feed>""".strip().encode()


def daily_paper(paper: object, **changes: Any) -> dict[str, Any]:
    """An item of a listing of Hugging Face Daily Papers. `changes` replace parts of its `paper`."""
    return {
        "paper": {
            "id": paper,
            "title": f"On the number {paper}",
            "summary": f"We count to {paper}\nand find nothing unusual.",
            "authors": [{"_id": "1", "name": "Ada Example", "hidden": False}, {"_id": "2", "name": "Bo Sample"}],
            "publishedAt": "2026-04-17T17:59:59.000Z",
            "submittedOnDailyAt": "2026-04-20T01:02:03.000Z",
            "upvotes": 7,
            "githubStars": None,
        }
        | changes,
        "publishedAt": "2026-04-19T22:00:00.000Z",
        "title": f"On the number {paper}",
        "numComments": 2,
    }


def listing(items: Iterable[object]) -> bytes:
    return json.dumps(list(items)).encode()
