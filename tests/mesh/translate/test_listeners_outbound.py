"""Outbound listeners."""

from __future__ import annotations

from typing import Any

from mesh.istio.mesh_config import MeshConfig
from mesh.registry.state import MeshState
from mesh.translate.listeners_outbound import addresses
from tests.support.bookinfo import RUN, objects, service, slice_of
from tests.support.compiled import sidecar, state, view

ENTRIES = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: redis}
spec: {hosts: [redis.com], addresses: [10.9.9.9], resolution: DNS, ports: [{number: 6379, name: r, protocol: REDIS}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild}
spec: {hosts: ["*.wild.org"], ports: [{number: 443, name: tls, protocol: TLS}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: range}
spec: {hosts: [range.org], addresses: [192.0.2.0/24], ports: [{number: 9999, name: tcp, protocol: TCP}]}
"""


def cluster(chain: dict[str, Any]) -> str:
    return str(chain["filters"][0]["typed_config"]["cluster"])


def test_only_virtual_outbound_has_a_socket() -> None:
    found = sidecar().listeners
    outbound = found["virtualOutbound"]
    assert outbound["use_original_dst"] is True
    assert outbound["address"]["socket_address"] == {
        "address": "127.0.0.1",
        "port_value": 15001,
        "network_namespace_filepath": f"{RUN}/10.244.0.10/shim.sock",
    }
    assert all(one["bind_to_port"] is False for name, one in found.items() if not name.startswith("virtual"))


def test_unknown_destinations() -> None:
    hole, rest = sidecar().listeners["virtualOutbound"]["filter_chains"]
    assert (hole["filter_chain_match"], cluster(hole)) == ({"destination_port": 15001}, "BlackHoleCluster")
    assert cluster(rest) == "PassthroughCluster"
    strict = sidecar(state(config=MeshConfig(registry_only=True))).listeners
    assert cluster(strict["virtualOutbound"]["filter_chains"][1]) == "BlackHoleCluster"
    assert cluster(strict["0.0.0.0_9080"]["default_filter_chain"]) == "BlackHoleCluster"


def test_http_ports_share_the_wildcard_listener() -> None:
    found = sidecar().listeners["0.0.0.0_9080"]
    (chain,) = found["filter_chains"]
    assert chain["filters"][0]["typed_config"]["rds"]["route_config_name"] == "9080"
    assert chain["filter_chain_match"]["application_protocols"] == ["http/1.0", "http/1.1"]
    assert cluster(found["default_filter_chain"]) == "PassthroughCluster"
    assert [one["name"].rpartition(".")[2] for one in found["listener_filters"]] == ["tls_inspector", "http_inspector"]


def test_an_opaque_service_owns_its_address() -> None:
    found = sidecar(state(ENTRIES)).listeners["10.9.9.9_6379"]
    (chain,) = found["filter_chains"]
    assert cluster(chain) == "outbound|6379||redis.com"
    assert "listener_filters" not in found


def test_tls_without_an_address_goes_by_server_name() -> None:
    found = sidecar(state(ENTRIES)).listeners["0.0.0.0_443"]
    (chain,) = found["filter_chains"]
    assert chain["filter_chain_match"] == {"server_names": ["*.wild.org"]}
    assert cluster(found["default_filter_chain"]) == "PassthroughCluster"


def test_ranges_of_addresses() -> None:
    (chain,) = sidecar(state(ENTRIES)).listeners["0.0.0.0_9999"]["filter_chains"]
    assert chain["filter_chain_match"] == {"prefix_ranges": [{"address_prefix": "192.0.2.0", "prefix_len": 24}]}


def test_a_sniffed_port_serves_both() -> None:
    found = objects()
    found["Service"].append(service("auto", 7000, "", clusterIP="10.96.0.250"))
    listener = sidecar(MeshState.build(found)).listeners["10.96.0.250_7000"]
    (http,) = listener["filter_chains"]
    routes = http["filters"][0]["typed_config"]["rds"]["route_config_name"]
    assert routes == "auto.default.svc.cluster.local:7000"
    assert cluster(listener["default_filter_chain"]) == "outbound|7000||auto.default.svc.cluster.local"


def test_a_headless_opaque_service_is_dialled_by_its_pods() -> None:
    found = objects()
    reviews = [one for one in found["Pod"] if one["metadata"]["labels"].get("app") == "reviews"]
    found["Service"].append(service("db", 5432, "tcp", clusterIP="None", selector={"app": "reviews"}))
    found["EndpointSlice"].append(slice_of("db", reviews, 5432, "tcp"))
    mesh = MeshState.build(found)
    one = mesh.service("db.default.svc.cluster.local", "default")
    assert one is not None
    assert addresses(view(mesh), one, one.ports[0]) == ["10.244.0.21", "10.244.0.22", "10.244.0.23"]
    assert "10.244.0.21_5432" in sidecar(mesh).listeners
