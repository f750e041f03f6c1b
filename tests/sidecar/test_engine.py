"""Two engines as two sidecars: UNIX socket, PROXY header, mTLS with SPIFFE names; configuration that changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.parse import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from sidecar.config.refusal import Refusal
from sidecar.net.addresses import Endpoint
from sidecar.net.secrets import Secret
from tests.sidecar.certificates import Authority
from tests.sidecar.engines import (
    GET,
    Echo,
    Running,
    answer,
    backend,
    call,
    cluster,
    endpoint,
    exchange,
    hcm,
    listener,
    route,
    running,
    tcp,
)

pytestmark = pytest.mark.integration

TLS = "type.googleapis.com/envoy.extensions.transport_sockets."
LISTENER_FILTER = "type.googleapis.com/envoy.extensions.filters.listener."
SDS: dict[str, Any] = {
    "tls_certificate_sds_secret_configs": [{"name": "default"}],
    "combined_validation_context": {
        "default_validation_context": {},
        "validation_context_sds_secret_config": {"name": "ROOTCA"},
    },
}
ALICE, BOB = "spiffe://cluster.local/ns/a/sa/alice", "spiffe://cluster.local/ns/b/sa/bob"
PEER = "type.googleapis.com/io.istio.http.peer_metadata.Config"


def metadata_filter(direction: str) -> dict[str, Any]:
    headers = [{"istio_headers": {}}]
    return {
        "name": "istio.metadata_exchange",
        "typed_config": {"@type": PEER, f"{direction}_discovery": headers, f"{direction}_propagation": headers},
    }


def inbound(path: Path, port: int, network_filter: dict[str, Any]) -> dict[str, Any]:
    """As virtualInbound: PROXY header, then TLS told from plaintext, one chain for a port."""
    transport = {
        "name": "tls",
        "typed_config": {
            "@type": TLS + "tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {**SDS, "alpn_protocols": ["istio-http/1.1"]},
        },
    }
    return {
        "name": "virtualInbound",
        "traffic_direction": "INBOUND",
        "address": {"pipe": {"path": str(path)}},
        "listener_filters": [
            {"name": "p", "typed_config": {"@type": LISTENER_FILTER + "proxy_protocol.v3.ProxyProtocol"}},
            {"name": "t", "typed_config": {"@type": LISTENER_FILTER + "tls_inspector.v3.TlsInspector"}},
        ],
        "filter_chains": [
            {
                "filter_chain_match": {"destination_port": port, "transport_protocol": "tls"},
                "filters": [network_filter],
                "transport_socket": transport,
            }
        ],
    }


def outbound_cluster(path: Path, stands_for: str, *, tls: bool = True, expected: str = BOB) -> dict[str, Any]:
    context = {
        "@type": TLS + "tls.v3.UpstreamTlsContext",
        "sni": "outbound_.80_._.bob",
        "common_tls_context": {
            **SDS,
            "alpn_protocols": ["istio-http/1.1"],
            "combined_validation_context": {
                **SDS["combined_validation_context"],
                "default_validation_context": {
                    "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": expected}}]
                },
            },
        },
    }
    inner: dict[str, Any] = {"name": "raw", "typed_config": {"@type": TLS + "raw_buffer.v3.RawBuffer"}}
    if tls:
        inner = {"name": "tls", "typed_config": context}
    wrapped = {
        "name": "proxy",
        "typed_config": {
            "@type": TLS + "proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            "config": {"version": "V2"},
            "transport_socket": inner,
        },
    }
    one = {
        "endpoint": {"address": {"pipe": {"path": str(path)}}},
        "metadata": {
            "filter_metadata": {
                "envoy.filters.listener.original_dst": {"local": stands_for},
                "envoy.transport_socket_match": {"tlsMode": "istio", "proxyProtocol": "v2"},
            }
        },
    }
    return {
        "name": "outbound|80||bob",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "x", "endpoints": [{"lb_endpoints": [one]}]},
        "transport_socket_matches": [
            {"name": "m", "match": {"tlsMode": "istio", "proxyProtocol": "v2"}, "transport_socket": wrapped}
        ],
    }


@contextlib.asynccontextmanager
async def sidecars(
    directory: Path, echo: Any, *, server_filter: Any = None, client_filter: Any = None, **client: Any
) -> AsyncIterator[tuple[Running, Running]]:
    """(alice's proxy, bob's proxy) with bob's application behind."""
    authority, path = Authority(), directory / "inbound.sock"
    async with backend(echo) as port:
        bob = Running(secrets=authority.store(BOB))
        server = hcm(
            route("/", cluster="inbound"),
            filters=(metadata_filter("downstream"),),
            forward_client_cert_details="APPEND_FORWARD",
            set_current_client_cert_details={"subject": True, "uri": True},
        )
        bob.put(clusters=(cluster("inbound", port),), listeners=(inbound(path, 80, server_filter or server),))
        alice = Running(secrets=authority.store(ALICE))
        outbound = hcm(route("/", cluster="outbound|80||bob"), filters=(metadata_filter("upstream"),))
        alice.put(
            clusters=(outbound_cluster(path, "10.244.0.7:80", **client),),
            listeners=(listener(client_filter or outbound),),
        )
        await bob.engine.start()
        await alice.engine.start()
        try:
            yield alice, bob
        finally:
            await alice.engine.close()
            await bob.engine.close()


async def test_identities_on_both_ends_of_a_hop(tmp_path: Path) -> None:
    echo = Echo()
    async with sidecars(tmp_path, echo) as (alice, bob):
        for _ in range(3):
            assert (await call(alice.port()))[2] == b"ok"
        here, there = await alice.records.last(), await bob.records.last()
        assert bob.value("listener.%s.downstream_cx_total" % (tmp_path / "inbound.sock")) == 1
    assert (here.upstream_peer_uri, here.upstream_local_uri, here.upstream_host) == (BOB, ALICE, "10.244.0.7:80")
    assert (there.downstream_peer_uri, there.downstream_local_uri) == (ALICE, BOB)
    assert there.downstream_local == "10.244.0.7:80"
    assert there.downstream_remote.startswith("10.244.0.9:")
    assert there.requested_server_name == "outbound_.80_._.bob"
    assert here.upstream_peer is not None
    assert here.upstream_peer.workload == "p"
    assert there.downstream_peer is not None
    head = echo.heads[0]
    assert b"x-envoy-peer-metadata" not in head
    assert b"x-forwarded-client-cert: By=%s;Hash=" % BOB.encode() in head
    assert b";URI=%s\r\n" % ALICE.encode() in head


async def test_a_server_of_another_name_is_refused(tmp_path: Path) -> None:
    async with sidecars(tmp_path, Echo(), expected="spiffe://cluster.local/ns/b/sa/mallory") as (alice, _):
        status, _, body = await call(alice.port())
        record = await alice.records.last()
    assert status == 503
    assert record.flags == "UF"
    assert "SAN" in record.upstream_failure
    assert b"reset reason: remote connection failure" in body


async def test_plaintext_to_a_strict_port_is_closed(tmp_path: Path) -> None:
    async with sidecars(tmp_path, Echo(), tls=False) as (alice, _):
        status, _, _ = await call(alice.port())
        record = await alice.records.last()
    assert (status, record.flags) == (503, "UC")


async def test_certificates_are_swapped_while_traffic_flows(tmp_path: Path) -> None:
    async with sidecars(tmp_path, Echo()) as (alice, bob):
        assert (await call(alice.port()))[0] == 200
        fresh = Authority()
        for proxy, name in ((alice, ALICE), (bob, BOB)):
            for secret in ("default", "ROOTCA"):
                found = fresh.store(name).get(secret) if secret == "default" else None
                proxy.secrets.set(secret, found or Secret(trusted_ca=fresh.pem))
        assert (await call(alice.port()))[0] == 200  # on the connection that is there
        alice.engine._clusters.active["outbound|80||bob"].abort()
        assert (await call(alice.port()))[0] == 200  # a new handshake with the new ones


async def test_opaque_bytes_through_two_sidecars(tmp_path: Path) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()
        writer.write(b"-end")

    filters = {"server_filter": tcp("inbound"), "client_filter": tcp("outbound|80||bob")}
    async with sidecars(tmp_path, shout, **filters) as (alice, bob):
        body = b"abc" * 300_000
        got = await exchange(alice.port(), body, eof=True)
        assert got == body.upper() + b"-end"
        record = await bob.records.last()
    assert record.bytes_received == len(body)
    assert record.downstream_peer_uri == ALICE


async def test_config_swap_keeps_requests_and_connections() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await release.wait()
            writer.write(answer(b"old"))

    async with (
        backend(slow) as old,
        backend(Echo(answer(b"new"))) as new,
        running(hcm(route("/", cluster="b")), cluster("b", old), cluster("c", new)) as proxy,
    ):
        pending = asyncio.get_running_loop().create_task(call(proxy.port()))
        while proxy.value("cluster.b.upstream_rq_active") == 0:
            await asyncio.sleep(0.01)
        port = proxy.port()
        proxy.put(listeners=(listener(hcm(route("/", cluster="c"))),))
        assert proxy.port() == port
        assert (await call(port))[2] == b"new"
        release.set()
        assert (await asyncio.wait_for(pending, 5))[2] == b"old"


async def test_a_cluster_that_did_not_change_keeps_its_connections() -> None:
    echo = Echo()
    async with backend(echo) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        assert (await call(proxy.port()))[0] == 200
        proxy.put(clusters=(cluster("b", port),))
        assert (await call(proxy.port()))[0] == 200
    assert echo.connections == 1


async def test_resources_that_arrive_later() -> None:
    """Listener before its routes, cluster before its endpoints: asked for by name, served when they come."""
    proxy = Running()
    changes: list[int] = []
    proxy.engine.on_subscriptions_changed = lambda: changes.append(1)
    eds = {"name": "e", "type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}}
    front = hcm(rds={"route_config_name": "r", "config_source": {"ads": {}}})
    proxy.put(clusters=(eds,), listeners=(listener(front),))
    assert {key.rpartition(".")[2]: names for key, names in proxy.engine.subscriptions().items()} == {
        "ClusterLoadAssignment": {"e"}, "RouteConfiguration": {"r"}, "Secret": set(),
    }  # fmt: skip
    assert changes
    assert proxy.engine.listeners() == []
    await proxy.engine.start()
    async with backend(Echo()) as port:
        routes = {
            "name": "r",
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route("/", cluster="e")]}],
        }
        assert proxy.engine.apply(ROUTES, "r", routes) is None
        assert (await call(proxy.port()))[0] == 503
        endpoints = {"cluster_name": "e", "endpoints": [{"lb_endpoints": [endpoint(port)]}]}
        assert proxy.engine.apply(ENDPOINTS, "e", endpoints) is None
        assert (await call(proxy.port()))[0] == 200
        assert [host.address for one in proxy.engine.clusters() for host in one.hosts] == [f"127.0.0.1:{port}"]
        proxy.engine.remove(CLUSTER, "e")
        assert (await call(proxy.port()))[0] == 503
        proxy.engine.remove(LISTENER, "front")
        assert proxy.engine.listeners() == []
    await proxy.engine.close()


_FILE = {"filename": "/absent"}
ABSENT = {"name": "s", "tls_certificate": {"certificate_chain": _FILE, "private_key": _FILE}}


@pytest.mark.parametrize(
    ("type_url", "resource", "path"),
    [
        (LISTENER, {**listener(hcm()), "bogus": 1}, "bogus"),
        (LISTENER, listener(hcm(route("/", cluster="b", timeout="x"))), "filter_chains[0].filters[0]"),
        (CLUSTER, {**cluster("c", 1), "lb_policy": "NOPE"}, "lb_policy"),
        (SECRET, ABSENT, ""),
    ],
)  # fmt: skip
async def test_refusals_name_their_path(type_url: str, resource: dict[str, Any], path: str) -> None:
    proxy = Running()
    refusal = proxy.engine.apply(type_url, resource["name"], resource)
    assert isinstance(refusal, Refusal)
    assert refusal.path.startswith(path)
    await proxy.engine.close()


async def test_a_port_in_use_is_a_refusal() -> None:
    async with backend(Echo()) as port:
        proxy = Running()
        taken = {**listener(hcm()), "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}
        refusal = proxy.engine.apply(LISTENER, "front", taken)
        assert refusal is not None
        assert f"127.0.0.1:{port}" in refusal.reason
        await proxy.engine.close()


async def test_drain_lets_the_request_under_way_finish() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await release.wait()
        writer.write(answer(b"done"))
        await reader.read()

    async with backend(slow) as port, running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port())
        writer.write(GET)
        while proxy.value("cluster.b.upstream_rq_active") == 0:
            await asyncio.sleep(0.01)
        draining = asyncio.get_running_loop().create_task(proxy.engine.drain(5))
        await asyncio.sleep(0)
        release.set()
        data = await asyncio.wait_for(reader.read(), 5)
        assert b"connection: close" in data
        assert data.endswith(b"done")
        writer.close()
        await asyncio.wait_for(draining, 5)


async def test_strict_dns() -> None:
    async with backend(Echo()) as port:
        named = cluster("d", port, type="STRICT_DNS", dns_lookup_family="V4_ONLY", dns_refresh_rate="0.2s")
        address = named["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        address["socket_address"]["address"] = "localhost"
        async with running(hcm(route("/", cluster="d")), named) as proxy:
            async with asyncio.timeout(5):
                while (await call(proxy.port()))[0] != 200:
                    await asyncio.sleep(0.02)


async def test_hand_off_by_original_destination_needs_no_port() -> None:
    """Listeners that do not bind are found by address, then by port on any address."""
    proxy = Running()
    for name, address in (("exact", "10.96.0.5"), ("any", "0.0.0.0")):
        where = {"socket_address": {"address": address, "port_value": 9080}}
        proxy.put(listeners=({**listener(hcm(), name=name), "address": where, "bind_to_port": False},))
    find = proxy.engine._listeners.find
    wanted = (Endpoint("10.96.0.5", 9080), Endpoint("10.1.1.1", 9080), Endpoint("10.1.1.1", 1))
    assert [one and one.name for one in map(find, wanted)] == ["exact", "any", None]
    await proxy.engine.close()
