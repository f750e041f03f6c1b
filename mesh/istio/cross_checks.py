"""Warnings that need more than one object: a rule that points at what does not exist.

Istio accepts such rules: their requests are answered 503 with flag NC until the other object comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mesh.istio.destination_rule import DestinationRules, destination_rule
from mesh.istio.findings import Message
from mesh.istio.hosts import covers
from mesh.istio.mesh_config import MeshConfig
from mesh.istio.values import items
from mesh.istio.virtual_service import Destination, Rule, virtual_service
from mesh.kube.objects import Object


def cross_warnings(
    obj: Object, *, hosts: Iterable[str], destination_rules: Iterable[Object], mesh: MeshConfig | None = None
) -> tuple[Message, ...]:
    """About one VirtualService, given every known service's host and all DestinationRules."""
    if obj.get("kind") != "VirtualService":
        return ()
    rules = DestinationRules(
        map(destination_rule, destination_rules), root_namespace=(mesh or MeshConfig()).root_namespace
    )
    service = virtual_service(obj)
    known = list(hosts)
    found = []
    for path, destination in _destinations(obj):
        if not any(covers(host, destination.host) for host in known):
            found.append(Message(f"{path}.host", f"no service {destination.host} is known yet: its requests get 503"))
            continue
        if not destination.subset:
            continue
        rule = rules.find(
            destination.host,
            client_namespace=service.meta.namespace,
            service_namespace=_namespace(destination.host, service.meta.namespace),
        )
        if rule is None or rule.subset(destination.subset) is None:
            text = f"no DestinationRule defines subset {destination.subset} of {destination.host}: its requests get 503"
            found.append(Message(f"{path}.subset", text))
    return tuple(found)


def _destinations(obj: Object) -> Iterator[tuple[str, Destination]]:
    service = virtual_service(obj)
    for key, rules in (("http", service.http), ("tls", service.tls), ("tcp", service.tcp)):
        for rule in rules:
            path = f"spec.{key}[{rule.index}]"
            for index, one in enumerate(rule.destinations):
                yield f"{path}.route[{index}].destination", one.destination
            yield from _mirrors(rule, path)


def _mirrors(rule: Rule, path: str) -> Iterator[tuple[str, Destination]]:
    if rule.spec.get("mirror"):
        yield f"{path}.mirror", Destination.read(rule.spec["mirror"], rule.meta.namespace)
    for index, one in enumerate(items(rule.spec.get("mirrors"))):
        yield f"{path}.mirrors[{index}].destination", Destination.read(one.get("destination"), rule.meta.namespace)


def _namespace(host: str, default: str) -> str:
    """The namespace of a cluster service's full name."""
    labels = host.split(".")
    return labels[1] if len(labels) > 2 and labels[2] == "svc" else default
