"""Deployments and ReplicaSets."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.objects import Object
from orchestrator.api.kinds import workloads


def deployment(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    made: Object = {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}}
    workloads.default_deployment(made)
    return made


def test_defaults() -> None:
    spec = deployment()["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert "enableServiceLinks" not in spec["template"]["spec"]


ROLLING = "spec.strategy.rollingUpdate"
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"replicas": 0}, []),
    ({"replicas": -1}, ["spec.replicas"]),
    ({"selector": None}, ["spec.selector"]),
    ({"selector": {}}, ["spec.selector"]),
    ({"selector": {"matchLabels": {"a": "c"}}}, ["spec.template.metadata.labels"]),
    (
        {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
        ["spec.selector.matchExpressions[0].values"],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
        ["spec.selector.matchExpressions[0].operator"],
    ),
    ({"strategy": {"type": "Odd"}}, ["spec.strategy.type"]),
    ({"strategy": {"type": "Recreate", "rollingUpdate": {}}}, [ROLLING]),
    ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}, [f"{ROLLING}.maxUnavailable"]),
    ({"strategy": {"rollingUpdate": {"maxUnavailable": "200%"}}}, [f"{ROLLING}.maxUnavailable"]),
    ({"strategy": {"rollingUpdate": {"maxSurge": "many"}}}, [f"{ROLLING}.maxSurge"]),
    ({"minReadySeconds": 700}, ["spec.progressDeadlineSeconds"]),
]


@pytest.mark.parametrize(("spec", "fields"), CASES)
def test_validation(spec: dict[str, Any], fields: list[str]) -> None:
    assert [cause.field for cause in workloads.validate_deployment(deployment(**spec))] == fields


def test_templates_restart_always() -> None:
    made = deployment()
    made["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    assert [cause.field for cause in workloads.validate_replica_set(made)] == ["spec.template.spec.restartPolicy"]


def test_selectors_stay() -> None:
    other = deployment(selector={"matchLabels": {"x": "y"}})
    assert workloads.selector_is_immutable(other, deployment())
    assert not workloads.selector_is_immutable(deployment(), deployment())
    fresh: Object = {"status": {"replicas": 5}}
    workloads.prepare_status(fresh, None)
    workloads.default_replica_set(fresh)
    assert fresh == {"status": {}, "spec": {"replicas": 1}}
