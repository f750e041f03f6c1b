"""Services and EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.objects import Object
from orchestrator.api.kinds import services


def service(**spec: Any) -> Object:
    made: Object = {"spec": {"ports": [{"port": 80}], **spec}}
    services.default_service(made)
    return made


def test_defaults() -> None:
    spec = service(clusterIP="10.96.1.1", sessionAffinity="ClientIP")["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert spec["clusterIPs"] == ["10.96.1.1"]
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    assert spec["ipFamilies"] == ["IPv4"]
    assert "ipFamilies" not in service(type="ExternalName", externalName="x.y")["spec"]


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"ports": []}, ["spec.ports"]),
    ({"ports": [], "clusterIP": "None"}, []),
    ({"ports": [{"port": 0}]}, ["spec.ports[0].port", "spec.ports[0].targetPort"]),
    ({"ports": [{"port": 1}, {"port": 2, "name": "b"}]}, ["spec.ports[0].name"]),
    ({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, ["spec.ports[1]"]),
    ({"type": "Odd"}, ["spec.type"]),
    ({"type": "ExternalName"}, ["spec.externalName"]),
    ({"type": "NodePort", "clusterIP": "None"}, ["spec.clusterIPs[0]"]),
    ({"sessionAffinity": "x"}, ["spec.sessionAffinity"]),
    ({"selector": {"a": "b c"}}, ["spec.selector"]),
]


@pytest.mark.parametrize(("spec", "fields"), CASES)
def test_validation(spec: dict[str, Any], fields: list[str]) -> None:
    assert [cause.field for cause in services.validate_service(service(**spec))] == fields


def test_the_cluster_address_stays() -> None:
    old, new = service(clusterIP="10.96.1.1"), service(clusterIP="10.96.1.2")
    assert services.cluster_ip_is_immutable(new, old)[0].message.endswith("may not change once set")
    kept = {"spec": {"ports": [{"port": 80}]}}
    services.prepare_service(kept, old)
    assert kept["spec"]["clusterIP"] == "10.96.1.1"


def test_slices() -> None:
    good: Object = {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 1}]}
    services.default_endpoint_slice(good)
    assert good["ports"] == [{"port": 1, "name": "", "protocol": "TCP"}]
    assert not services.validate_endpoint_slice(good)
    for bad in ({}, {"addressType": "x"}, {"addressType": "IPv4", "endpoints": [{"addresses": ["x"]}]}):
        assert services.validate_endpoint_slice(bad)
    assert services.endpoint_slice_update({"addressType": "IPv6"}, good)
