"""The world: lookups that analyzers share."""

from __future__ import annotations

from tests.support.analysis import world_of

TEXT = """
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a, labels: {x: y}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 80}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}}
"""


def test_lookups() -> None:
    world = world_of(TEXT)
    assert [pod.label for pod in world.pods({"x": "y"})] == ["Pod a/p"]
    assert world.pods({"x": "y"}, "default") == []
    assert world.service_ports == {"s.default.svc.cluster.local": [80]}
    assert world.of("Gateway") == []
    assert world.find("gateway.networking.k8s.io/Gateway", "default", "g") is not None


def test_a_pods_own_word_beats_the_namespaces() -> None:
    world = world_of(TEXT)
    assert world.injected("a", {})
    assert not world.injected("a", {"labels": {"sidecar.istio.io/inject": "false"}})
    assert world.injected("b", {"annotations": {"sidecar.istio.io/inject": "true"}})
