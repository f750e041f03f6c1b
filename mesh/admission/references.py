"""What a VirtualService names and nobody defines. Pure.

Istio accepts such a rule (its target may come later) and answers 503 at run time; a warning tells its author at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mesh.istio.hosts import covers, fully_qualified
from mesh.istio.values import items, mapping, text
from mesh.kube.objects import Object, namespace_of

ROUTE_KINDS = ("http", "tls", "tcp")


def reference_warnings(obj: Object, hosts: Collection[str], subsets: Mapping[str, Collection[str]]) -> list[str]:
    """`hosts` are the known services'; `subsets` by host, as DestinationRules define them."""
    if obj.get("kind") != "VirtualService":
        return []
    namespace = namespace_of(obj) or "default"
    found: dict[str, None] = {}
    for path, destination in _destinations(mapping(obj.get("spec"))):
        host = fully_qualified(text(destination.get("host")), namespace)
        subset = text(destination.get("subset"))
        if host and not any(covers(known, host) for known in hosts):
            found[f"{path}.host: no service {host}: requests get 503 until there is one"] = None
        elif subset and subset not in _subsets_of(host, subsets):
            found[f"{path}.subset: no DestinationRule defines subset {subset} of {host}: requests get 503"] = None
    return list(found)


def defined_subsets(rules: Iterable[Object]) -> dict[str, set[str]]:
    """Subset names by host, of all DestinationRules."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        spec = mapping(rule.get("spec"))
        host = fully_qualified(text(spec.get("host")), namespace_of(rule) or "default")
        names = found.setdefault(host, set())
        names.update(text(mapping(entry).get("name")) for entry in items(spec.get("subsets")))
    return found


def _subsets_of(host: str, subsets: Mapping[str, Collection[str]]) -> set[str]:
    return {name for pattern, names in subsets.items() if covers(pattern, host) for name in names}


def _destinations(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ROUTE_KINDS:
        for at, rule in enumerate(map(mapping, items(spec.get(kind)))):
            for index, target in enumerate(map(mapping, items(rule.get("route")))):
                yield f"spec.{kind}[{at}].route[{index}].destination", mapping(target.get("destination"))
            if rule.get("mirror"):
                yield f"spec.{kind}[{at}].mirror", mapping(rule.get("mirror"))
            for index, mirror in enumerate(map(mapping, items(rule.get("mirrors")))):
                yield f"spec.{kind}[{at}].mirrors[{index}].destination", mapping(mirror.get("destination"))
