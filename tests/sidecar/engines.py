"""What tests of the engine share: small Envoy resources, real backends, raw clients."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from sidecar.config.parse import CLUSTER, LISTENER
from sidecar.engine import Engine
from sidecar.net.secrets import SecretStore
from sidecar.telemetry.record import AccessLog, ExchangeRecord, Peer
from sidecar.telemetry.stats import Stats

WAIT_S = 5.0
_PREFIX = "type.googleapis.com/envoy.extensions."
HCM = f"{_PREFIX}filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_PREFIX}filters.http.router.v3.Router"}}
TCP = f"{_PREFIX}filters.network.tcp_proxy.v3.TcpProxy"
FAULT = f"{_PREFIX}filters.http.fault.v3.HTTPFault"
LOG = {"name": "log", "typed_config": {"@type": f"{_PREFIX}access_loggers.stream.v3.StdoutAccessLog"}}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Node:
    id = "sidecar~10.244.0.9~p.ns~ns.svc.cluster.local"
    ip = "10.244.0.9"
    peer = Peer(workload="p", namespace="ns")


class Records:
    """A sink that keeps, and a log that is only there to make the exchange tell."""

    def __init__(self) -> None:
        self.done: list[ExchangeRecord] = []
        self.arrived = asyncio.Event()

    def opened(self, record: ExchangeRecord) -> None:
        pass

    def finished(self, record: ExchangeRecord) -> None:
        self.done.append(record)
        self.arrived.set()

    def access_log(
        self, path: str, log_format: str | Mapping[str, Any] | None, *, omit_empty: bool = False
    ) -> AccessLog:
        return self  # type: ignore[return-value]

    def append(self, record: ExchangeRecord) -> None:
        pass

    async def last(self) -> ExchangeRecord:
        await asyncio.wait_for(self.arrived.wait(), WAIT_S)
        return self.done[-1]


def route(match: dict[str, Any] | str, **action: Any) -> dict[str, Any]:
    where = {"prefix": match} if isinstance(match, str) else match
    kind = next((key for key in ("redirect", "direct_response") if key in action), None)
    return {"match": where, kind: action[kind]} if kind else {"match": where, "route": action}


def hcm(*routes: dict[str, Any], filters: tuple[dict[str, Any], ...] = (), **fields: Any) -> dict[str, Any]:
    virtual_host = {"name": "all", "domains": ["*"], "routes": list(routes), **fields.pop("virtual_host", {})}
    config = {
        "@type": HCM,
        "stat_prefix": "t",
        "http_filters": [*filters, ROUTER],
        "access_log": [LOG],
        **fields,
    }
    if "rds" not in config:
        config["route_config"] = {"name": "local", "virtual_hosts": [virtual_host]}
    return {"name": "hcm", "typed_config": config}


def tcp(cluster_name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": "tcp",
        "typed_config": {"@type": TCP, "stat_prefix": "t", "cluster": cluster_name, "access_log": [LOG], **fields},
    }


def listener(
    network_filter: dict[str, Any], *, name: str = "front", chain: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [network_filter], **(chain or {})}],
        **fields,
    }


def endpoint(port: int, **fields: Any) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}, **fields}


def cluster(name: str, *ports: int, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint(port) for port in ports]}]},
        **fields,
    }


class Running:
    """An engine with its surroundings, and the port of its listener `front`."""

    def __init__(self, *, sandbox: str | None = None, secrets: SecretStore | None = None, seed: int = 1) -> None:
        self.stats = Stats()
        self.records = Records()
        self.secrets = secrets or SecretStore()
        self.engine = Engine(
            node=Node(),
            stats=self.stats,
            records=self.records,
            secrets=self.secrets,
            rng=random.Random(seed),
            sandbox=sandbox,
        )

    def put(self, *, clusters: tuple[dict[str, Any], ...] = (), listeners: tuple[dict[str, Any], ...] = ()) -> None:
        for resources, kind in ((clusters, CLUSTER), (listeners, LISTENER)):
            for one in resources:
                refusal = self.engine.apply(kind, one["name"], one)
                assert refusal is None, str(refusal)

    def port(self, name: str = "front") -> int:
        address = next(one.address for one in self.engine.listeners() if one.name == name)
        return int(address.rpartition(":")[2])

    def value(self, name: str) -> int:
        return next(int(metric.value) for metric in self.stats if metric.name == name)  # type: ignore[union-attr]


@contextlib.asynccontextmanager
async def running(network_filter: dict[str, Any], *clusters: dict[str, Any], **fields: Any) -> AsyncIterator[Running]:
    """An engine with one listener `front`."""
    proxy = Running()
    proxy.put(clusters=clusters, listeners=(listener(network_filter, **fields),))
    await proxy.engine.start()
    try:
        yield proxy
    finally:
        await proxy.engine.close()


@contextlib.asynccontextmanager
async def backend(handler: Handler, *, path: str | None = None) -> AsyncIterator[int]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    if path is not None:
        server: Any = await asyncio.start_unix_server(guarded, path)
        port = 0
    else:
        server = await asyncio.start_server(guarded, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request, by content-length or chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"content-length: " in lower:
        size = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
        return head, await reader.readexactly(size)
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return head, body
    return head, b""


class Echo:
    """Answers every request with a fixed text; keeps what it saw."""

    def __init__(self, *answers: bytes, keep_alive: bool = True) -> None:
        self.answers = answers or (answer(b"ok"),)
        self.keep_alive = keep_alive
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head, body = await read_request(reader)
            self.heads.append(head)
            self.bodies.append(body)
            writer.write(self.answers[min(len(self.heads), len(self.answers)) - 1])
            await writer.drain()
            if not self.keep_alive:
                return


def answer(body: bytes, status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, extra, len(body), body)


GET = b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"


async def exchange(port: int, data: bytes = GET, *, eof: bool = False) -> bytes:
    """Send bytes with `connection: close` in the last request (or `eof`), return everything until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if eof:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), WAIT_S)
    finally:
        writer.close()


async def call(
    port: int, path: str = "/", *, method: str = "GET", headers: str = "", body: bytes = b""
) -> tuple[int, bytes, bytes]:
    """One request on a connection of its own: status, head, body."""
    length = f"content-length: {len(body)}\r\n" if body else ""
    data = await exchange(
        port, f"{method} {path} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n{length}{headers}\r\n".encode() + body
    )
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head, rest
