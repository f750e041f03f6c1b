"""Kubernetes Services and ServiceEntries as services."""

from __future__ import annotations

from typing import Any

from mesh.istio.service_entry import service_entry
from mesh.registry.model import Resolution, ServicePort
from mesh.registry.services import entry_services, kubernetes_service
from tests.support.bookinfo import service


def entry(name: str, host: str, **spec: Any) -> Any:
    metadata = {"name": name, "namespace": spec.pop("namespace", "default")}
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    return service_entry({"metadata": metadata, "spec": {"hosts": [host], "ports": ports, **spec}})


def test_a_cluster_service() -> None:
    found = kubernetes_service(service("reviews", clusterIP="10.96.0.7"))
    assert found.hostname == "reviews.default.svc.cluster.local"
    assert found.addresses == ("10.96.0.7",)
    assert found.ports == (ServicePort(9080, "http", "http", 9080),)
    assert not found.headless


def test_named_target_ports_stay_names() -> None:
    one = service("a")
    one["spec"]["ports"][0]["targetPort"] = "web"
    assert kubernetes_service(one).ports[0].target_port == "web"


def test_headless_and_external_names() -> None:
    assert kubernetes_service(service("a", clusterIP="None")).headless
    alias = kubernetes_service(service("a", type="ExternalName", externalName="b.com", clusterIP=""))
    assert (alias.external_name, alias.addresses) == ("b.com", ())


def test_an_annotation_limits_who_sees_it() -> None:
    one = service("a")
    one["metadata"]["annotations"] = {"networking.istio.io/exportTo": "., other"}
    assert kubernetes_service(one).export_to == (".", "other")


def test_service_entries_get_an_address_when_they_need_one() -> None:
    named, none, addressed, wild = entry_services(
        [
            entry("a", "a.com", resolution="DNS"),
            entry("b", "b.com"),
            entry("c", "c.com", resolution="DNS", addresses=["1.2.3.4"]),
            entry("d", "*.d.com", resolution="DNS"),
        ],
        {},
    )
    assert named.auto_allocated.startswith("240.240.")
    assert (none.auto_allocated, none.resolution) == ("", Resolution.NONE)
    assert (addressed.auto_allocated, addressed.addresses) == ("", ("1.2.3.4",))
    assert wild.auto_allocated == ""


def test_a_host_that_kubernetes_has_is_not_repeated() -> None:
    known = kubernetes_service(service("reviews"))
    assert entry_services([entry("a", known.hostname)], {known.hostname: known}) == []


def test_one_host_in_two_namespaces_is_two_services() -> None:
    found = entry_services([entry("a", "a.com"), entry("b", "a.com", namespace="other"), entry("c", "a.com")], {})
    assert [one.namespace for one in found] == ["default", "other"]
