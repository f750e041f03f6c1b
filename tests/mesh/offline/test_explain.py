"""Where requests go: Istio's routing table as far as it is reached, and a small application in detail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mesh.offline.documents import read_documents
from mesh.offline.explain import Answer, explain
from mesh.offline.origin import Origins, with_source
from mesh.offline.request import Request
from mesh.registry.state import MeshState
from tests.support.explained import APP

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases" / "istio_routing.json"
ERRORS = {
    "ErrNoListener": "no_listener", "ErrNoFilterChain": "no_filter_chain", "ErrProtocolError": "protocol_error",
    "ErrMultipleFilterChain": "multiple_filter_chains", "ErrNoVirtualHost": "no_virtual_host",
    "ErrNoRoute": "no_route", "ErrTLSRedirect": "tls_redirect",
}  # fmt: skip
FIELDS = {
    "listenerMatched": "listener", "clusterMatched": "cluster", "routeConfigMatched": "route_config",
    "virtualHostMatched": "virtual_host", "routeMatched": "route",
}  # fmt: skip
NOT_REACHED = (
    "TestIngress", "duplicate tls gateway", "does not apply to alias without exact match",
    "no service, full sidecar", "service, partial sidecar",
)  # fmt: skip
"""Ingress and Sidecar, which this mesh refuses; aliases with rules of their own."""


def answer(text: str, request: Request) -> Answer:
    documents = [one for one in read_documents("app.yaml", text) if not one.problem]
    objects: dict[str, list[dict[str, Any]]] = {}
    for one in documents:
        objects.setdefault(one.object["kind"], []).append(with_source(one))
    return explain(MeshState.build(objects), request, Origins(documents))


def calls() -> list[Any]:
    rows = json.loads(CASES.read_text()) if CASES.exists() else []
    found = [(row, call, f"{row['test']} {row['name']} {call.get('name')}") for row in rows for call in row["calls"]]
    return [
        pytest.param(row, call, id=name) for row, call, name in found if not any(one in name for one in NOT_REACHED)
    ]


@pytest.mark.parametrize(("row", "call"), calls())
def test_istios_routing_table(row: dict[str, Any], call: dict[str, Any]) -> None:
    asked, wanted = call["call"], call["result"]
    gateway = row["file"] == "gateway"
    request = Request(
        proxy="gateway" if gateway else "sidecar",
        direction="inbound" if asked.get("callMode") == "CallModeInbound" else "outbound",
        address=asked.get("address", ""), port=asked["port"], protocol=asked["protocol"],
        tls=(asked.get("tls") or asked.get("tLS") or "plaintext").lower(), alpn=asked.get("alpn", ""),
        host=asked.get("hostHeader", ""), path=asked.get("path", "/"), labels={} if gateway else {"app": "foo"},
    )  # fmt: skip
    told = answer(row["config"] + "\n---\n" + row["kubeConfig"], request)
    assert told["error"] == ERRORS.get(wanted.get("error", ""))
    for theirs, ours in FIELDS.items():
        if theirs in wanted:
            assert told[ours] == full_name(wanted[theirs]), told


def full_name(written: str) -> str:
    """The table was made without a domain: `outbound|80||a.default`."""
    return f"{written}.svc.cluster.local" if written.startswith("outbound|") and written.count(".") == 1 else written


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"headers": {"end-user": "jason"}},
            {"outcome": "route", "cluster": "outbound|9080|v2|reviews.default.svc.cluster.local"},
        ),
        ({"path": "/old"}, {"outcome": "redirect", "status": 301}),
        ({"path": "/gone"}, {"outcome": "direct_response", "status": 410}),
        ({"host": "reviews:9080"}, {"virtual_host": "reviews.default.svc.cluster.local:9080"}),
        ({"host": "elsewhere"}, {"outcome": "route", "cluster": "PassthroughCluster"}),
        ({"port": 4444}, {"outcome": "route", "cluster": "PassthroughCluster", "listener": "virtualOutbound"}),
        ({"protocol": "TCP", "port": 15001}, {"cluster": "BlackHoleCluster"}),
    ],
)
def test_outcomes(change: dict[str, Any], expected: dict[str, Any]) -> None:
    asked = {"host": "reviews", "port": 9080, **change}
    told = answer(APP, Request(**asked))
    assert {key: told[key] for key in expected} == expected, told


def test_every_rule_tried_is_told_with_its_line() -> None:
    told = answer(APP, Request(host="reviews", port=9080, path="/x"))
    assert [(one["line"], one["index"], one["matched"], one["reason"]) for one in told["rules"]] == [
        (22, 0, False, "header end-user does not match"),
        (24, 1, False, "path /x does not match"),
        (26, 2, False, "path /x does not match"),
        (28, 3, True, None),
    ]
    assert told["decided_by"] == {
        "kind": "VirtualService", "namespace": "default", "name": "reviews", "file": "app.yaml", "line": 28, "index": 3,
    }  # fmt: skip
    assert told["shares"] == {
        "outbound|9080|v1|reviews.default.svc.cluster.local": 0.9,
        "outbound|9080|v3|reviews.default.svc.cluster.local": 0.1,
    }


def test_a_subset_that_a_known_service_lacks_is_no_cluster() -> None:
    told = answer(
        APP.replace("subset: v2}}]", "subset: v9}}]"), Request(host="reviews", port=9080, headers={"end-user": "jason"})
    )
    assert (told["outcome"], told["error"], told["status"]) == ("refused", "no_cluster", 503)
