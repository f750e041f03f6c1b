"""Istio's annotations: on which kinds each may stand, whether it is deprecated, and what its value must be."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

ANY = "Any"
_PORTS = re.compile(r"\d{1,5}(\s*,\s*\d{1,5})*")


def _number(value: str) -> str:
    return "" if re.fullmatch(r"\d+", value) else f"{value!r} is not a number"


def _boolean(value: str) -> str:
    return "" if value.lower() in ("true", "false", "1", "0", "t", "f") else f"{value!r} is not a boolean"


def _ports(value: str) -> str:
    good = not value or (_PORTS.fullmatch(value) and all(int(part) <= 65535 for part in value.split(",")))
    return "" if good else f"{value!r} is not a list of ports"


def _ports_or_all(value: str) -> str:
    return "" if value == "*" else _ports(value)


def _cidrs(value: str) -> str:
    try:
        for part in value.split(",") if value and value != "*" else ():
            ipaddress.ip_network(part.strip(), strict=False)
    except ValueError as failure:
        return str(failure)
    return ""


def _mode(value: str) -> str:
    return "" if value in ("REDIRECT", "TPROXY", "NONE") else f"{value!r} is no interception mode"


def _json(value: str) -> str:
    try:
        json.loads(value or "null")
    except ValueError as failure:
        return f"not JSON: {failure}"
    return ""


@dataclass(frozen=True, slots=True)
class Annotation:
    kinds: tuple[str, ...] = ("Pod",)
    deprecated: bool = False
    problem: Callable[[str], str] = lambda _: ""


_POD = Annotation()
_OLD = Annotation(deprecated=True)
_HIDDEN = Annotation((ANY,))
_ANYWHERE = (
    "galley.istio.io/analyze-suppress",
    "install.operator.istio.io/chart-owner",
    "install.operator.istio.io/owner-generation",
    "install.operator.istio.io/version",
    "istio.io/rev",
    "gateway.istio.io/controller-version",
    "gateway.istio.io/name-override",
    "gateway.istio.io/service-account",
    "ambient.istio.io/redirection",
    "ambient.istio.io/waypoint-inbound-binding",
    "ambient.istio.io/bypass-inbound-capture",
    "ambient.istio.io/dns-capture",
    "istio.io/autoRegistrationGroup",
    "istio.io/workloadController",
    "istio.io/connectedAt",
    "istio.io/disconnectedAt",
)
ANNOTATIONS: dict[str, Annotation] = {
    **{
        f"sidecar.istio.io/{name}": _POD
        for name in (
            "status", "proxyImage", "proxyImageType", "proxyCPU", "proxyCPULimit", "proxyMemory", "proxyMemoryLimit",
            "bootstrapOverride", "logLevel", "componentLogLevel", "agentLogLevel", "extraStatTags",
            "statsHistogramBuckets",
            "statsCompression", "statsEvictionInterval", "nativeSidecar",
        )
    },
    **{f"sidecar.istio.io/{name}": _OLD for name in (
        "controlPlaneAuthPolicy", "discoveryAddress", "statsInclusionPrefixes", "statsInclusionSuffixes",
        "statsInclusionRegexps",
    )},
    "sidecar.istio.io/inject": Annotation(problem=_boolean),
    "sidecar.istio.io/enableCoreDump": Annotation(problem=_boolean),
    "sidecar.istio.io/rewriteAppHTTPProbers": Annotation(problem=_boolean),
    "sidecar.istio.io/interceptionMode": Annotation(problem=_mode),
    "sidecar.istio.io/userVolume": Annotation(problem=_json),
    "sidecar.istio.io/userVolumeMount": Annotation(problem=_json),
    "prometheus.istio.io/merge-metrics": Annotation(problem=_boolean),
    "status.sidecar.istio.io/port": Annotation(problem=_number),
    "readiness.status.sidecar.istio.io/initialDelaySeconds": Annotation(problem=_number),
    "readiness.status.sidecar.istio.io/periodSeconds": Annotation(problem=_number),
    "readiness.status.sidecar.istio.io/failureThreshold": Annotation(problem=_number),
    "readiness.status.sidecar.istio.io/applicationPorts": Annotation(problem=_ports),
    "traffic.sidecar.istio.io/includeInboundPorts": Annotation(problem=_ports_or_all),
    "traffic.sidecar.istio.io/excludeInboundPorts": Annotation(problem=_ports),
    "traffic.sidecar.istio.io/includeOutboundPorts": Annotation(problem=_ports_or_all),
    "traffic.sidecar.istio.io/excludeOutboundPorts": Annotation(problem=_ports),
    "traffic.sidecar.istio.io/includeOutboundIPRanges": Annotation(problem=_cidrs),
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": Annotation(problem=_cidrs),
    "traffic.sidecar.istio.io/excludeInterfaces": _POD,
    "traffic.sidecar.istio.io/kubevirtInterfaces": _OLD,
    "istio.io/reroute-virtual-interfaces": _POD,
    "proxy.istio.io/config": _POD,
    "proxy.istio.io/overrides": _POD,
    "inject.istio.io/templates": _POD,
    "alpha.istio.io/identity": _OLD,
    "alpha.istio.io/kubernetes-serviceaccounts": Annotation(("Service",), deprecated=True),
    "alpha.istio.io/canonical-serviceaccounts": Annotation(("Service",), deprecated=True),
    "networking.istio.io/exportTo": Annotation(("Service",)),
    "networking.istio.io/traffic-distribution": Annotation(("Service", "Namespace", "ServiceEntry")),
    "networking.istio.io/service-type": Annotation(("Gateway",)),
    "networking.istio.io/address-type": Annotation(("Gateway",)),
    "kubernetes.io/ingress.class": Annotation(("Ingress",)),
    "topology.istio.io/controlPlaneClusters": Annotation(("Namespace",)),
    "istio.io/dry-run": Annotation(("AuthorizationPolicy",), problem=_boolean),
    **dict.fromkeys(_ANYWHERE, _HIDDEN),
}  # fmt: skip
