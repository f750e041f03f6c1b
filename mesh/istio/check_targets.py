"""What a policy is attached to: a selector of workloads, or references to Gateways, Services and ServiceEntries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_selector
from mesh.istio.findings import Findings
from mesh.istio.values import items, mapping, text

Spec = Mapping[str, Any]
TARGETS = frozenset({
    ("gateway.networking.k8s.io", "Gateway"), ("gateway.networking.k8s.io", "GatewayClass"),
    ("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry"),
})  # fmt: skip
TARGETS_MAX = 16


def check_attachment(found: Findings, spec: Spec) -> None:
    """At most one of `selector`, `targetRef` and `targetRefs`, and each of them right."""
    if sum(bool(spec.get(key)) for key in ("selector", "targetRef", "targetRefs")) > 1:
        found.error("only one of targetRefs or selector can be set", "selector")
    selector = spec.get("selector")
    if selector is not None:
        labels = mapping(selector).get("matchLabels")
        check_selector(found, labels, "selector.matchLabels")
        if not mapping(labels):
            found.warn("workload selector specified without labels: it selects every workload", "selector")
    if spec.get("targetRef") is not None:
        _check_target(found.at("targetRef"), mapping(spec["targetRef"]))
    for at, target in found.each("targetRefs", spec.get("targetRefs")):
        _check_target(at, mapping(target))
    found.require(len(items(spec.get("targetRefs"))) <= TARGETS_MAX, f"at most {TARGETS_MAX} targets", "targetRefs")


def _check_target(found: Findings, target: Spec) -> None:
    found.require(target.get("name"), "targetRef name must be set", "name")
    if target.get("namespace"):
        found.error(
            "targetRef namespace must not be set; cross namespace referencing is not currently supported", "namespace"
        )
    if (text(target.get("group")), text(target.get("kind"))) not in TARGETS:
        found.error(
            f"targetRef must be to one of Gateway, GatewayClass, Service or ServiceEntry, not {target.get('kind')!r} "
            f"of group {target.get('group')!r}",
            "kind",
        )
