"""An HTTP/2 client for tests, made of the `h2` package: what it received, by stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import h2.config
import h2.connection
import h2.events

from tests.sidecar.engines import WAIT_S, Handler, Running, backend, cluster, hcm, route, running

Pairs = list[tuple[bytes, bytes]]


def pairs(method: bytes = b"GET", path: bytes = b"/", *extra: tuple[bytes, bytes]) -> Pairs:
    return [(b":method", method), (b":scheme", b"http"), (b":authority", b"a.test"), (b":path", path), *extra]


class Answer:
    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.informational: list[bytes] = []
        self.body = b""
        self.trailers: dict[bytes, bytes] = {}
        self.reset: int | None = None
        self.ended = asyncio.Event()
        self.started = asyncio.Event()

    @property
    def status(self) -> int:
        return int(self.headers[b":status"])


class Peer:
    def __init__(self, port: int) -> None:
        self.port = port
        config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.goaways: list[tuple[int, int]] = []
        self.gone = asyncio.Event()
        self.acknowledges = True
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Peer:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.h2.initiate_connection()
        self.flush()
        self._task = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        assert self._task is not None
        self._task.cancel()
        self.writer.close()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def send(self, headers: Pairs, body: bytes | None = b"", trailers: Pairs | None = None) -> Answer:
        """`body` None = more follows by `more`."""
        stream = self.h2.get_next_available_stream_id()
        answer = self.answers[stream] = Answer()
        self.h2.send_headers(stream, headers, end_stream=body == b"" and trailers is None)
        if body:
            self.h2.send_data(stream, body, end_stream=trailers is None)
        if trailers is not None:
            self.h2.send_headers(stream, trailers, end_stream=True)
        self.flush()
        return answer

    def more(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    async def ask(self, headers: Pairs, body: bytes = b"", trailers: Pairs | None = None) -> Answer:
        answer = self.send(headers, body, trailers)
        await asyncio.wait_for(answer.ended.wait(), WAIT_S)
        return answer

    async def _read(self) -> None:
        while data := await self.reader.read(65536):
            for event in self.h2.receive_data(data):
                self._event(event)
            self.flush()
        self.gone.set()
        for answer in self.answers.values():
            answer.ended.set()

    def _event(self, event: Any) -> None:
        answer = self.answers.get(getattr(event, "stream_id", 0) or 0, Answer())
        match event:
            case h2.events.InformationalResponseReceived():
                answer.informational.append(dict(event.headers)[b":status"])
            case h2.events.ResponseReceived():
                answer.headers = dict(event.headers)
                answer.started.set()
            case h2.events.TrailersReceived():
                answer.trailers = dict(event.headers)
            case h2.events.DataReceived():
                answer.body += event.data
                if self.acknowledges:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                answer.ended.set()
            case h2.events.StreamReset():
                answer.reset = event.error_code
                answer.ended.set()
            case h2.events.ConnectionTerminated():
                self.goaways.append((event.last_stream_id, event.error_code))


@asynccontextmanager
async def fronted(handler: Handler, **config: Any) -> AsyncIterator[tuple[Running, Peer]]:
    """A proxy before one backend, and a client of the proxy."""
    async with (
        backend(handler) as port,
        running(hcm(route("/", cluster="b"), **config), cluster("b", port)) as proxy,
        Peer(proxy.port()) as peer,
    ):
        yield proxy, peer


class Server:
    """A handler for `backend` made of the `h2` package; `answer` is called when a request is whole."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.connections: list[Any] = []
        self.requests: list[tuple[dict[bytes, bytes], bytes, dict[bytes, bytes]]] = []
        self.resets: list[int] = []
        self.reset_came = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False)
        connection = h2.connection.H2Connection(config)
        self.connections.append(connection)
        connection.initiate_connection()
        streams: dict[int, list[Any]] = {}
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                stream = getattr(event, "stream_id", 0)
                match event:
                    case h2.events.RequestReceived():
                        streams[stream] = [dict(event.headers), b"", {}]
                    case h2.events.DataReceived():
                        streams[stream][1] += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, stream)
                    case h2.events.TrailersReceived():
                        streams[stream][2] = dict(event.headers)
                    case h2.events.StreamEnded():
                        self.requests.append(tuple(streams[stream]))  # type: ignore[arg-type]
                        self.answer(connection, stream, *streams[stream])
                    case h2.events.StreamReset():
                        self.resets.append(event.error_code)
                        self.reset_came.set()
            writer.write(connection.data_to_send())


def http2_cluster(port: int, name: str = "b", **options: Any) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    explicit = {"@type": kind, "explicit_http_config": {"http2_protocol_options": options}}
    return cluster(name, port, typed_extension_protocol_options={kind.rpartition("/")[2]: explicit})
