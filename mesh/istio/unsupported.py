"""Fields that Istio accepts and this mesh does not act on: refused by name, never ignored.

Each row is a path below `spec`; `[]` stands for every entry of a list. A field that comes to work loses its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.istio.findings import Message
from mesh.istio.values import items, mapping, text
from mesh.kube.objects import Object

_POLICY = (
    "tunnel", "proxyProtocol", "retryBudget", "loadBalancer.consistentHash",
    "loadBalancer.localityLbSetting", "loadBalancer.zoneAwareLbSetting",
    "loadBalancer.warmup", "loadBalancer.warmupDurationSecs", "connectionPool.http.h2UpgradePolicy",
    "connectionPool.http.useClientProtocol", "connectionPool.http.http2KeepAlive",
    "connectionPool.http.maxConcurrentStreams", "outlierDetection.consecutiveErrors",
    "outlierDetection.outlierDetectionHttpErrorCodes", "tls.credentialName", "tls.caCrl",
)  # fmt: skip
_PATHS: dict[str, tuple[str, ...]] = {
    "VirtualService": (
        "http[].retries.retryRemoteLocalities",
        "http[].fault.delay.exponentialDelay",
        "tls[].match[].sourceSubnet",
        "tcp[].match[].sourceSubnet",
    ),
    "DestinationRule": (
        *(f"trafficPolicy.{path}" for path in _POLICY),
        *(f"subsets[].trafficPolicy.{path}" for path in _POLICY),
        *(f"trafficPolicy.portLevelSettings[].{path}" for path in _POLICY),
    ),
    "ServiceEntry": ("endpoints[].network",),
    "Gateway": (
        "servers[].defaultEndpoint",
        "servers[].tls.credentialNames",
        "servers[].tls.tlsCertificates",
        "servers[].tls.verifyCertificateSpki",
        "servers[].tls.verifyCertificateHash",
        "servers[].tls.caCrl",
    ),
}
_VALUES: dict[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "ServiceEntry": (("resolution", frozenset({"DYNAMIC_DNS"})),),
    "Gateway": (("servers[].tls.mode", frozenset({"AUTO_PASSTHROUGH"})),),
}
KINDS = frozenset({
    "RequestAuthentication", "AuthorizationPolicy", "WorkloadEntry", "WorkloadGroup", "Sidecar", "Telemetry",
    "ProxyConfig",
})  # fmt: skip
"""Kinds that are checked and not acted on yet. To store a policy that nobody enforces would be worse than none."""

CLAIM_PREFIX = "@request.auth.claims"


def unsupported(obj: Object) -> tuple[Message, ...]:
    kind, spec = str(obj.get("kind") or ""), mapping(obj.get("spec"))
    if kind in KINDS and str(obj.get("apiVersion")).partition("/")[0].endswith(".istio.io"):
        return (Message("kind", f"{kind} has no effect in this mesh yet, so it is not accepted"),)
    found = [
        Message(f"spec.{path}", "not supported by this mesh")
        for wanted in _PATHS.get(kind, ())
        for path, value in at(spec, wanted)
        if value not in (None, "", False, [], {})
    ]
    found += [
        Message(f"spec.{path}", f"{value} is not supported by this mesh")
        for wanted, values in _VALUES.get(kind, ())
        for path, value in at(spec, wanted)
        if isinstance(value, str) and value in values
    ]
    if kind == "VirtualService":
        found += [
            Message(f"spec.{path}[{name}]", "routing by JWT claims is not supported by this mesh")
            for key in ("headers", "withoutHeaders")
            for path, value in at(spec, f"http[].match[].{key}")
            for name in mapping(value)
            if name.startswith(CLAIM_PREFIX)
        ]
    if kind == "Gateway":
        found += [
            Message(f"spec.{path}", "unix domain sockets are not supported by this mesh")
            for path, value in at(spec, "servers[].bind")
            if text(value).startswith("unix:")
        ]
    return tuple(found)


def at(value: Any, wanted: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every present field that `wanted` means, with its own path."""
    head, _, rest = wanted.partition(".")
    listed = head.endswith("[]")
    key = head.removesuffix("[]")
    if not isinstance(value, Mapping) or value.get(key) is None:
        return
    here = f"{path}.{key}" if path else key
    entries = (
        [(f"{here}[{index}]", one) for index, one in enumerate(items(value[key]))] if listed else [(here, value[key])]
    )
    for below, one in entries:
        if rest:
            yield from at(one, rest, below)
        else:
            yield below, one
