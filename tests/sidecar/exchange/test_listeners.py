"""Listeners as a set: chains that did not change keep their manager, others drain, refusals say where."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.config.parse import LISTENER
from tests.sidecar.engines import GET, Echo, Running, backend, cluster, hcm, listener, route, running

pytestmark = pytest.mark.integration


async def test_a_changed_chain_drains_the_connections_of_the_old_one() -> None:
    async with backend(Echo()) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        await reader.readuntil(b"ok")
        proxy.put(listeners=(listener(hcm(route("/", cluster="b", timeout="3s"))),))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_an_unchanged_chain_does_not() -> None:
    async with backend(Echo()) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        await reader.readuntil(b"ok")
        front = listener(hcm(route("/", cluster="b")))
        front["metadata"] = {"filter_metadata": {"istio": {"config": "new"}}}
        proxy.put(listeners=(front,))
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readuntil(b"ok"), 5)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_removal_closes_the_port_and_lets_connections_finish() -> None:
    async with backend(Echo()) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        address = proxy.port()
        proxy.engine.remove(LISTENER, "front")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", address)


async def test_connections_over_the_limit_are_closed_at_once_and_others_may_come_when_one_ended() -> None:
    async with running(hcm(route("/", direct_response={"status": 200}))) as proxy:
        proxy.engine.limit_connections(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        over, unused = await asyncio.open_connection("127.0.0.1", proxy.port())
        assert await asyncio.wait_for(over.read(), 5) == b""
        unused.close()
        prefix = next(one.name for one in proxy.stats if one.name.endswith("downstream_global_cx_overflow"))[:-30]
        assert proxy.value(f"{prefix}.downstream_global_cx_overflow") == 1
        assert proxy.value(f"{prefix}.downstream_cx_active") == 1
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert proxy.value(f"{prefix}.downstream_cx_active") == 0
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_bad_route_inside_a_listener_names_its_path() -> None:
    proxy = Running()
    bad = {"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": "b"}}
    refusal = proxy.engine.apply(LISTENER, "front", listener(hcm(bad)))
    assert refusal is not None
    assert refusal.path.startswith("filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0]")
    await proxy.engine.close()
