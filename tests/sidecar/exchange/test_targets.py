"""Plans of dialling: transport by metadata, PROXY header from what a pipe stands for, sockets of the pod."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.cluster import Cluster
from sidecar.config.core import Address, SocketAddress
from sidecar.config.parse import CLUSTER, parse
from sidecar.exchange.targets import Transports, header_for, original_destination, parse_endpoint
from sidecar.net.addresses import Endpoint
from sidecar.net.sandbox import Shim
from sidecar.net.secrets import SecretStore
from sidecar.protocol.proxy_v2 import LOCAL, ProxyHeader, decode, encode
from tests.sidecar.test_engine import outbound_cluster


async def transports(resource: dict[str, Any]) -> tuple[Cluster, Transports]:
    config = parse(CLUSTER, resource)
    assert isinstance(config, Cluster), config
    loop = asyncio.get_running_loop()
    return config, Transports(
        config,
        secrets=SecretStore(),
        shim=lambda path: Shim(loop, path),
        own_address="10.244.0.9",
        resolve=lambda path: path,
    )


async def test_metadata_chooses_the_transport(tmp_path: Path) -> None:
    config, found = await transports(outbound_cluster(tmp_path / "s", "10.244.0.7:80"))
    assert config.load_assignment is not None
    one = config.load_assignment.endpoints[0].lb_endpoints[0]
    plan = found.plan(one.endpoint.address, one.metadata)
    assert plan.tls is not None
    assert plan.tls.server_name == "outbound_.80_._.bob"
    header = decode(plan.prologue)
    assert isinstance(header, ProxyHeader)
    assert (header.source, header.destination) == (("10.244.0.9", 0), ("10.244.0.7", 80))
    assert plan == found.plan(one.endpoint.address, one.metadata)  # equal plans keep their pools
    plain = found.plan(one.endpoint.address, None)
    assert (plain.tls, plain.prologue) == (None, b"")


async def test_into_the_own_pod() -> None:
    source = {"address": "10.244.0.9", "port_value": 0, "network_namespace_filepath": "/run/shim.sock"}
    bind = {"upstream_bind_config": {"source_address": source}}
    _, found = await transports({"name": "p", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", **bind})
    plan = found.passthrough(Endpoint("10.244.0.9", 80))
    assert plan.shim is not None
    assert plan.target == Endpoint("10.244.0.9", 80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.1:80", Endpoint("10.0.0.1", 80)), ("[::1]:80", Endpoint("::1", 80)), ("10.0.0.1", None), ("a:b", None)],
)
def test_endpoints_as_text(text: str, expected: Endpoint | None) -> None:
    assert parse_endpoint(text) == expected
    assert original_destination(None) is None


@pytest.mark.parametrize(
    ("version", "source", "destination", "header"),
    [
        ("V1", Endpoint("10.0.0.1", 5), Endpoint("10.0.0.2", 80), b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n"),
        ("V1", Endpoint("10.0.0.1", 5), Endpoint("::1", 80), b"PROXY TCP6 ::ffff:10.0.0.1 ::1 5 80\r\n"),
        ("V1", Endpoint("/run/s"), Endpoint("10.0.0.2", 80), b"PROXY UNKNOWN\r\n"),
        ("V2", Endpoint(""), Endpoint("10.0.0.2", 80), LOCAL),
        ("V2", Endpoint("10.0.0.1", 5), Endpoint("10.0.0.2", 80), encode(("10.0.0.1", 5), ("10.0.0.2", 80))),
    ],
)
def test_headers(version: str, source: Endpoint, destination: Endpoint, header: bytes) -> None:
    assert header_for(version, source, destination) == header


TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


async def test_the_endpoints_name_as_sni() -> None:
    context = {"@type": TLS, "common_tls_context": {}, "auto_host_sni": True, "sni": "given.test"}
    _, found = await transports({"name": "c", "transport_socket": {"name": "tls", "typed_config": context}})
    address = Address(socket_address=SocketAddress(address="10.0.0.1", port_value=443))
    names = []
    for hostname in ("a.test", "b.test", ""):
        tls = found.plan(address, None, hostname).tls
        assert tls is not None
        assert tls is found.plan(address, None, hostname).tls
        names.append(tls.server_name)
    assert names == ["a.test", "b.test", "given.test"]
