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


async def test_bad_route_inside_a_listener_names_its_path() -> None:
    proxy = Running()
    bad = {"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": "b"}}
    refusal = proxy.engine.apply(LISTENER, "front", listener(hcm(bad)))
    assert refusal is not None
    assert refusal.path.startswith("filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0]")
    await proxy.engine.close()
