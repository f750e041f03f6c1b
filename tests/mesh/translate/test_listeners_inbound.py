"""The inbound listener."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mesh.registry.state import MeshState
from mesh.translate.listeners_inbound import inbound_listener, served_ports
from tests.support.bookinfo import RUN
from tests.support.compiled import RATINGS, state


def peer(mode: str, extra: str = "") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: p}}
spec: {{selector: {{matchLabels: {{app: ratings}}}}, mtls: {{mode: {mode}}}{extra}}}
"""


def listener(mesh: MeshState | None = None) -> dict[str, Any]:
    mesh = mesh or state()
    return inbound_listener(mesh, mesh.workloads[("default", "ratings-v1-a")])


def chains(found: dict[str, Any], port: int | None) -> list[dict[str, Any]]:
    return [one for one in found["filter_chains"] if one["filter_chain_match"].get("destination_port") == port]


def test_on_one_machine_it_is_a_unix_socket_with_proxy_protocol() -> None:
    found = listener()
    assert found["address"] == {"pipe": {"path": f"{RUN}/10.244.0.12/inbound.sock"}}
    assert found["listener_filters"][0]["name"] == "envoy.filters.listener.proxy_protocol"


def test_on_a_cluster_it_is_istios_port() -> None:
    mesh = state()
    found = inbound_listener(mesh, replace(mesh.workloads[("default", "ratings-v1-a")], sandbox=""))
    assert found["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 15006}
    assert found["listener_filters"][0]["name"] == "envoy.filters.listener.original_dst"


def test_permissive_takes_mesh_traffic_and_plaintext() -> None:
    mutual, plain = chains(listener(), 9080)
    assert mutual["filter_chain_match"]["transport_protocol"] == "tls"
    assert "istio-http/1.1" in mutual["filter_chain_match"]["application_protocols"]
    assert mutual["transport_socket"]["typed_config"]["require_client_certificate"] is True
    assert plain["filter_chain_match"] == {"destination_port": 9080, "transport_protocol": "raw_buffer"}
    assert "transport_socket" not in plain


def test_strict_has_no_plaintext_chain_anywhere() -> None:
    found = listener(state(peer("STRICT")))
    others = [one for one in found["filter_chains"] if one["name"] != "virtualInbound-blackhole"]
    assert others
    assert all(one["filter_chain_match"]["transport_protocol"] == "tls" for one in others)


def test_a_port_without_a_service_may_have_its_own_mode() -> None:
    found = listener(state(peer("DISABLE", ', portLevelMtls: {"9443": {mode: STRICT}}')))
    assert all(one["filter_chain_match"]["transport_protocol"] == "tls" for one in chains(found, 9443))
    assert chains(found, 9443)
    assert chains(found, None)[-1]["filter_chain_match"] == {}


def test_the_route_into_the_workload() -> None:
    manager = chains(listener(), 9080)[0]["filters"][0]["typed_config"]
    routes = manager["route_config"]
    (host,) = routes["virtual_hosts"]
    (route,) = host["routes"]
    assert (routes["name"], host["name"], route["name"]) == ("inbound|9080||", "inbound|http|9080", "default")
    assert route["decorator"] == {"operation": f"{RATINGS}:9080/*"}
    assert route["route"]["retry_policy"] == {"retry_on": "reset-before-request", "num_retries": 2}
    assert manager["forward_client_cert_details"] == "APPEND_FORWARD"
    assert manager["set_current_client_cert_details"]["uri"] is True


def test_the_hooks_own_port_is_a_black_hole() -> None:
    (hole,) = chains(listener(), 15006)
    assert hole["filters"][0]["typed_config"]["cluster"] == "BlackHoleCluster"


def test_served_ports() -> None:
    mesh = state()
    assert list(served_ports(mesh, mesh.workloads[("default", "ratings-v1-a")])) == [9080]
