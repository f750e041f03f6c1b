"""All Istio objects of a mesh, normalised and indexed once: what the translator asks about rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.istio.delegates import merge_delegates
from mesh.istio.destination_rule import DestinationRules, destination_rule
from mesh.istio.exports import visible
from mesh.istio.gateway import Gateway, gateway
from mesh.istio.hosts import most_specific
from mesh.istio.peer_authentication import PeerAuthentications, peer_authentication
from mesh.istio.service_entry import ServiceEntry, service_entry
from mesh.istio.virtual_service import VirtualService, virtual_service
from mesh.kube.objects import Object


class IstioConfig:
    """Immutable after construction. `objects` is by kind; other kinds are ignored."""

    def __init__(self, objects: Mapping[str, Iterable[Object]], *, root_namespace: str) -> None:
        def read(kind: str) -> Iterable[Object]:
            return objects.get(kind, ())

        written = sorted((virtual_service(obj) for obj in read("VirtualService")), key=lambda one: one.meta.age)
        self.virtual_services: tuple[VirtualService, ...] = tuple(merge_delegates(written))
        self.destination_rules = DestinationRules(
            map(destination_rule, read("DestinationRule")), root_namespace=root_namespace
        )
        self.service_entries: tuple[ServiceEntry, ...] = tuple(map(service_entry, read("ServiceEntry")))
        self.gateways: tuple[Gateway, ...] = tuple(sorted(map(gateway, read("Gateway")), key=lambda one: one.meta.age))
        self.peer_authentications = PeerAuthentications(
            map(peer_authentication, read("PeerAuthentication")), root_namespace=root_namespace
        )

    def mesh_virtual_services(self, namespace: str) -> dict[str, VirtualService]:
        """The rule of each host for the sidecars of `namespace`. Rules are not merged: the oldest one counts."""
        chosen: dict[str, VirtualService] = {}
        for one in self.virtual_services:
            if one.for_mesh and visible(one.export_to, owner=one.meta.namespace, namespace=namespace):
                for host in one.hosts:
                    chosen.setdefault(host, one)
        return chosen

    def gateway_virtual_services(self, key: str, namespace: str) -> list[VirtualService]:
        """All rules bound to gateway `namespace/name`, oldest first; a router of `namespace` merges them."""
        return [
            one
            for one in self.virtual_services
            if key in one.gateways and visible(one.export_to, owner=one.meta.namespace, namespace=namespace)
        ]


def rule_for_host(host: str, rules: Mapping[str, VirtualService]) -> VirtualService | None:
    """The rule with the most specific host that covers `host`."""
    pattern = most_specific(host, rules)
    return rules[pattern] if pattern is not None else None
