"""`/clusters` as Envoy 1.40 prints it: limits first, then each host's counters and health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COUNTERS = ("cx_connect_fail", "cx_total", "rq_error", "rq_success", "rq_timeout", "rq_total")
GAUGES = ("cx_active", "rq_active", "rq_pending_active")
TEXT_ORDER = (
    "cx_active",
    "cx_connect_fail",
    "cx_total",
    "rq_active",
    "rq_error",
    "rq_pending_active",
    "rq_success",
    "rq_timeout",
    "rq_total",
)
LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
DEFAULT_LIMITS: Mapping[str, int] = dict(zip(LIMITS, (1024, 1024, 1024, 3), strict=True))


def clusters_text(statuses: Iterable[Any]) -> str:
    """`statuses`: name, added_via_api, limits (mapping), hosts (address, counters (mapping), health…)."""
    lines: list[str] = []
    for status in statuses:
        name = status.name
        lines.append(f"{name}::observability_name::{name}")
        for priority, limits in (("default", _limits(status)), ("high", _high_limits(status))):
            lines += [f"{name}::{priority}_priority::{key}::{limits[key]}" for key in LIMITS]
        lines.append(f"{name}::added_via_api::{'true' if status.added_via_api else 'false'}")
        for host in status.hosts:
            lead = f"{name}::{host.address}::"
            lines += [f"{lead}{key}::{host.counters.get(key, 0)}" for key in TEXT_ORDER]
            lines += [
                f"{lead}hostname::{host.hostname}",
                f"{lead}health_flags::{host.health_flags or 'healthy'}",
                f"{lead}weight::{host.weight}",
                *(f"{lead}{part}::{value}" for part, value in _place(host).items()),
                f"{lead}canary::false",
                f"{lead}priority::{host.priority}",
                f"{lead}success_rate::{getattr(host, 'success_rate', -1.0):g}",
                f"{lead}local_origin_success_rate::-1",
            ]
    return "".join(f"{line}\n" for line in lines)


def clusters_json(statuses: Iterable[Any]) -> dict[str, Any]:
    """Proto3 JSON: zero values are left out, 64-bit integers are strings."""
    return {"cluster_statuses": [_cluster(status) for status in statuses]}


def _cluster(status: Any) -> dict[str, Any]:
    cluster: dict[str, Any] = {"name": status.name}
    if status.added_via_api:
        cluster["added_via_api"] = True
    cluster["host_statuses"] = [_host(host) for host in status.hosts]
    cluster["circuit_breakers"] = {
        "thresholds": [dict(_limits(status)), {"priority": "HIGH", **_high_limits(status)}],
    }
    cluster["observability_name"] = status.name
    return cluster


def _host(host: Any) -> dict[str, Any]:
    return {
        "address": _address(host.address),
        "stats": [
            *(_stat(name, host.counters.get(name, 0)) for name in COUNTERS),
            *({"type": "GAUGE", **_stat(name, host.counters.get(name, 0))} for name in GAUGES),
        ],
        "health_status": _health(host),
        "weight": host.weight,
        "locality": {part: value for part, value in _place(host).items() if value},
        **({"hostname": host.hostname} if host.hostname else {}),
        **({"priority": host.priority} if host.priority else {}),
    }


def _health(host: Any) -> dict[str, Any]:
    flags = str(host.health_flags or "")
    return {
        **({"failed_outlier_check": True} if "failed_outlier_check" in flags else {}),
        "eds_health_status": "UNHEALTHY" if "failed_eds_health" in flags else "HEALTHY",
    }


def _stat(name: str, value: int) -> dict[str, Any]:
    return {"value": str(value), "name": name} if value else {"name": name}


def _address(shown: str) -> dict[str, Any]:
    host, separator, port = shown.rpartition(":")
    if not separator or not port.isdecimal():
        return {"pipe": {"path": shown}}
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _limits(status: Any) -> Mapping[str, int]:
    return {key: status.limits.get(key, DEFAULT_LIMITS[key]) for key in LIMITS}


def _high_limits(status: Any) -> Mapping[str, int]:
    return {key: getattr(status, "high_limits", {}).get(key, DEFAULT_LIMITS[key]) for key in LIMITS}


def _place(host: Any) -> dict[str, str]:
    return dict(zip(("region", "zone", "sub_zone"), getattr(host, "place", ("", "", "")), strict=True))
