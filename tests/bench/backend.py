"""A backend that costs as little as Python can: a fixed answer. Arguments: bytes of body, port."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Answer(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own

    def data_received(self, data: bytes) -> None:
        self._pending += data
        complete = self._pending.count(b"\r\n\r\n")
        if complete and self._transport is not None:
            self._pending = self._pending.rpartition(b"\r\n\r\n")[2]
            self._transport.write(self._answer * complete)


async def main(size: int, port: int) -> None:
    body = b"x" * size
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (size, body)
    server = await asyncio.get_running_loop().create_server(lambda: Answer(answer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
