"""The front door: a type URL and JSON in, a resource or a refusal out."""

from __future__ import annotations

from typing import Any

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.cluster import Cluster
from sidecar.config.decode import decode, type_name
from sidecar.config.endpoint import ClusterLoadAssignment
from sidecar.config.listener import Listener
from sidecar.config.refusal import Refusal, Refused
from sidecar.config.route import RouteConfiguration
from sidecar.config.tls import Secret

Resource = Listener | Cluster | ClusterLoadAssignment | RouteConfiguration | Secret

TYPE_URL_PREFIX = "type.googleapis.com/"
LISTENER = TYPE_URL_PREFIX + Listener.TYPE
CLUSTER = TYPE_URL_PREFIX + Cluster.TYPE
ENDPOINTS = TYPE_URL_PREFIX + ClusterLoadAssignment.TYPE
ROUTES = TYPE_URL_PREFIX + RouteConfiguration.TYPE
SECRET = TYPE_URL_PREFIX + Secret.TYPE

_RESOURCES: dict[str, type[Resource]] = {
    one.TYPE: one for one in (Listener, Cluster, ClusterLoadAssignment, RouteConfiguration, Secret)
}


def parse(type_url: str, value: Any) -> Resource | Refusal:
    """`type_url` with or without `type.googleapis.com/`. The path of a refusal starts inside the resource."""
    resource = _RESOURCES.get(type_name(type_url))
    if resource is None:
        return Refusal("", f"unsupported type {type_url}")
    found: Resource | Refusal = _decoded(resource, value)
    return found


def parse_bootstrap(value: Any) -> Bootstrap | Refusal:
    found = _decoded(Bootstrap, value)
    assert isinstance(found, Bootstrap | Refusal)
    return found


def _decoded(message: Any, value: Any) -> Any:
    try:
        return decode(message, value)
    except Refused as refused:
        return refused.refusal
