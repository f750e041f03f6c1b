"""Answers that come again: the same bytes downstream as the first time, whatever their framing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sidecar.engines import Echo, backend, cluster, exchange, hcm, route, running

TIMES = 3
_TIMES = re.compile(rb"x-envoy-upstream-service-time: \d+\r\n|date: [^\r]+ GMT\r\n")
ANSWERS = {
    "plain": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "its own server and date": b"HTTP/1.1 200 OK\r\nServer: s\r\nDate: now\r\nContent-Length: 2\r\n\r\nok",
    "its own service time": b"HTTP/1.1 200 OK\r\nx-envoy-upstream-service-time: 9\r\ncontent-length: 2\r\n\r\nok",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: e\r\n\r\n",
    "odd status": b"HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n",
    "error": b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno",
}
MANAGERS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "server passed": {"server_header_transformation": "PASS_THROUGH"},
    "server if absent": {"server_header_transformation": "APPEND_IF_ABSENT"},
    "id in the response": {"always_set_request_id_in_response": True},
    "no record": {"access_log": []},
}


@pytest.mark.integration
@pytest.mark.parametrize("manager", MANAGERS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_each_time_the_same(name: str, manager: str) -> None:
    request = b"GET / HTTP/1.1\r\nhost: a\r\nx-request-id: 1\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    rule = route("/", cluster="b")
    async with (
        backend(Echo(ANSWERS[name])) as port,
        running(hcm(rule, **MANAGERS[manager]), cluster("b", port)) as proxy,
    ):
        data = await exchange(proxy.port(), request * TIMES + last)
        assert proxy.value("cluster.b.upstream_rq_completed") == TIMES + 1
        lengths = {record.bytes_sent for record in proxy.records.done}
    parts = data.split(b"HTTP/1.1 ")[1:]
    assert len(parts) == TIMES + 1
    assert len({_TIMES.sub(b"", part).replace(b"connection: close\r\n", b"") for part in parts}) == 1
    assert all(part.count(b"date: ") == part.count(b"x-envoy-upstream-service-time: ") == 1 for part in parts)
    assert len(lengths) == (0 if manager == "no record" else 1)
    assert [b"connection: close" in part for part in parts] == [False] * TIMES + [True]
