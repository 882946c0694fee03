"""A mail server as a process of its own that takes everything at once: the other end of benchmarks and crash tests.

    python tests/sinks.py FOLDER [--slow SECONDS]

It offers PIPELINING, prints its port, and appends to FOLDER/accepted the Message-ID and the recipient of each message
that it has accepted, before it says so.
"""

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Sink:
    def __init__(self, folder: Path, delay: float) -> None:
        self._log = os.open(folder / "accepted", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._delay = delay

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 sink ESMTP\r\n")
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client was killed, which is what a crash test is for
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = b""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go ahead\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                found = MESSAGE_ID.search(body)
                os.write(self._log, (found[1] if found else b"-") + b" " + recipient + b"\n")
                await asyncio.sleep(self._delay)
                writer.write(b"250 2.0.0 kept\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                recipient = line[8:].strip() if verb == b"RCPT" else recipient
                writer.write(b"250 2.0.0 ok\r\n")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slow", type=float, default=0.0)
    options = parser.parse_args()
    sink = Sink(options.folder, options.slow)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
