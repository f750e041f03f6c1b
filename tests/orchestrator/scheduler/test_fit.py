"""Whether a pod fits: tables of selectors, affinity and taints."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.scheduler.fit import misfits

SELECTOR = "node(s) didn't match Pod's node affinity/selector"
TAINT = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
UNTOLERATED = "node(s) had untolerated taint {dedicated: gpu}"


def node(*, unschedulable: bool = False, taints: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    spec = {"unschedulable": unschedulable, "taints": taints or []}
    return {"metadata": {"name": "n", "labels": {"disk": "ssd", "cores": "8"}}, "spec": spec}


def affinity(*expressions: dict[str, Any]) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


@pytest.mark.parametrize(
    ("spec", "reasons"),
    [
        ({}, []),
        ({"nodeSelector": {"disk": "ssd"}}, []),
        ({"nodeSelector": {"kubernetes.io/hostname": "n"}}, []),
        ({"nodeSelector": {"disk": "hdd"}}, [SELECTOR]),
        (affinity({"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}), []),
        (affinity({"key": "disk", "operator": "NotIn", "values": ["ssd"]}), [SELECTOR]),
        (affinity({"key": "zone", "operator": "NotIn", "values": ["a"]}), []),
        (affinity({"key": "disk", "operator": "Exists"}), []),
        (affinity({"key": "disk", "operator": "DoesNotExist"}), [SELECTOR]),
        (affinity({"key": "cores", "operator": "Gt", "values": ["7"]}), []),
        (affinity({"key": "cores", "operator": "Lt", "values": ["8"]}), [SELECTOR]),
        (affinity({"key": "disk", "operator": "Gt", "values": ["7"]}), [SELECTOR]),
    ],
)
def test_selectors(spec: dict[str, Any], reasons: list[str]) -> None:
    assert misfits({"spec": spec}, node()) == reasons


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, True),
        ({"key": "dedicated", "value": "gpu", "effect": "NoExecute"}, False),
        ({"key": "dedicated", "value": "cpu"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_taints(toleration: dict[str, Any], fits: bool) -> None:
    pod = {"spec": {"tolerations": [toleration]}}
    assert misfits(pod, node(taints=[TAINT])) == ([] if fits else [UNTOLERATED])


def test_cordoned_and_preferences() -> None:
    assert misfits({"spec": {}}, node(unschedulable=True)) == ["node(s) were unschedulable"]
    assert misfits({"spec": {}}, node(taints=[{**TAINT, "effect": "PreferNoSchedule"}])) == []
