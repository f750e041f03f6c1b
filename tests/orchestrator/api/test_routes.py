"""What paths name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.kinds import builtin_registry
from orchestrator.api.routes import parse_path

REGISTRY = builtin_registry()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", ("pods", "", "", "")),
        ("/api/v1/namespaces/a/pods", ("pods", "a", "", "")),
        ("/api/v1/namespaces/a/pods/p", ("pods", "a", "p", "")),
        ("/api/v1/namespaces/a/pods/p/log", ("pods", "a", "p", "log")),
        ("/api/v1/namespaces", ("namespaces", "", "", "")),
        ("/api/v1/namespaces/a", ("namespaces", "", "a", "")),
        ("/api/v1/namespaces/a/finalize", ("namespaces", "", "a", "finalize")),
        ("/api/v1/nodes/n/status", ("nodes", "", "n", "status")),
        ("/apis/apps/v1/namespaces/a/deployments/d/scale", ("deployments", "a", "d", "scale")),
        ("/api/v1/namespaces/a/pods/a%2Fb", ("pods", "a", "a/b", "")),
    ],
)
def test_resources(path: str, expected: tuple[str, str, str, str]) -> None:
    found = parse_path(path, REGISTRY)
    assert found is not None
    assert (found.kind.plural, found.namespace, found.name, found.subresource) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis/apps/v1",
        "/api/v2/pods",
        "/api/v1/pods/p",
        "/x/v1/pods",
        "//api/v1/pods//",
        "/api/v1/namespaces/a/resourcequotas",
        "/api/v1/namespaces/a/resourcequotas/q",
    ],
)
def test_others(path: str) -> None:
    found = parse_path(path, REGISTRY)
    assert found is None or (path.startswith("//") and found.kind.plural == "pods")


@given(
    st.lists(st.sampled_from(["api", "apis", "v1", "apps", "namespaces", "pods", "x", "", "..", "%00"]), max_size=20)
)
def test_any_path(parts: list[str]) -> None:
    parse_path("/" + "/".join(parts), REGISTRY)
