"""The resource types of xDS, as type URLs, and the order in which changes of them are made.

Make before break: what is referred to goes out before what refers to it; what is no longer wanted goes last.
"""

from __future__ import annotations

_PREFIX = "type.googleapis.com/"
CLUSTER = f"{_PREFIX}envoy.config.cluster.v3.Cluster"
ENDPOINT = f"{_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{_PREFIX}envoy.config.listener.v3.Listener"
ROUTE = f"{_PREFIX}envoy.config.route.v3.RouteConfiguration"
SECRET = f"{_PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret"
NAME_TABLE = f"{_PREFIX}istio.networking.nds.v1.NameTable"

PUSH_ORDER = (CLUSTER, ENDPOINT, LISTENER, ROUTE, NAME_TABLE)
"""Each waits until the ones before it are acknowledged. Names come last: an application must not learn of a service
that its proxy cannot reach yet. Secrets wait for nothing, because listeners wait for them."""

REMOVAL_ORDER = (LISTENER, ROUTE, CLUSTER, ENDPOINT)
WILDCARD_KINDS = frozenset({CLUSTER, LISTENER, NAME_TABLE})
"""A first request without names means all of them (xDS protocol, wildcard subscriptions)."""

FIELDS: dict[str, str] = {
    CLUSTER: "clusters",
    ENDPOINT: "endpoints",
    LISTENER: "listeners",
    ROUTE: "routes",
    SECRET: "secrets",
    NAME_TABLE: "name_table",
}
"""Type URL -> the attribute of `ProxyResources` that holds it."""

SHORT_NAMES = {CLUSTER: "cds", LISTENER: "lds", ENDPOINT: "eds", ROUTE: "rds"}
"""The four that `proxy-status` reports."""
