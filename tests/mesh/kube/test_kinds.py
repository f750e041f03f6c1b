"""The registry of kinds."""

from __future__ import annotations

import pytest

from mesh.kube.kinds import BUILT_IN, DEPLOYMENT, NODE, POD, Kind, builtin_registry


def test_paths() -> None:
    assert POD.path("default", "p", "log") == "/api/v1/namespaces/default/pods/p/log"
    assert POD.path() == "/api/v1/pods"
    assert DEPLOYMENT.path("a") == "/apis/apps/v1/namespaces/a/deployments"
    assert NODE.path("ignored", "n") == "/api/v1/nodes/n"


@pytest.mark.parametrize("word", ["po", "pod", "pods", "Pod", "PODS"])
def test_words(word: str) -> None:
    assert builtin_registry().word(word) is POD


def test_registry() -> None:
    registry = builtin_registry()
    assert registry.word("deployments.apps") is DEPLOYMENT
    assert registry.word("nonsense") is None
    assert registry.gvk("apps/v1", "Deployment") is DEPLOYMENT
    assert registry.resource("apps", "v1", "deployments") is DEPLOYMENT
    assert registry.gvk("v9", "Pod") is None
    assert len(list(registry)) == len(BUILT_IN)
    added = Kind("example.com", "v1", "Thing", "things")
    registry.add(added)
    assert registry.word("thing") is added
    assert added.qualified == "things.example.com"
