"""DestinationRule: which policy and which subsets a caller of a namespace uses for a host.

Lookup: the caller's namespace, then the service's, then the root namespace; a rule anywhere else is never used, even
if it is exported. Several rules for one host in one namespace are merged: subsets are collected (the first of a name
wins), the oldest rule that has a trafficPolicy gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh.istio.exports import export_to, visible
from mesh.istio.hosts import fully_qualified, most_specific
from mesh.istio.meta import Meta, meta_of
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object

Policy = Mapping[str, Any]
POLICY_BLOCKS = ("loadBalancer", "connectionPool", "outlierDetection", "tls", "tunnel", "proxyProtocol", "retryBudget")


@dataclass(frozen=True, slots=True)
class Subset:
    name: str
    labels: Mapping[str, str]
    policy: Policy


@dataclass(frozen=True, slots=True)
class DestinationRule:
    meta: Meta
    host: str
    policy: Policy
    subsets: tuple[Subset, ...]
    export_to: tuple[str, ...]
    workload_selector: Mapping[str, str] | None = None  # None = every caller of the namespace

    def subset(self, name: str) -> Subset | None:
        return next((subset for subset in self.subsets if subset.name == name), None)

    def policy_for(self, port: int, subset: str = "") -> Policy:
        """The effective policy for one port: subset over top level by whole blocks, then the port's own.

        A matching entry of portLevelSettings replaces everything: what it leaves out goes back to the defaults.
        """
        chosen = self.subset(subset)
        merged = _over(self.policy, chosen.policy if chosen else {})
        for entry in items(merged.get("portLevelSettings")):
            if integer(mapping(mapping(entry).get("port")).get("number")) == port:
                return mapping(entry)
        return merged


def destination_rule(obj: Object) -> DestinationRule:
    meta = meta_of(obj)
    spec = mapping(obj.get("spec"))
    selector = spec.get("workloadSelector")
    return DestinationRule(
        meta=meta,
        host=fully_qualified(text(spec.get("host")), meta.namespace),
        policy=mapping(spec.get("trafficPolicy")),
        subsets=tuple(
            Subset(text(entry.get("name")), mapping(entry.get("labels")), mapping(entry.get("trafficPolicy")))
            for entry in (mapping(raw) for raw in items(spec.get("subsets")))
        ),
        export_to=export_to(spec.get("exportTo")),
        workload_selector=mapping(mapping(selector).get("matchLabels")) if selector else None,
    )


def _over(base: Policy, top: Policy) -> Policy:
    """`top`'s blocks replace `base`'s as a whole. portLevelSettings of a subset replace those of the rule."""
    return {**base, **{key: value for key, value in top.items() if value is not None}}


class DestinationRules:
    """All rules, merged per (namespace, host), with Istio's lookup path."""

    def __init__(self, rules: Iterable[DestinationRule], *, root_namespace: str) -> None:
        self._root_namespace = root_namespace
        self._by_namespace: dict[str, dict[str, list[DestinationRule]]] = {}
        for rule in sorted(rules, key=lambda rule: rule.meta.age):
            hosts = self._by_namespace.setdefault(rule.meta.namespace, {})
            merged = hosts.setdefault(rule.host, [])
            same = next((at for at, old in enumerate(merged) if _mergeable(old, rule)), None)
            if same is None:
                merged.append(rule)
            else:
                merged[same] = _merge(merged[same], rule)

    @property
    def selecting_keys(self) -> frozenset[str]:
        """The label keys by which rules choose the workloads that they are for."""
        every = (rule for hosts in self._by_namespace.values() for rules in hosts.values() for rule in rules)
        return frozenset(key for rule in every for key in rule.workload_selector or ())

    def find(
        self, host: str, *, client_namespace: str, service_namespace: str, labels: Mapping[str, str] | None = None
    ) -> DestinationRule | None:
        """The rule for `host`; `labels` are the caller's, for rules with a workloadSelector."""
        for namespace in (client_namespace, service_namespace, self._root_namespace):
            hosts = self._by_namespace.get(namespace, {})
            usable = {
                pattern: rule
                for pattern, rules in hosts.items()
                if (rule := self._usable(rules, client_namespace, labels or {})) is not None
            }
            pattern = most_specific(host, usable)
            if pattern is not None:
                return usable[pattern]
        return None

    def _usable(
        self, rules: list[DestinationRule], client_namespace: str, labels: Mapping[str, str]
    ) -> DestinationRule | None:
        """A rule that selects the caller's workload goes before one for the whole namespace."""
        general: DestinationRule | None = None
        for rule in rules:
            if not visible(rule.export_to, owner=rule.meta.namespace, namespace=client_namespace):
                continue
            if rule.workload_selector is None:
                general = general or rule
            elif rule.meta.namespace == client_namespace and rule.workload_selector.items() <= labels.items():
                return rule
        return general


def _mergeable(old: DestinationRule, new: DestinationRule) -> bool:
    return old.workload_selector == new.workload_selector and old.export_to == new.export_to


def _merge(old: DestinationRule, new: DestinationRule) -> DestinationRule:
    known = {subset.name for subset in old.subsets}
    return replace(
        old,
        policy=old.policy or new.policy,
        subsets=old.subsets + tuple(subset for subset in new.subsets if subset.name not in known),
    )
