"""The control plane against a real API server: what both do together."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.control_plane import ControlPlane, persist
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    MUTATING_WEBHOOK,
    NAMESPACE,
    POD,
    SECRET,
    VIRTUAL_SERVICE,
)

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_pods_are_injected_through_the_api(cluster: Cluster) -> None:
    await cluster.namespace("shop", **{"istio-injection": "enabled"})
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    injected = await cluster.admin.create(POD, pod, "shop")
    assert [one["name"] for one in injected["spec"]["initContainers"]] == ["istio-proxy"]
    plain = await cluster.admin.create(POD, {**pod, "metadata": {"name": "b"}}, "default")
    assert "initContainers" not in plain["spec"]


async def test_a_pod_right_after_its_namespace_is_injected(cluster: Cluster) -> None:
    """Our own view of the namespace may be older than the API server's."""
    labels = {"istio-injection": "enabled"}
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    await cluster.admin.create(NAMESPACE, {"metadata": {"name": "quick", "labels": labels}})
    injected = await cluster.admin.create(POD, pod, "quick")
    assert injected["spec"]["initContainers"][0]["name"] == "istio-proxy"


def virtual_service(name: str, *routes: dict[str, Any]) -> dict[str, Any]:
    spec = {"hosts": ["web"], "http": [{"route": list(routes)}]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name}, "spec": spec}


async def test_meaningless_configuration_is_refused_by_the_api(cluster: Cluster) -> None:
    routes = [{"destination": {"host": host}, "weight": 0} for host in ("a", "b")]
    with pytest.raises(ApiError, match=r"spec\.http\[0\]") as failure:
        await cluster.admin.create(VIRTUAL_SERVICE, virtual_service("bad", *routes), "default")
    assert failure.value.code in (400, 403, 422)
    with pytest.raises(ApiError) as missing:
        await cluster.admin.get(VIRTUAL_SERVICE, "bad", "default")
    assert missing.value.not_found


async def test_a_second_start_keeps_the_root_and_repairs_addresses(client: HttpClient, cluster: Cluster) -> None:
    root = (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"]
    mesh = await client.patch(CONFIG_MAP, "istio", {"data": {"mesh": "accessLogFile: /dev/stdout"}}, "istio-system")
    await cluster.plane.stop()
    second = ControlPlane(client, cluster.plane.settings)
    await second.start()
    try:
        assert second.port != cluster.plane.port
        assert (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"] == root
        assert (await client.get(CONFIG_MAP, "istio", "istio-system"))["data"] == mesh["data"]
        webhooks = (await client.get(MUTATING_WEBHOOK, "istio-sidecar-injector"))["webhooks"]
        assert {one["clientConfig"]["url"] for one in webhooks} == {f"https://127.0.0.1:{second.port}/inject"}
        assert second.source.mesh_config.access_log_file == "/dev/stdout"
        gateway = await client.get(DEPLOYMENT, "istio-ingressgateway", "istio-system")
        env = gateway["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "CA_ADDR", "value": f"127.0.0.1:{second.port}"} in env
    finally:
        await second.stop()


async def test_persist_waits_for_the_server_but_not_for_a_decision() -> None:
    failures: list[Exception] = [OSError("refused"), ApiError(503, "ServiceUnavailable", "starting")]

    async def step() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    assert await persist(step) == "done"
    failures.append(ApiError(403, "Forbidden", "no"))
    with pytest.raises(ApiError, match="no"):
        await persist(step)
