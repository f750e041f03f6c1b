"""Who stands behind a Service: tables of pods in, slices and Endpoints out."""

from __future__ import annotations

from typing import Any

from orchestrator.controllers.endpoints_plan import SLICE_ENDPOINTS_MAX, endpoints, ports_of, selected, slices


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "appProtocol": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "s"},
        "spec": {"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.96.0.5", **spec},
    }


def pod(name: str, ip: str = "10.244.0.2", *, ready: bool = True, port: int = 8080, **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}, **meta},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]},
        "status": {
            "podIP": ip,
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def conditions(made: list[dict[str, Any]]) -> dict[str, tuple[bool, bool, bool]]:
    return {
        found["targetRef"]["name"]: tuple(found["conditions"][key] for key in ("ready", "serving", "terminating"))
        for one in made
        for found in one["endpoints"]
    }


def test_selected() -> None:
    over = pod("over")
    over["status"]["phase"] = "Succeeded"
    pods = [pod("b"), pod("a"), pod("other", labels={"app": "x"}), pod("no-address", ip=""), over]
    pods.append(pod("elsewhere", namespace="x"))
    assert [found["metadata"]["name"] for found in selected(service(), pods)] == ["a", "b"]


def test_conditions_of_ready_unready_and_ending_pods() -> None:
    ending = pod("ending", deletionTimestamp="2024-01-01T00:00:00Z")
    made = slices(service(), [pod("ready"), pod("unready", ready=False), ending])
    assert conditions(made) == {
        "ready": (True, True, False),
        "unready": (False, False, False),
        "ending": (False, True, True),
    }
    anyway = slices(service(publishNotReadyAddresses=True), [pod("unready", ready=False)])
    assert conditions(anyway) == {"unready": (True, False, False)}


def test_a_named_port_is_looked_up_in_each_pod() -> None:
    made = slices(service(), [pod("a", port=8080), pod("b", port=9090)])
    assert [(one["ports"][0]["port"], len(one["endpoints"])) for one in made] == [(8080, 1), (9090, 1)]
    assert made[0]["ports"][0]["appProtocol"] == "http"
    numbered = service(ports=[{"port": 80, "protocol": "TCP"}])
    assert ports_of(numbered, pod("a")) == (("", 80, "TCP", ""),)
    assert ports_of(service(ports=[{"port": 80, "targetPort": "missing"}]), pod("a")) == ()


def test_slices_are_bounded_and_never_none() -> None:
    many = [pod(f"p{number}") for number in range(SLICE_ENDPOINTS_MAX + 1)]
    assert [len(one["endpoints"]) for one in slices(service(), many)] == [SLICE_ENDPOINTS_MAX, 1]
    (empty,) = slices(service(), [])
    assert (empty["endpoints"], empty["metadata"]["name"]) == ([], "web-0")
    assert empty["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    (headless,) = slices(service(clusterIP="None"), [])
    assert "service.kubernetes.io/headless" in headless["metadata"]["labels"]


def test_endpoints_lists_ready_and_unready_apart() -> None:
    ending = pod("ending", deletionTimestamp="2024-01-01T00:00:00Z")
    made = endpoints(service(), [pod("a", "10.244.0.2"), pod("b", "10.244.0.3", ready=False), ending])
    (subset,) = made["subsets"]
    assert [found["ip"] for found in subset["addresses"]] == ["10.244.0.2"]
    assert [found["ip"] for found in subset["notReadyAddresses"]] == ["10.244.0.3"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP", "appProtocol": "http"}]
    assert "subsets" not in endpoints(service(), [])
