"""Precedence of PeerAuthentication."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.peer_authentication import MtlsMode, PeerAuthentications, peer_authentication


def rule(namespace: str, mode: str | None, **extra: Any) -> Any:
    spec: dict[str, Any] = {"mtls": {"mode": mode}} if mode else {}
    if "selector" in extra:
        spec["selector"] = {"matchLabels": extra["selector"]}
    if "ports" in extra:
        spec["portLevelMtls"] = {str(port): {"mode": value} for port, value in extra["ports"].items()}
    name = extra.get("name", f"{namespace}-{mode}")
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": extra.get("created", "")}
    return peer_authentication({"kind": "PeerAuthentication", "metadata": metadata, "spec": spec})


MESH = rule("istio-system", "STRICT")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "PERMISSIVE"),
        ([MESH], "STRICT"),
        ([MESH, rule("shop", "DISABLE")], "DISABLE"),
        ([MESH, rule("shop", "UNSET")], "STRICT"),
        ([rule("shop", "DISABLE"), rule("shop", "STRICT", selector={"app": "a"})], "STRICT"),
        ([rule("shop", "DISABLE"), rule("shop", "STRICT", selector={"app": "b"})], "DISABLE"),
        ([rule("shop", "STRICT", created="1"), rule("shop", "DISABLE", created="2")], "STRICT"),
        ([rule("other", "STRICT")], "PERMISSIVE"),
    ],
)
def test_precedence(rules: list[Any], expected: str) -> None:
    found = PeerAuthentications(rules, root_namespace="istio-system").policy("shop", {"app": "a"})
    assert found.mode is MtlsMode(expected)


def test_port_level_modes_are_of_the_workloads_ports() -> None:
    rules = [rule("shop", "STRICT", selector={"app": "a"}, ports={8080: "DISABLE", 9090: "UNSET"})]
    table = PeerAuthentications(rules, root_namespace="istio-system")
    found = table.policy("shop", {"app": "a"})
    assert found.for_port(8080) is MtlsMode.DISABLE
    assert found.for_port(9090) is MtlsMode.STRICT
    assert found.for_port(1) is MtlsMode.STRICT
    assert table.some_disable
