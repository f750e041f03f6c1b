"""A backend that costs as little as Python can: a fixed answer. Arguments: bytes of body, port, and for mTLS a
directory with `chain.pem` and `key.pem`."""

from __future__ import annotations

import asyncio
import ssl
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


def server_context(directory: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/chain.pem", f"{directory}/key.pem")
    context.load_verify_locations(f"{directory}/chain.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main(size: int, port: int, directory: str = "") -> None:
    body = b"x" * size
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (size, body)
    context = server_context(directory) if directory else None
    server = await asyncio.get_running_loop().create_server(lambda: Answer(answer), "127.0.0.1", port, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
