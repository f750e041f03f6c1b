"""Header mutations and the buffer, at work between a client and a backend."""

from __future__ import annotations

import pytest

from tests.sidecar.engines import Echo, backend, call, cluster, exchange, hcm, route, running

pytestmark = pytest.mark.integration

_TYPES = "type.googleapis.com/envoy.extensions.filters.http."
BUFFER = {
    "name": "b",
    "typed_config": {"@type": f"{_TYPES}buffer.v3.Buffer", "max_request_bytes": 100_000},
}
EDIT = {"append": {"header": {"key": "x-e", "value": "%REQ(x-in)%"}}}
MUTATION = {
    "name": "m",
    "typed_config": {
        "@type": f"{_TYPES}header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [EDIT], "response_mutations": [EDIT]},
    },
}


async def test_mutations_on_both_ways_and_on_own_answers() -> None:
    echo = Echo()
    async with (
        backend(echo) as port,
        running(hcm(route("/a", cluster="b"), filters=(MUTATION,)), cluster("b", port)) as p,
    ):
        for path, status in (("/a", 200), ("/none", 404)):
            got, head, _ = await call(p.port(), path, headers="x-in: v\r\n")
            assert (got, head.count(b"x-e: v")) == (status, 1)
    assert b"x-e: v" in echo.heads[0]


@pytest.mark.parametrize("size", [1, 64 * 1024, 90_000])
async def test_a_buffered_body_arrives_whole_with_its_length(size: int) -> None:
    echo, body = Echo(), b"x" * size
    head = b"POST / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    async with backend(echo) as port, running(hcm(route("/", cluster="b"), filters=(BUFFER,)), cluster("b", port)) as p:
        data = await exchange(p.port(), head + b"%x\r\n%s\r\n0\r\n\r\n" % (size, body))
    assert data.startswith(b"HTTP/1.1 200")
    assert echo.bodies == [body]
    assert b"content-length: %d" % size in echo.heads[0]
    assert b"chunked" not in echo.heads[0]


async def test_too_long() -> None:
    async with running(hcm(route("/", cluster="b"), filters=(BUFFER,)), cluster("b", 1)) as proxy:
        status, _, body = await call(proxy.port(), "/", method="POST", body=b"x" * 100_001)
        record = await proxy.records.last()
    assert (status, body, record.details) == (413, b"Payload Too Large", "request_payload_too_large")
