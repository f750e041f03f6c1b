"""From objects in a real API server to states: what is rebuilt, and that bursts of noise are not."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.kinds import CONFIG_MAP, POD

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_objects_become_state(cluster: Cluster) -> None:
    source = cluster.plane.source
    await cluster.service("web")
    await cluster.pod("web-1", app="web")
    await cluster.eventually(lambda: "web.default.svc.cluster.local" in source.state.services)
    workload = await cluster.eventually(lambda: source.workloads().get(("default", "web-1")))
    assert (workload.injected, workload.service_account) == (True, "default")
    assert int(source.version) > 0


async def test_endpoints_alone_keep_the_configuration(cluster: Cluster) -> None:
    source = cluster.plane.source
    await cluster.service("web")
    await cluster.eventually(lambda: "web.default.svc.cluster.local" in source.state.services)
    istio = source.state.istio
    await cluster.pod("web-1", app="web")
    await cluster.eventually(lambda: ("default", "web-1") in source.workloads())
    assert source.state.istio is istio


async def test_noise_is_not_a_change(cluster: Cluster) -> None:
    source = cluster.plane.source
    await cluster.pod("a")
    await cluster.eventually(lambda: ("default", "a") in source.workloads())
    calls: list[int] = []
    source.on_change = lambda: calls.append(1)
    await cluster.admin.patch(
        POD, "a", {"status": {"startTime": "2026-01-01T00:00:00Z"}}, "default", subresource="status"
    )
    store = source.informers["Pod"].store
    await cluster.eventually(lambda: "startTime" in store["default", "a"]["status"])
    assert calls == []


async def test_the_mesh_config_is_followed(cluster: Cluster) -> None:
    data = {"mesh": "trustDomain: example.org\ndefaultConfig: {tracing: {sampling: 100}}"}
    await cluster.admin.patch(CONFIG_MAP, "istio", {"data": data}, "istio-system")
    await cluster.eventually(lambda: cluster.plane.source.mesh_config.trust_domain == "example.org")
    assert cluster.plane.proxy_settings().sampling_percent == 100
