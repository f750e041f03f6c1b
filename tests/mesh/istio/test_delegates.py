"""Delegation: which combinations survive, and whose fields win."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.delegates import merge_delegates, merge_matches
from mesh.istio.virtual_service import VirtualService, virtual_service


def service(name: str, http: list[dict[str, Any]], hosts: list[str] | None = None) -> VirtualService:
    return virtual_service(
        {
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"hosts": hosts or [], "http": http},
        }
    )


ROUTE = [{"destination": {"host": "reviews"}}]


def test_the_delegates_rules_take_the_place_of_the_reference() -> None:
    root = service(
        "root",
        [{"name": "r", "match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "child"}, "timeout": "3s"}],
        ["bookinfo.com"],
    )
    child = service("child", [{"name": "c", "match": [{"uri": {"prefix": "/a/b"}}], "route": ROUTE}])
    (merged,) = merge_delegates([root, child])
    (rule,) = merged.http
    assert rule.name == "r-c"
    assert rule.spec["timeout"] == "3s"
    assert rule.matches[0]["uri"] == {"prefix": "/a/b"}
    assert rule.meta.name == "child"


def test_a_delegate_without_conditions_inherits_the_roots() -> None:
    root = service("root", [{"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "child"}}], ["b.com"])
    child = service("child", [{"route": ROUTE, "timeout": "1s"}])
    (merged,) = merge_delegates([root, child])
    assert merged.http[0].matches == ({"uri": {"prefix": "/a"}},)


def test_an_unknown_delegate_drops_the_rule() -> None:
    (merged,) = merge_delegates([service("root", [{"delegate": {"name": "gone"}}], ["b.com"])])
    assert merged.http == ()


@pytest.mark.parametrize(
    ("root", "child", "survives"),
    [
        ({"uri": {"prefix": "/a"}}, {"uri": {"exact": "/a/x"}}, True),
        ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}, False),
        ({"uri": {"exact": "/a"}}, {"uri": {"prefix": "/a"}}, False),
        ({"uri": {"regex": "/a.*"}}, {"uri": {"prefix": "/a"}}, False),
        ({"uri": {"prefix": "/"}}, {"method": {"exact": "GET"}}, True),
        ({"headers": {"a": {"exact": "1"}}}, {"headers": {"b": {"exact": "2"}}}, True),
        ({"headers": {"a": {"exact": "1"}}}, {"headers": {"a": {"exact": "2"}}}, False),
        ({"ignoreUriCase": True}, {}, False),
        ({"port": 80}, {"port": 81}, False),
    ],
)
def test_which_conditions_combine(root: dict[str, Any], child: dict[str, Any], survives: bool) -> None:
    assert (merge_matches((root,), (child,)) is not None) is survives
