"""Endpoints of slices and of ServiceEntries."""

from __future__ import annotations

from typing import Any

from mesh.istio.service_entry import service_entry
from mesh.registry.endpoints import entry_endpoints, slice_endpoints
from mesh.registry.services import entry_services, kubernetes_service
from mesh.registry.workloads import workloads
from tests.support.bookinfo import pod, service, slice_of

HOST = "reviews.default.svc.cluster.local"
PODS = [pod("reviews-b", "reviews", "10.244.0.22"), pod("reviews-a", "reviews", "10.244.0.21", injected=False)]
SERVICES = {("default", HOST): kubernetes_service(service("reviews"))}


def table(*slices: dict[str, Any]) -> Any:
    return slice_endpoints(slices, SERVICES, workloads(PODS))


def test_a_slice_joined_with_its_pods() -> None:
    first, second = table(slice_of("reviews", PODS))[("default", HOST, 9080)]
    assert (first.address, second.address) == ("10.244.0.21", "10.244.0.22")
    assert (first.tls_mode, second.tls_mode) == ("", "istio")
    assert second.sandbox == "/run/pm/pods/10.244.0.22"
    assert second.service_account == "bookinfo-reviews"


def test_unready_and_terminating_endpoints_are_marked() -> None:
    one = slice_of("reviews", PODS, ready=False)
    other = slice_of("reviews", PODS[:1])
    other["endpoints"][0]["conditions"] = {"terminating": True}
    assert not any(endpoint.ready for endpoint in table(one)[("default", HOST, 9080)])
    assert not table(other)[("default", HOST, 9080)][0].ready


def test_ports_are_joined_by_name() -> None:
    assert table(slice_of("reviews", PODS, port_name="other")) == {}


def test_a_slice_of_no_known_service_is_left_out() -> None:
    assert table(slice_of("unknown", PODS)) == {}


def test_addresses_without_a_pod_are_plain() -> None:
    one = slice_of("reviews", PODS[:1])
    del one["endpoints"][0]["targetRef"]
    (endpoint,) = table(one)[("default", HOST, 9080)]
    assert (endpoint.sandbox, endpoint.tls_mode) == ("", "")


def entry(**spec: Any) -> Any:
    ports = [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}]
    metadata = {"name": "e", "namespace": "default"}
    found = service_entry({"metadata": metadata, "spec": {"hosts": ["a.com"], "ports": ports, **spec}})
    return entry_endpoints([found], entry_services([found], {}), workloads(PODS)).get(("default", "a.com", 80), ())


def test_written_endpoints() -> None:
    endpoints = entry(
        resolution="STATIC", endpoints=[{"address": "1.1.1.1", "ports": {"http": 81}}, {"address": "1.1.1.2"}]
    )
    assert [(one.address, one.port) for one in endpoints] == [("1.1.1.1", 81), ("1.1.1.2", 8080)]


def test_an_address_of_a_pod_is_reached_as_the_pod_is() -> None:
    (endpoint,) = entry(resolution="STATIC", endpoints=[{"address": "10.244.0.22"}])
    assert endpoint.sandbox == "/run/pm/pods/10.244.0.22"
    assert endpoint.tls_mode == "istio"


def test_dns_without_endpoints_asks_for_the_host() -> None:
    (endpoint,) = entry(resolution="DNS")
    assert (endpoint.address, endpoint.port) == ("a.com", 8080)


def test_selected_pods() -> None:
    endpoints = entry(resolution="STATIC", workloadSelector={"labels": {"app": "reviews"}})
    assert sorted(one.address for one in endpoints) == ["10.244.0.21", "10.244.0.22"]
