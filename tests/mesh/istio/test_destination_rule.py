"""Lookup, merging and effective policies of DestinationRules."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.destination_rule import DestinationRules, destination_rule

HOST = "reviews.shop.svc.cluster.local"


def rule(name: str, namespace: str, host: str = HOST, **spec: Any) -> Any:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": spec.pop("created", "")}
    return destination_rule({"kind": "DestinationRule", "metadata": metadata, "spec": {"host": host, **spec}})


def find(rules: list[Any], client: str = "client", **labels: str) -> str | None:
    table = DestinationRules(rules, root_namespace="istio-system")
    found = table.find(HOST, client_namespace=client, service_namespace="shop", labels=labels)
    return found.meta.name if found else None


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (["client", "shop", "istio-system"], "client"),
        (["shop", "istio-system"], "shop"),
        (["istio-system"], "istio-system"),
        (["elsewhere"], None),
    ],
)
def test_lookup_path(namespaces: list[str], expected: str | None) -> None:
    assert find([rule(namespace, namespace) for namespace in namespaces]) == expected


def test_the_most_specific_host_of_a_namespace_wins() -> None:
    assert find([rule("wide", "shop", "*.svc.cluster.local"), rule("exact", "shop")]) == "exact"


def test_export_limits_who_uses_it() -> None:
    assert find([rule("private", "shop", exportTo=["."])]) is None
    assert find([rule("private", "shop", exportTo=["."])], client="shop") == "private"


def test_a_workload_selector_is_for_those_pods_of_its_namespace() -> None:
    rules = [rule("all", "client"), rule("some", "client", workloadSelector={"matchLabels": {"app": "a"}})]
    assert find(rules, app="a") == "some"
    assert find(rules, app="b") == "all"


def test_rules_for_one_host_are_merged_oldest_first() -> None:
    subset = {"name": "v1", "labels": {"version": "v1"}}
    later = {"name": "v1", "labels": {"version": "other"}}
    table = DestinationRules(
        [
            rule(
                "b",
                "shop",
                created="2",
                subsets=[later, {"name": "v2"}],
                trafficPolicy={"loadBalancer": {"simple": "RANDOM"}},
            ),
            rule("a", "shop", created="1", subsets=[subset]),
        ],
        root_namespace="istio-system",
    )
    found = table.find(HOST, client_namespace="x", service_namespace="shop")
    assert found is not None
    assert [one.name for one in found.subsets] == ["v1", "v2"]
    assert found.subsets[0].labels == {"version": "v1"}
    assert found.policy["loadBalancer"] == {"simple": "RANDOM"}


def test_blocks_of_a_subset_replace_those_of_the_rule() -> None:
    found = rule(
        "a",
        "shop",
        trafficPolicy={"loadBalancer": {"simple": "RANDOM"}, "tls": {"mode": "DISABLE"}},
        subsets=[{"name": "v1", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}],
    )
    assert found.policy_for(80, "v1") == {"loadBalancer": {"simple": "RANDOM"}, "tls": {"mode": "ISTIO_MUTUAL"}}
    assert found.policy_for(80)["tls"] == {"mode": "DISABLE"}


def test_port_level_settings_inherit_nothing() -> None:
    found = rule(
        "a",
        "shop",
        trafficPolicy={
            "loadBalancer": {"simple": "RANDOM"},
            "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}],
        },
    )
    assert "loadBalancer" not in found.policy_for(80)
    assert found.policy_for(81)["loadBalancer"] == {"simple": "RANDOM"}
