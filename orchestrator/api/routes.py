"""From a URL path to what it names. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from mesh.kube.kinds import Kind, KindRegistry

SEGMENTS_MAX = 16
NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))


@dataclass(frozen=True, slots=True)
class Target:
    """A resource path; `name` "" means the collection."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""


def parse_path(path: str, registry: KindRegistry) -> Target | None:
    """`/api/v1/namespaces/N/pods/P/log` and the like; None for what is no resource."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if len(parts) > SEGMENTS_MAX or not all(parts):
        return None
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    # `namespaces/N/…` scopes a resource, except where the namespace itself or its subresource is meant.
    if rest[0] == "namespaces" and len(rest) >= 3:
        inner = registry.resource(group, version, rest[2])
        if inner is not None and inner.namespaced:
            namespace, rest = rest[1], rest[2:]
    kind = registry.resource(group, version, rest[0])
    if kind is None:
        return None
    name = rest[1] if len(rest) > 1 else ""
    if kind.plural == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACE_SUBRESOURCES:
        # `namespaces/N/resourcequotas`: a resource that is not served. `kubectl describe namespace` lives with a 404.
        return None
    if name and kind.namespaced and not namespace:
        return None
    return Target(kind, namespace, name, rest[2] if len(rest) > 2 else "", "/".join(rest[3:]))
