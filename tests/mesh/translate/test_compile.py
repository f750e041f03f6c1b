"""Whole proxies: complete, shared where they look the same, and taken by both data planes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from mesh.istio.mesh_config import MeshConfig
from mesh.istio.validation import validate
from mesh.registry.state import MeshState
from mesh.translate import ProxyResources, compile_endpoints, compile_proxy
from mesh.translate.outbound_routes import referenced_clusters
from tests.support import envoy_check
from tests.support.bookinfo import istio, objects
from tests.support.compiled import REVIEWS, router, sidecar, state

RICH = (Path(__file__).parent / "rich.yaml").read_text()
PREFIX = "type.googleapis.com/envoy."
TYPES = {
    "listeners": f"{PREFIX}config.listener.v3.Listener",
    "clusters": f"{PREFIX}config.cluster.v3.Cluster",
    "endpoints": f"{PREFIX}config.endpoint.v3.ClusterLoadAssignment",
    "routes": f"{PREFIX}config.route.v3.RouteConfiguration",
    "secrets": f"{PREFIX}extensions.transport_sockets.tls.v3.Secret",
}


def rich_state() -> MeshState:
    certificate, key = envoy_check.self_signed()
    data = {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    secret = {"metadata": {"name": "my-cert", "namespace": "istio-system"}, "data": encoded}
    config = MeshConfig(access_log_file="/dev/stdout", sampling_percent=100.0)
    return MeshState.build({**objects(RICH), "Secret": [secret]}, config)


def proxies() -> list[ProxyResources]:
    mesh = rich_state()
    return [sidecar(mesh), sidecar(mesh, "ratings-v1-a"), router(mesh)]


def test_every_route_and_endpoint_that_is_named_is_there() -> None:
    for one in proxies():
        text = repr(one.listeners)
        assert all(f"'route_config_name': '{name}'" in text for name in one.routes)
        assert set(one.endpoints) == {name for name, cluster in one.clusters.items() if cluster["type"] == "EDS"}
        for kind in ("listeners", "clusters", "routes", "secrets"):
            assert all(resource["name"] == name for name, resource in getattr(one, kind).items())


def test_a_router_is_told_only_what_its_routes_name() -> None:
    found = router()
    assert set(found.clusters) == {"BlackHoleCluster", "outbound|9080||productpage.default.svc.cluster.local"}
    assert referenced_clusters(found.routes) <= set(found.clusters)


def test_proxies_that_look_the_same_share_their_resources() -> None:
    mesh = state()
    one, other = sidecar(mesh, "reviews-v1-a"), sidecar(mesh, "reviews-v2-a")
    assert one.clusters[f"outbound|9080||{REVIEWS}"] is other.clusters[f"outbound|9080||{REVIEWS}"]
    assert one.routes["9080"] is other.routes["9080"]


def test_a_change_of_endpoints_leaves_routes_as_they_are() -> None:
    found = objects()
    mesh = MeshState.build(found)
    before = sidecar(mesh)
    after = sidecar(mesh.with_endpoints(slices=found["EndpointSlice"][:1], pods=found["Pod"]))
    assert after.routes["9080"] is before.routes["9080"]
    assert after.clusters == before.clusters
    assert after.listeners == before.listeners
    assert after.endpoints != before.endpoints


def test_compilation_is_deterministic() -> None:
    assert repr(sidecar(state())) == repr(sidecar(state()))


def test_endpoints_by_name() -> None:
    mesh = state()
    name = f"outbound|9080|v1|{REVIEWS}"
    assert compile_endpoints(mesh, name) == sidecar(mesh).endpoints[name]
    assert compile_endpoints(mesh, name, mesh.workloads[("default", "ratings-v1-a")]) == sidecar(mesh).endpoints[name]
    assert compile_endpoints(mesh, "outbound|80||unknown") is None
    assert compile_endpoints(mesh, "nonsense") is None


def test_the_rich_configuration_is_valid() -> None:
    for documents in istio(RICH).values():
        for document in documents:
            assert validate(document).valid, validate(document)


def test_our_data_plane_takes_every_resource() -> None:
    parse = pytest.importorskip("sidecar.config.parse")
    refusal = pytest.importorskip("sidecar.config.refusal")
    for one in proxies():
        for kind, url in TYPES.items():
            for name, resource in getattr(one, kind).items():
                parsed: Any = parse.parse(url, resource)
                assert not isinstance(parsed, refusal.Refusal), f"{name}: {parsed}"


def test_a_real_envoy_takes_every_resource(tmp_path: Path) -> None:
    for one in proxies():
        assert envoy_check.validate(one, tmp_path) == ""


def test_every_proxy_of_the_mesh_compiles() -> None:
    mesh = rich_state()
    assert len([compile_proxy(mesh, proxy) for proxy in mesh.proxies()]) == 7
