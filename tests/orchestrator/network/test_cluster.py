"""Goal: lookups follow every kind of change, and leave no trace of what is gone."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.network.cluster import Cluster, Endpoint, parse_pod, parse_service


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"clusterIP": "10.96.1.1", **spec}}


def pod(
    ip: str = "10.244.0.2", *, phase: str = "Running", sandbox: str = "/run/pods/10.244.0.2", **spec: Any
) -> dict[str, Any]:
    annotations = {"pocketmesh.io/sandbox": sandbox} if sandbox else {}
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "annotations": annotations},
        "spec": {"containers": [{"image": "app"}], **spec},
        "status": {"phase": phase, **({"podIP": ip} if ip else {})},
    }


def test_a_service_that_changes_its_address() -> None:
    cluster = Cluster()
    first, second = service(), service(clusterIP="10.96.1.2")
    cluster.on_service(None, first)
    cluster.on_service(first, second)
    assert cluster.service_at("10.96.1.1") is None
    found = cluster.service_at("10.96.1.2")
    assert found is not None and found.name == ("ns", "web")
    cluster.on_service(second, None)
    assert cluster.service_at("10.96.1.2") is None and not cluster.services


def test_an_address_that_passed_to_another_service_stays_with_it() -> None:
    """Events of two services may come in either order."""
    cluster = Cluster()
    cluster.on_service(None, service("old"))
    cluster.on_service(None, service("new"))
    cluster.on_service(service("old"), None)
    found = cluster.service_at("10.96.1.1")
    assert found is not None and found.name == ("ns", "new")


@pytest.mark.parametrize(
    ("spec", "address", "external"),
    [
        ({}, "10.96.1.1", ""),
        ({"clusterIP": "None"}, "", ""),
        ({"clusterIP": None}, "", ""),
        ({"clusterIP": "", "type": "ExternalName", "externalName": "db.example.org"}, "", "db.example.org"),
    ],
)
def test_services(spec: dict[str, Any], address: str, external: str) -> None:
    found = parse_service(service(**spec))
    assert (found.address, found.external_name) == (address, external)


def slice_of(
    *endpoints: dict[str, Any], name: str = "web-1", ports: Any = ({"name": "http", "port": 8080},)
) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "web"}
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": labels},
        "endpoints": list(endpoints),
        "ports": list(ports),
    }


def test_endpoints_are_the_ready_ones_of_all_slices() -> None:
    cluster = Cluster()
    ready = {"addresses": ["10.244.0.2"], "conditions": {}}
    unready = {"addresses": ["10.244.0.3"], "conditions": {"ready": False}}
    other = {"addresses": ["10.244.0.4"], "conditions": {"ready": True}, "hostname": "web-0"}
    first = slice_of(ready, unready)
    cluster.on_slice(None, first)
    cluster.on_slice(
        None, slice_of(other, name="web-2", ports=({"name": "http", "port": 9090}, {"name": "m", "port": 1}))
    )
    web = ("ns", "web")
    assert cluster.endpoints(web, "http") == [Endpoint("10.244.0.2", 8080), Endpoint("10.244.0.4", 9090, "web-0")]
    assert [e.ip for e in cluster.endpoints(web)] == ["10.244.0.2", "10.244.0.4"]
    cluster.on_slice(first, None)
    assert [e.ip for e in cluster.endpoints(web, "http")] == ["10.244.0.4"]
    assert cluster.endpoints(("ns", "other")) == []


def test_endpoints_of_the_hosts_network_may_be_the_nodes_own() -> None:
    cluster = Cluster()
    cluster.on_pod(None, pod("127.0.0.1", sandbox="", hostNetwork=True))
    target = {"addresses": ["127.0.0.1"], "targetRef": {"kind": "Pod", "name": "p", "namespace": "ns"}}
    cluster.on_slice(None, slice_of(target, {"addresses": ["127.0.0.2"]}))
    assert [e.host_network for e in cluster.endpoints(("ns", "web"), "http")] == [True, False]
    assert cluster.pods == {}


def test_pods() -> None:
    assert parse_pod(pod("", sandbox="")) is None
    assert parse_pod(pod(phase="Succeeded")) is None
    early = parse_pod(pod(""))
    assert early is not None and early.ip == "10.244.0.2"
    plain = parse_pod(pod())
    assert plain is not None and not plain.proxied
    native = parse_pod(pod(initContainers=[{"image": "docker.io/pocketmesh/proxyv2:0.1.0"}]))
    assert native is not None and native.proxied
    odd = parse_pod(pod(containers=[{"image": "NOT A NAME"}, {}]))
    assert odd is not None and not odd.proxied


def test_a_pod_that_ends_gives_its_address_back() -> None:
    cluster = Cluster()
    running = pod()
    cluster.on_pod(None, running)
    successor = pod()
    successor["metadata"]["name"] = "q"
    cluster.on_pod(None, successor)
    cluster.on_pod(running, pod(phase="Failed"))
    assert cluster.pods["10.244.0.2"].name == ("ns", "q")
    cluster.on_pod(successor, None)
    assert cluster.pods == {}
