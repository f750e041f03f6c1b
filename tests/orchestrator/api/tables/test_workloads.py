"""Rows of workloads."""

from __future__ import annotations

from orchestrator.api.tables import workloads

META = {"name": "web", "creationTimestamp": "1970-01-01T00:00:00Z"}
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}}
SPEC = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}


def test_rows() -> None:
    status = {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1, "replicas": 3}
    obj = {"metadata": META, "spec": SPEC, "status": status}
    assert workloads.deployment(obj, 60.0) == ["web", "2/3", 3, 1, "60s", "a,b", "x:1,y", "app=web"]
    assert workloads.replica_set(obj, 60.0) == ["web", 3, 3, 2, "60s", "a,b", "x:1,y", "app=web"]
    assert len(workloads.deployment(obj, 0.0)) == len(workloads.DEPLOYMENT_COLUMNS)
    assert len(workloads.replica_set(obj, 0.0)) == len(workloads.REPLICA_SET_COLUMNS)
