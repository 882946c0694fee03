"""A proxy that stands between a client and a server, delays what passes, and counts the turns of their talk."""

import asyncio
import threading
from types import TracebackType
from typing import Self


class Distance:
    """Use it as a context: what comes to `port` goes on to `target`, each way `delay` seconds later.

    `turns` counts how often the client speaks after the server has spoken: the round trips.
    """

    def __init__(self, target: int, delay: float = 0.0) -> None:
        self.target, self.delay = target, delay
        self.turns = 0
        self.port = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._over.wait()
        server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        talk = _Talk(self)
        await asyncio.gather(talk.carry(reader, back, "client"), talk.carry(there, writer, "server"))


class _Talk:
    def __init__(self, distance: Distance) -> None:
        self._distance = distance
        self._speaker = "server"

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, speaker: str) -> None:
        while data := await reader.read(1 << 16):
            self._distance.turns += speaker == "client" and self._speaker == "server"
            self._speaker = speaker
            if self._distance.delay:
                await asyncio.sleep(self._distance.delay)
            writer.write(data)
        writer.close()
