"""MeshState: what it answers, and what a change of endpoints leaves alone."""

from __future__ import annotations

from mesh.registry.state import MeshState, read_mesh_config
from tests.support.bookinfo import objects, pod, slice_of

REVIEWS = "reviews.default.svc.cluster.local"


def test_proxies_are_the_pods_with_a_proxy() -> None:
    found = {one.name for one in MeshState.build(objects()).proxies()}
    assert "istio-ingressgateway-1" in found
    assert "legacy-a" not in found


def test_targets_of_a_workload() -> None:
    state = MeshState.build(objects())
    ((service, port, number),) = state.targets(state.workloads[("default", "reviews-v1-a")])
    assert (service.hostname, port.number, number) == (REVIEWS, 9080, 9080)


def test_a_named_target_port_is_resolved_by_the_pod() -> None:
    found = objects()
    reviews = next(one for one in found["Service"] if one["metadata"]["name"] == "reviews")
    reviews["spec"]["ports"][0]["targetPort"] = "web"
    one = pod("reviews-x", "reviews", "10.244.0.99")
    one["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": 8080}]
    state = MeshState.build({**found, "Pod": [*found["Pod"], one]})
    assert [number for _, _, number in state.targets(state.workloads[("default", "reviews-x")])] == [8080]
    assert state.targets(state.workloads[("default", "reviews-v1-a")]) == []


def test_other_endpoints_keep_the_rest() -> None:
    found = objects()
    state = MeshState.build(found)
    state.visible_services("default")
    only = [one for one in found["Pod"] if one["metadata"]["name"] == "reviews-v2-a"]
    changed = state.with_endpoints(slices=[slice_of("reviews", only)], pods=found["Pod"])
    service = changed.service(REVIEWS, "default")
    assert service is not None
    assert [one.address for one in changed.endpoints_of(service, 9080)] == ["10.244.0.22"]
    assert len(state.endpoints_of(service, 9080)) == 3
    assert changed.config_memo is state.config_memo
    assert changed.istio is state.istio


def test_the_callers_own_namespace_goes_first() -> None:
    extra = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: one, creationTimestamp: "1"}
spec: {hosts: [x.com], ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: two, creationTimestamp: "2"}
spec: {hosts: [x.com], exportTo: ["."], ports: [{number: 80, name: http, protocol: HTTP}]}
"""
    state = MeshState.build(objects(extra))
    owners = [(state.service("x.com", namespace) or state.all_services[0]).namespace for namespace in ("two", "three")]
    assert owners == ["two", "one"]


def test_mesh_config_comes_from_its_config_map() -> None:
    def config(text: str) -> dict[str, object]:
        return {"metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": text}}

    assert read_mesh_config([config("accessLogFile: /dev/stdout")]).access_log_file == "/dev/stdout"
    assert read_mesh_config([config("a: [")]).warnings
    assert read_mesh_config([]).access_log_file == ""
