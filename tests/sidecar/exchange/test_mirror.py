"""Mirrors: the copy is complete, the main request does not wait for it, its failure is nobody's."""

from __future__ import annotations

import asyncio

import pytest

from tests.sidecar.engines import Echo, answer, backend, call, cluster, hcm, read_request, route, running

pytestmark = pytest.mark.integration


async def test_copies_with_a_body() -> None:
    main, shadow, copied = Echo(), Echo(answer(b"ignored")), asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        shadow.heads.append(head)
        shadow.bodies.append(body)
        copied.set()
        await reader.read()  # never answers

    async with backend(main) as port, backend(upstream) as other:
        routes = hcm(route("/", cluster="b", request_mirror_policies=[{"cluster": "m"}]))
        async with running(routes, cluster("b", port), cluster("m", other)) as proxy:
            assert (await call(proxy.port(), "/p", method="POST", body=b"payload"))[2] == b"ok"
            await asyncio.wait_for(copied.wait(), 5)
    assert shadow.bodies == main.bodies == [b"payload"]
    assert shadow.heads[0].startswith(b"POST /p HTTP/1.1\r\nhost: a.test-shadow\r\n")


async def test_a_dead_mirror_costs_nothing() -> None:
    async with backend(Echo()) as port:
        mirrors = [{"cluster": "dead"}, {"cluster": "missing"}]
        routes = hcm(route("/", cluster="b", request_mirror_policies=mirrors))
        async with running(routes, cluster("b", port), cluster("dead", 1)) as proxy:
            for _ in range(3):
                assert (await call(proxy.port()))[0] == 200
            assert proxy.value("cluster.dead.upstream_rq_active") == 0
