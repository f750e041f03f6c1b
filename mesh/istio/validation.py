"""Semantic validation of Istio objects: what Istio's webhook refuses, and what it warns about.

Structure (unknown fields, wrong types) is the API server's schema's business; here meaning is checked.

    check(obj)        what Istio says of the object by itself
    unsupported(obj)  kinds and fields that are right in Istio and that this mesh does not act on
    validate(obj)     both: what admission asks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mesh.istio.findings import Findings, Message, Verdict
from mesh.istio.unsupported import unsupported
from mesh.istio.validate_authorization_policy import validate_authorization_policy
from mesh.istio.validate_destination_rule import validate_destination_rule
from mesh.istio.validate_gateway import validate_gateway
from mesh.istio.validate_peer_authentication import validate_peer_authentication
from mesh.istio.validate_request_authentication import validate_request_authentication
from mesh.istio.validate_service_entry import validate_service_entry
from mesh.istio.validate_sidecar import validate_sidecar
from mesh.istio.validate_telemetry import validate_proxy_config, validate_telemetry
from mesh.istio.validate_virtual_service import validate_virtual_service
from mesh.istio.validate_workload_entry import validate_workload_entry, validate_workload_group
from mesh.istio.values import mapping
from mesh.kube.objects import Object, annotations_of, namespace_of

__all__ = ["ISTIO_GROUPS", "SUPPORTED_KINDS", "Message", "Verdict", "check", "unsupported", "validate"]

ISTIO_GROUPS = frozenset({
    "networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io", "install.istio.io",
})  # fmt: skip

_CHECKS: dict[str, Callable[[Findings, Mapping[str, Any], str], None]] = {
    "VirtualService": validate_virtual_service,
    "DestinationRule": validate_destination_rule,
    "ServiceEntry": validate_service_entry,
    "Gateway": validate_gateway,
    "PeerAuthentication": validate_peer_authentication,
    "RequestAuthentication": validate_request_authentication,
    "AuthorizationPolicy": validate_authorization_policy,
    "WorkloadEntry": validate_workload_entry,
    "WorkloadGroup": validate_workload_group,
    "Sidecar": validate_sidecar,
    "Telemetry": validate_telemetry,
    "ProxyConfig": validate_proxy_config,
}
_REFUSED = {
    "EnvoyFilter": "EnvoyFilter patches one proxy's internals and is not supported by this mesh; use VirtualService, "
    "DestinationRule, Telemetry, or AuthorizationPolicy instead",
    "WasmPlugin": "WasmPlugin is not supported by this mesh: its proxies run no WebAssembly; use AuthorizationPolicy "
    "(with CUSTOM for a service of your own) or RequestAuthentication instead",
}
_NEEDS_SPEC = frozenset({"WorkloadEntry", "WorkloadGroup"})
DRY_RUN = "istio.io/dry-run"
SUPPORTED_KINDS = frozenset(_CHECKS)


def check(obj: Object) -> Verdict:
    """Check one object of a supported kind by itself. Another Istio kind is an error that says so."""
    kind = str(obj.get("kind") or "")
    group = str(obj.get("apiVersion") or "").partition("/")[0]
    if group not in ISTIO_GROUPS:
        return Verdict()
    if kind not in _CHECKS:
        return Verdict(errors=(Message("kind", _REFUSED.get(kind, f"{kind} is not supported by this mesh")),))
    if kind in _NEEDS_SPEC and obj.get("spec") is None:
        return Verdict(errors=(Message("spec", "spec: Required value"),))
    found = Findings("spec")
    _CHECKS[kind](found, mapping(obj.get("spec")), namespace_of(obj) or "default")
    if kind == "AuthorizationPolicy" and annotations_of(obj).get(DRY_RUN, "false") not in ("true", "false"):
        Findings("metadata", found.errors).error(f"{DRY_RUN} must be true or false", f"annotations[{DRY_RUN}]")
    return found.verdict()


def validate(obj: Object) -> Verdict:
    """Istio's verdict, and an error for every field that would have no effect here."""
    verdict = check(obj)
    return Verdict(errors=verdict.errors + unsupported(obj), warnings=verdict.warnings)
