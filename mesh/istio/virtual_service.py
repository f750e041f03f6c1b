"""VirtualService as the translator reads it: names qualified, rules numbered, actions left as written.

Matches and actions are leaves of the object's own JSON; `mesh.translate` reads them field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh.istio.exports import export_to
from mesh.istio.hosts import fully_qualified
from mesh.istio.meta import Meta, meta_of
from mesh.istio.values import integer, items, mapping, text
from mesh.kube.objects import Object

MESH_GATEWAY = "mesh"
"""The reserved gateway name that stands for all sidecars."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`host` is fully qualified; `port` None = the service's only port, else the listener's."""

    host: str
    subset: str = ""
    port: int | None = None

    @classmethod
    def read(cls, value: Any, namespace: str) -> Destination:
        spec = mapping(value)
        number = integer(mapping(spec.get("port")).get("number"))
        return cls(fully_qualified(text(spec.get("host")), namespace), text(spec.get("subset")), number or None)


@dataclass(frozen=True, slots=True)
class WeightedDestination:
    destination: Destination
    weight: int
    headers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of http[], tls[] or tcp[]. `matches` empty = catch-all; their gateways are qualified.

    `index` is the entry's number in its list. A rule that a delegate contributed has the delegate's `meta`.
    """

    index: int
    name: str
    matches: tuple[Mapping[str, Any], ...]
    destinations: tuple[WeightedDestination, ...]
    spec: Mapping[str, Any]
    meta: Meta


@dataclass(frozen=True, slots=True)
class VirtualService:
    meta: Meta
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]  # "mesh" or "namespace/name"
    export_to: tuple[str, ...]
    http: tuple[Rule, ...]
    tls: tuple[Rule, ...]
    tcp: tuple[Rule, ...]

    @property
    def for_mesh(self) -> bool:
        return MESH_GATEWAY in self.gateways


def virtual_service(obj: Object) -> VirtualService:
    meta = meta_of(obj)
    spec = mapping(obj.get("spec"))
    gateways = [gateway_name(text(name), meta.namespace) for name in items(spec.get("gateways"))]
    return VirtualService(
        meta=meta,
        hosts=tuple(fully_qualified(text(host), meta.namespace) for host in items(spec.get("hosts"))),
        gateways=tuple(gateways) or (MESH_GATEWAY,),
        export_to=export_to(spec.get("exportTo")),
        http=_rules(spec.get("http"), meta),
        tls=_rules(spec.get("tls"), meta),
        tcp=_rules(spec.get("tcp"), meta),
    )


def gateway_name(name: str, namespace: str) -> str:
    """`mesh` stays, `gw` -> `namespace/gw`, `ns/gw` stays."""
    return name if name == MESH_GATEWAY or "/" in name else f"{namespace}/{name}"


def _rules(value: Any, meta: Meta) -> tuple[Rule, ...]:
    return tuple(_rule(index, mapping(entry), meta) for index, entry in enumerate(items(value)))


def _rule(index: int, spec: Mapping[str, Any], meta: Meta) -> Rule:
    return Rule(
        index=index,
        name=text(spec.get("name")),
        matches=tuple(_qualified_match(mapping(match), meta.namespace) for match in items(spec.get("match"))),
        destinations=tuple(
            WeightedDestination(
                destination=Destination.read(mapping(route).get("destination"), meta.namespace),
                weight=integer(mapping(route).get("weight")),
                headers=mapping(mapping(route).get("headers")),
            )
            for route in items(spec.get("route"))
        ),
        spec=spec,
        meta=meta,
    )


def _qualified_match(match: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    names = items(match.get("gateways"))
    if not names:
        return match
    return {**match, "gateways": [gateway_name(text(name), namespace) for name in names]}
