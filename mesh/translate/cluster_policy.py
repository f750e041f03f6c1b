"""trafficPolicy of a DestinationRule -> fields of an Envoy cluster: balancing, pools, outlier ejection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.destination_rule import Policy
from mesh.istio.values import duration_s, duration_text, integer, mapping, text
from mesh.translate.resources import Resource, config

UNLIMITED = 2**32 - 1
"""Istio lifts Envoy's small default limits (1024 connections, 3 retries) to "none"."""

MINIMUM_RING_SIZE = 1024
MAGLEV_TABLE_SIZE = 65537
BALANCERS = {
    "": "LEAST_REQUEST", "UNSPECIFIED": "LEAST_REQUEST", "LEAST_REQUEST": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST", "RANDOM": "RANDOM", "ROUND_ROBIN": "ROUND_ROBIN",
}  # fmt: skip
LIMITS = (
    ("max_connections", "tcp", "maxConnections"),
    ("max_pending_requests", "http", "http1MaxPendingRequests"),
    ("max_requests", "http", "http2MaxRequests"),
    ("max_retries", "http", "maxRetries"),
)


def is_passthrough(policy: Policy) -> bool:
    """Connections go to the address that the caller dialled."""
    return text(mapping(policy.get("loadBalancer")).get("simple")) == "PASSTHROUGH"


def balancing(policy: Policy) -> Resource:
    spec = mapping(policy.get("loadBalancer"))
    if spec.get("consistentHash") is None:
        return {"lb_policy": BALANCERS.get(text(spec.get("simple")), "LEAST_REQUEST")}
    hashing = mapping(spec["consistentHash"])
    if hashing.get("maglev") is not None:
        size = integer(mapping(hashing["maglev"]).get("tableSize")) or MAGLEV_TABLE_SIZE
        return {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": size}}
    ring = integer(mapping(hashing.get("ringHash")).get("minimumRingSize"))
    size = ring or integer(hashing.get("minimumRingSize")) or MINIMUM_RING_SIZE
    return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": size}}


def circuit_breakers(policy: Policy) -> Resource:
    """Zero means unset in Istio's API."""
    pools = mapping(policy.get("connectionPool"))
    limits: Resource = {field: integer(mapping(pools.get(block)).get(key)) or UNLIMITED for field, block, key in LIMITS}
    return {"thresholds": [limits]}


def connect_timeout(policy: Policy, default_s: float) -> str:
    tcp = mapping(mapping(policy.get("connectionPool")).get("tcp"))
    return duration_text(duration_s(tcp.get("connectTimeout")) or default_s)


def connection_options(policy: Policy) -> Resource:
    """TCP keep-alive and the HTTP connection's life; only what the policy says."""
    pools = mapping(policy.get("connectionPool"))
    tcp, http = mapping(pools.get("tcp")), mapping(pools.get("http"))
    found: Resource = {}
    if tcp.get("tcpKeepalive") is not None:
        found["upstream_connection_options"] = {"tcp_keepalive": _keepalive(mapping(tcp["tcpKeepalive"]))}
    common: Resource = {}
    idle = duration_s(http.get("idleTimeout"))
    if idle is None:
        idle = duration_s(tcp.get("idleTimeout"))
    if idle is not None:
        common["idle_timeout"] = duration_text(idle)
    life = duration_s(tcp.get("maxConnectionDuration"))
    if life:
        common["max_connection_duration"] = duration_text(life)
    requests = integer(http.get("maxRequestsPerConnection"))
    if requests:
        common["max_requests_per_connection"] = requests
    if common:
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": config(
                "http_protocol_options",
                common_http_protocol_options=common,
                explicit_http_config={"http_protocol_options": {}},
            )
        }
    return found


def outlier_detection(policy: Policy) -> Resource:
    """Empty without the block. Istio never ejects by success rate; panic mode is off unless asked for."""
    if policy.get("outlierDetection") is None:
        return {}
    spec = mapping(policy["outlierDetection"])
    found: Resource = {"enforcing_success_rate": 0}
    for key, field in (("interval", "interval"), ("baseEjectionTime", "base_ejection_time")):
        seconds = duration_s(spec.get(key))
        if seconds:
            found[field] = duration_text(seconds)
    if integer(spec.get("maxEjectionPercent")):
        found["max_ejection_percent"] = integer(spec["maxEjectionPercent"])
    _consecutive(found, spec, "consecutive5xxErrors", "consecutive_5xx")
    _consecutive(found, spec, "consecutiveGatewayErrors", "consecutive_gateway_failure")
    if spec.get("splitExternalLocalOriginErrors"):
        found["split_external_local_origin_errors"] = True
        _consecutive(found, spec, "consecutiveLocalOriginFailures", "consecutive_local_origin_failure")
    return {
        "outlier_detection": found,
        "common_lb_config": {"healthy_panic_threshold": {"value": integer(spec.get("minHealthPercent"))}},
    }


def _consecutive(found: Resource, spec: Mapping[str, Any], key: str, field: str) -> None:
    """An explicit 0 switches the kind off; absent leaves Envoy's default in force."""
    if spec.get(key) is None:
        return
    count = integer(spec[key])
    if count:
        found[field] = count
    found[f"enforcing_{field}"] = 100 if count else 0


def _keepalive(spec: Mapping[str, Any]) -> Resource:
    found: Resource = {}
    if spec.get("probes"):
        found["keepalive_probes"] = integer(spec["probes"])
    for key, field in (("time", "keepalive_time"), ("interval", "keepalive_interval")):
        seconds = duration_s(spec.get(key))
        if seconds:
            found[field] = int(seconds)
    return found
