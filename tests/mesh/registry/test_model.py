"""What the registry's values say of themselves."""

from __future__ import annotations

import pytest

from mesh.registry.model import Resolution, Service, ServicePort, Workload


def service(**fields: object) -> Service:
    base: dict[str, object] = {
        "hostname": "a.shop.svc.cluster.local",
        "name": "a",
        "namespace": "shop",
        "ports": (ServicePort(80, "http", "http"),),
        "addresses": (),
        "resolution": Resolution.STATIC,
        "mesh_external": False,
        "registry": "Kubernetes",
        "export_to": ("*",),
    }
    return Service(**{**base, **fields})  # type: ignore[arg-type]


def test_ports_by_number() -> None:
    assert service().port(80) == ServicePort(80, "http", "http")
    assert service().port(81) is None


@pytest.mark.parametrize(("export_to", "other"), [(("*",), True), ((".",), False), (("~",), False), (("other",), True)])
def test_visibility(export_to: tuple[str, ...], other: bool) -> None:
    assert service(export_to=export_to).visible_in("other") is other


def test_identity_of_a_workload() -> None:
    one = Workload("pod-1", "shop", "10.244.0.7", {"app": "a", "version": "v2"}, service_account="sa", workload="a-v2")
    assert one.node_id == "sidecar~10.244.0.7~pod-1.shop~shop.svc.cluster.local"
    assert one.spiffe_id("cluster.local") == "spiffe://cluster.local/ns/shop/sa/sa"
    assert (one.canonical_name, one.canonical_revision) == ("a", "v2")


def test_canonical_names_fall_back() -> None:
    one = Workload("pod-1", "shop", "10.244.0.7", {}, workload="deployment")
    assert (one.canonical_name, one.canonical_revision) == ("deployment", "latest")
