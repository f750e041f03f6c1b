"""Whether a pod fits a node, and the reasons why not: pure. The words are kube-scheduler's."""

from __future__ import annotations

from typing import Any

from mesh.kube.objects import Object, labels_of, name_of


def misfits(pod: Object, node: Object) -> list[str]:
    """Why this pod cannot run on this node; empty when it can."""
    spec = pod.get("spec") or {}
    found: list[str] = []
    if (node.get("spec") or {}).get("unschedulable"):
        found.append("node(s) were unschedulable")
    labels = {**labels_of(node), "kubernetes.io/hostname": labels_of(node).get("kubernetes.io/hostname", name_of(node))}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items() or not _affine(spec, labels):
        found.append("node(s) didn't match Pod's node affinity/selector")
    tolerations = spec.get("tolerations") or []
    found.extend(
        f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
        for taint in (node.get("spec") or {}).get("taints") or []
        if taint.get("effect") in {"NoSchedule", "NoExecute"} and not _tolerated(taint, tolerations)
    )
    return found


def _affine(spec: dict[str, Any], labels: dict[str, str]) -> bool:
    """requiredDuringScheduling node affinity: terms are OR, expressions in a term AND."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return terms is None or any(
        all(_expression(found, labels) for found in term.get("matchExpressions") or []) for term in terms
    )


def _expression(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    operator = str(expression["operator"])
    if operator in {"Exists", "DoesNotExist"}:
        return bool(value is not None) == (operator == "Exists")
    if operator in {"In", "NotIn"}:
        return bool(value in values) == (operator == "In")
    if value is None or not value.lstrip("-").isdigit() or not values:
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _tolerated(taint: dict[str, Any], tolerations: list[dict[str, Any]]) -> bool:
    for toleration in tolerations:
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        if toleration.get("operator") == "Exists" and toleration.get("key") in (None, "", taint["key"]):
            return True
        if toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""):
            return True
    return False
