"""PeerAuthentication: modes, selector and port-level modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_selector
from mesh.istio.findings import Findings
from mesh.istio.values import integer, mapping, text

MODES = frozenset({"", "UNSET", "DISABLE", "PERMISSIVE", "STRICT"})


def validate_peer_authentication(found: Findings, spec: Mapping[str, Any], namespace: str) -> None:
    del namespace
    labels = mapping(mapping(spec.get("selector")).get("matchLabels"))
    check_selector(found, labels, "selector.matchLabels")
    _check_mode(found, spec.get("mtls"), "mtls.mode")
    ports = spec.get("portLevelMtls")
    if ports is None:
        return
    found.require(mapping(ports), "spec.portLevelMtls in body should have at least 1 properties", "portLevelMtls")
    found.require(labels, "portLevelMtls needs a selector: ports belong to workloads", "portLevelMtls")
    for port, mode in mapping(ports).items():
        if not 1 <= integer(port) <= 65535:
            found.error("port must be between 1-65535", f"portLevelMtls[{port}]")
        _check_mode(found, mode, f"portLevelMtls[{port}].mode")


def _check_mode(found: Findings, value: Any, below: str) -> None:
    mode = text(mapping(value).get("mode"))
    if mode not in MODES:
        found.error(f'Unsupported value: "{mode}"', below)
