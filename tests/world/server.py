"""A local HTTP server at which all doors of a world stand, as quick as plain sockets and string building make it."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from socket import SHUT_RDWR, socket
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from world.doors.announcements import Announcements
from world.doors.counts import OpenAlex, SemanticScholar
from world.doors.door import Ask, Door, Reply, Sizes, View
from world.doors.harvest import Harvest
from world.doors.journal import Journal
from world.doors.listings import Listings
from world.doors.notes import Notes
from world.doors.posts import Posts
from world.doors.query import Query
from world.mischief import Mischief
from world.world import World


def open_doors() -> dict[str, Door]:
    """The doors by the first segment of their paths."""
    doors: list[Door] = [
        Harvest(),
        Announcements(),
        Query(),
        Listings(),
        Posts(),
        Notes(),
        Journal(),
        SemanticScholar(),
        OpenAlex(),
    ]
    return {door.name: door for door in doors}


@dataclass
class Scene:
    """The world that is served, by which mischief, at which moment."""

    world: World
    mischief: Mischief
    now: datetime
    sizes: Sizes


class FaultServer:
    """Serves a world after the other; `now` is the time there, which the test moves.

    `requests` are those since `serve`; `struck` counts the faults by name over all worlds, `struck_now`
    those in the world that is served.
    """

    def __init__(self) -> None:
        self.requests: list[Ask] = []
        self._earlier: Counter[str] = Counter()
        self._scene: Scene | None = None
        self._doors = open_doors()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    def serve(self, world: World, mischief: Mischief | None = None, sizes: Sizes | None = None) -> None:
        """From now on serve `world`, from its beginning; without `mischief` nothing fails."""
        with self._lock:
            if self._scene:
                self._earlier += self._scene.mischief.struck
            self.requests = []
            self._scene = Scene(world, mischief or Mischief(world, 0, rate=0.0), world.begins, sizes or Sizes())

    @property
    def now(self) -> datetime:
        return self._set.now

    @now.setter
    def now(self, moment: datetime) -> None:
        self._set.now = moment

    @property
    def struck(self) -> Counter[str]:
        return self._earlier + (self.struck_now if self._scene else Counter())

    @property
    def struck_now(self) -> Counter[str]:
        return self._set.mischief.struck

    def url(self, door: str) -> str:
        """The address of a door: oai, atom, query, hf, biorxiv, openreview, feed, s2 or openalex."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._doors[door].name}"

    def answer(self, ask: Ask) -> Reply:
        """What goes out for a request: for who needs no connection."""
        with self._lock:
            self.requests.append(ask)
            door = self._doors.get(ask.door)
            if door is None:
                return Reply(b"no such door", 404, "text/plain")
            scene = self._set
            view = View(scene.world, scene.now, scene.now, scene.now, scene.sizes)
            return scene.mischief.answer(door, view, ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def _set(self) -> Scene:
        assert self._scene, "no world is served yet"
        return self._scene


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, owner: FaultServer) -> None:
        self.owner = owner
        self.held: set[socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_close(self) -> None:
        for connection in list(self.held):
            with suppress(OSError):  # it has gone by itself
                connection.shutdown(SHUT_RDWR)
        super().server_close()


class _Handler(StreamRequestHandler):
    """HTTP/1.1 as far as a client of tests speaks it: a head of lines, a body by its length, connections kept."""

    server: _Server
    disable_nagle_algorithm = True
    wbufsize = 0

    def handle(self) -> None:
        self.server.held.add(self.connection)
        with suppress(ConnectionError):  # a client that lost patience, or was killed
            while self._answer_one():
                pass
        self.server.held.discard(self.connection)

    def _answer_one(self) -> bool:
        """Answer a request; false when the connection is over."""
        first = self.rfile.readline(65_537).split()
        if len(first) != 3:
            return False
        headers = {}
        while (line := self.rfile.readline(65_537)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path, _, query = first[1].decode("latin-1").partition("?")
        door, _, rest = path.lstrip("/").partition("/")
        reply = self.server.owner.answer(Ask(first[0].decode(), door, unquote(rest), query, body, headers))
        return self._send(reply) and headers.get("connection", "").lower() != "close"

    def _send(self, reply: Reply) -> bool:
        if reply.drop == 0:
            return False
        lines = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.kind}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self.wfile.write(head + reply.body[: reply.drop])
        return reply.drop is None
