"""Semantic validation of Istio objects: what Istio's webhook refuses, and what it warns about.

Structure (unknown fields, wrong types) is the API server's schema's business; here meaning is checked.

    check(obj)        what Istio says of the object by itself
    unsupported(obj)  fields that are right in Istio and that this mesh does not act on (mesh.istio.unsupported)
    validate(obj)     both: what admission asks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mesh.istio.findings import Findings, Message, Verdict
from mesh.istio.unsupported import unsupported
from mesh.istio.validate_destination_rule import validate_destination_rule
from mesh.istio.validate_gateway import validate_gateway
from mesh.istio.validate_peer_authentication import validate_peer_authentication
from mesh.istio.validate_service_entry import validate_service_entry
from mesh.istio.validate_virtual_service import validate_virtual_service
from mesh.istio.values import mapping
from mesh.kube.objects import Object, namespace_of

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
}
SUPPORTED_KINDS = frozenset(_CHECKS)


def check(obj: Object) -> Verdict:
    """Check one object of a supported kind by itself. Another Istio kind is an error that says so."""
    kind = str(obj.get("kind") or "")
    group = str(obj.get("apiVersion") or "").partition("/")[0]
    if group not in ISTIO_GROUPS:
        return Verdict()
    if kind not in _CHECKS:
        return Verdict(errors=(Message("kind", f"{kind} is not supported by this mesh"),))
    found = Findings("spec")
    _CHECKS[kind](found, mapping(obj.get("spec")), namespace_of(obj) or "default")
    return found.verdict()


def validate(obj: Object) -> Verdict:
    """Istio's verdict, and an error for every field that would have no effect here."""
    verdict = check(obj)
    return Verdict(errors=verdict.errors + unsupported(obj), warnings=verdict.warnings)
