"""Endpoints follow services and pods, in the real API."""

from __future__ import annotations

from typing import Any

from mesh.kube.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE
from mesh.kube.objects import Object, labels_of, resource_version_of
from orchestrator.controllers.endpoints import EndpointsController

WEB = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


def pod(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "web:1"}], "nodeName": "n"},
    }


async def ready_addresses(cluster: Any) -> list[str]:
    found = [s for s in await cluster.items(ENDPOINT_SLICE) if labels_of(s)["kubernetes.io/service-name"] == "web"]
    endpoints = [endpoint for one in found for endpoint in one.get("endpoints") or []]
    return sorted(endpoint["addresses"][0] for endpoint in endpoints if endpoint["conditions"]["ready"])


async def test_a_pod_comes_and_goes(cluster: Any) -> None:
    await cluster.run(EndpointsController)
    await cluster.client.create(SERVICE, WEB, "default")
    made = await cluster.client.create(POD, pod("one"), "default")
    await cluster.set_pod(made, ready=True, ip="10.244.0.9")

    async def has(*addresses: str) -> bool:
        return await ready_addresses(cluster) == list(addresses)

    await cluster.until(lambda: has("10.244.0.9"), "the pod's address")
    await cluster.client.delete(POD, "one", "default")  # graceful: the pod still runs
    await cluster.until(has, "withdrawn at its deletionTimestamp")
    assert await cluster.get(POD, "one") is not None
    legacy = await cluster.get(ENDPOINTS, "web")
    assert not legacy.get("subsets")
    await cluster.client.delete(SERVICE, "web", "default")


async def test_nothing_is_written_when_nothing_changed(cluster: Any) -> None:
    await cluster.run(EndpointsController)
    await cluster.client.create(SERVICE, WEB, "default")
    made = await cluster.client.create(POD, pod("one"), "default")
    await cluster.set_pod(made, ready=True, ip="10.244.0.9")

    async def has() -> bool:
        return await ready_addresses(cluster) == ["10.244.0.9"] and bool(
            (await cluster.get(ENDPOINTS, "web") or {}).get("subsets")
        )

    await cluster.until(has, "the pod's address")
    before = await cluster.get(ENDPOINT_SLICE, "web-0"), await cluster.get(ENDPOINTS, "web")
    await cluster.client.patch(SERVICE, "web", {"metadata": {"annotations": {"a": "b"}}}, "default")
    other = {**WEB, "metadata": {"name": "other", "namespace": "default"}}
    await cluster.client.create(SERVICE, other, "default")

    async def other_is_there() -> bool:
        return await cluster.get(ENDPOINTS, "other") is not None

    await cluster.until(other_is_there, "a later service is done")
    after = await cluster.get(ENDPOINT_SLICE, "web-0"), await cluster.get(ENDPOINTS, "web")
    assert [resource_version_of(obj) for obj in after] == [resource_version_of(obj) for obj in before]


async def test_services_without_selector_are_left_alone(cluster: Any) -> None:
    await cluster.run(EndpointsController)
    manual = {**WEB, "metadata": {"name": "manual", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}
    await cluster.client.create(SERVICE, manual, "default")
    await cluster.client.create(SERVICE, WEB, "default")

    async def web_is_there() -> bool:
        return await cluster.get(ENDPOINTS, "web") is not None

    await cluster.until(web_is_there, "the other one is done")
    assert await cluster.get(ENDPOINTS, "manual") is None
