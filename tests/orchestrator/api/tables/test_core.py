"""Rows of the core kinds."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.api.tables import core


def named(**more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "creationTimestamp": "1970-01-01T00:00:00Z"}, **more}


@pytest.mark.parametrize(
    ("spec", "status", "cells"),
    [
        ({"clusterIP": "10.96.0.2", "ports": [{"port": 80}]}, {}, ["ClusterIP", "10.96.0.2", "<none>", "80/TCP"]),
        ({"clusterIP": "None"}, {}, ["ClusterIP", "None", "<none>", "<none>"]),
        ({"type": "ExternalName", "externalName": "x.y"}, {}, ["ExternalName", "<none>", "x.y", "<none>"]),
        ({"type": "LoadBalancer", "clusterIP": "1"}, {}, ["LoadBalancer", "1", "<pending>", "<none>"]),
        (
            {
                "type": "LoadBalancer",
                "clusterIP": "1",
                "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
            },
            {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}},
            ["LoadBalancer", "1", "127.0.0.1", "80:30080/TCP,53/UDP"],
        ),
    ],
)
def test_services(spec: dict[str, Any], status: dict[str, Any], cells: list[str]) -> None:
    assert core.service(named(spec=spec, status=status), 5.0)[1:5] == cells


def test_others() -> None:
    assert core.config_map(named(data={"a": "1"}, binaryData={"b": ""}), 5.0) == ["a", 2, "5s"]
    assert core.secret(named(type="Opaque", data={"a": ""}), 5.0) == ["a", "Opaque", 1, "5s"]
    subsets = [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)], "ports": [{"port": 80}]}]
    assert core.endpoints(named(subsets=subsets), 5.0)[1] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    assert core.endpoint_slice(named(addressType="IPv4"), 5.0)[1:4] == ["IPv4", "<unset>", "<unset>"]
    node = named(spec={"unschedulable": True}, status={"conditions": [{"type": "Ready", "status": "False"}]})
    node["metadata"]["labels"] = {"node-role.kubernetes.io/control-plane": ""}
    assert core.node(node, 5.0)[1:4] == ["NotReady,SchedulingDisabled", "control-plane", "5s"]
    event = named(
        involvedObject={"kind": "Pod", "name": "p"}, lastTimestamp="1970-01-01T00:00:03Z", message=" m ", count=2
    )
    assert core.event(event, 5.0)[:9] == ["2s", "", "", "pod/p", "", "", "m", "5s", 2]
    assert core.custom(".spec.host")(named(spec={"host": "h"}), 5.0) == ["a", "h", "5s"]
