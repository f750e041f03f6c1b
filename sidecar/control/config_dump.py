"""`/config_dump` in the shape of Envoy 1.40: what is in force, by origin and kind, without private keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sidecar.control.subscriptions import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Subscriptions

ADMIN = "type.googleapis.com/envoy.admin.v3."
REDACTED = "[redacted]"
_SECRET_KEYS = frozenset({"private_key", "privateKey", "session_ticket_keys", "sessionTicketKeys", "password"})


def config_dump(
    bootstrap: Mapping[str, Any],
    subscriptions: Subscriptions | None,
    *,
    include_eds: bool = False,
    resource: str = "",
    name_regex: str = "",
) -> dict[str, Any]:
    """`resource` selects one field (`dynamic_listeners`), `name_regex` names in it. ValueError for a bad pattern."""
    try:
        pattern = re.compile(name_regex) if name_regex else None
    except re.error as error:
        raise ValueError(f"name_regex: {error}") from None
    static = bootstrap.get("static_resources") or {}
    configs: list[dict[str, Any]] = [
        {"@type": ADMIN + "BootstrapConfigDump", "bootstrap": dict(bootstrap)},
        {
            "@type": ADMIN + "ClustersConfigDump",
            "static_clusters": [{"cluster": _typed(CLUSTER, one)} for one in static.get("clusters") or ()],
            "dynamic_active_clusters": _dynamic(subscriptions, CLUSTER, "cluster"),
        },
    ]
    if include_eds:
        configs.append(
            {
                "@type": ADMIN + "EndpointsConfigDump",
                "dynamic_endpoint_configs": _dynamic(subscriptions, ENDPOINTS, "endpoint_config"),
            }
        )
    configs += [
        {
            "@type": ADMIN + "ListenersConfigDump",
            "dynamic_listeners": [
                {"name": one["listener"].get("name", ""), "active_state": one}
                for one in _dynamic(subscriptions, LISTENER, "listener")
            ],
            "static_listeners": [{"listener": _typed(LISTENER, one)} for one in static.get("listeners") or ()],
        },
        {
            "@type": ADMIN + "RoutesConfigDump",
            "dynamic_route_configs": _dynamic(subscriptions, ROUTES, "route_config"),
        },
        {"@type": ADMIN + "SecretsConfigDump", "dynamic_active_secrets": _dynamic(subscriptions, SECRET, "secret")},
    ]
    if resource:
        found = [entry for config in configs for entry in config.get(resource, ()) if isinstance(entry, dict)]
        configs = [entry for entry in found if pattern is None or pattern.search(_name(entry))]
    redacted = redact({"configs": configs})
    assert isinstance(redacted, dict)
    return redacted


def redact(value: Any) -> Any:
    """The same without private keys. Nothing is changed in place."""
    if isinstance(value, Mapping):
        return {key: REDACTED if key in _SECRET_KEYS else redact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner) for inner in value]
    return value


def _dynamic(subscriptions: Subscriptions | None, type_url: str, field: str) -> list[dict[str, Any]]:
    if subscriptions is None:
        return []
    return [
        {"version_info": entry.version, field: _typed(type_url, msgspec.json.decode(bytes(entry.resource)))}
        for entry in subscriptions.held[type_url].values()
    ]


def _typed(type_url: str, resource: Any) -> dict[str, Any]:
    return {"@type": type_url, **resource} if isinstance(resource, dict) else {"@type": type_url}


def _name(entry: Mapping[str, Any]) -> str:
    for value in (entry, *entry.values()):
        if isinstance(value, Mapping):
            for key in ("name", "cluster_name"):
                if isinstance(value.get(key), str):
                    return str(value[key])
    return ""
