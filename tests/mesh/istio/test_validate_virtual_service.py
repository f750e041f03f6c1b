"""Hosts, gateways, tls[] and tcp[] beyond Istio's table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_virtual_service import validate_virtual_service

ROUTE = [{"destination": {"host": "a"}}]
HTTP = [{"route": ROUTE}]


def check(spec: dict[str, Any]) -> Findings:
    found = Findings("spec")
    validate_virtual_service(found, spec, "default")
    return found


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"hosts": ["a"], "http": HTTP}, []),
        ({"hosts": ["a"]}, ["spec"]),
        ({"hosts": ["*.foo.com", "a.foo.com"], "http": HTTP}, ["spec.hosts[1]"]),
        ({"hosts": ["*"], "gateways": ["g"], "http": HTTP}, []),
        ({"hosts": ["a"], "gateways": ["*/g"], "http": HTTP}, ["spec.gateways[0]"]),
        ({"hosts": ["a.com"], "tls": [{"route": ROUTE}]}, ["spec.tls[0].match"]),
        ({"hosts": ["a.com"], "tls": [{"match": [{"sniHosts": ["b.com"]}], "route": ROUTE}]},
         ["spec.tls[0].match[0].sniHosts[0]"]),
        ({"hosts": ["a.com"], "tcp": [{"match": [{"destinationSubnets": ["x"]}], "route": ROUTE}]},
         ["spec.tcp[0].match[0].destinationSubnets[0]"]),
        ({"hosts": ["a.com"], "tcp": [{}]}, ["spec.tcp[0].route"]),
        ({"http": HTTP, "gateways": ["g"]}, ["spec.gateways"]),
        ({"hosts": ["a"], "http": [{"delegate": {}, "redirect": {"uri": "/"}}]}, []),
    ],
)  # fmt: skip
def test_errors(spec: dict[str, Any], paths: list[str]) -> None:
    assert [message.path for message in check(spec).errors] == paths


def test_what_is_never_reached_is_warned_about() -> None:
    rules = [
        {"match": [{"uri": {"prefix": "/a"}}, {"uri": {"exact": "/a/b"}}], "route": ROUTE},
        {"route": ROUTE},
        {"match": [{"uri": {"prefix": "/c"}}], "route": ROUTE},
    ]
    found = check({"hosts": ["a"], "http": rules})
    assert [message.path for message in found.warnings] == ["spec.http[0].match[1]", "spec.http[2]"]
