"""DestinationRules and ServiceEntries: hosts and subsets that exist, certificates that are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.analysis.model import Finding, Findings, Resource, World, carries
from mesh.istio.exports import export_to
from mesh.istio.hosts import covers, fully_qualified, is_wildcard, service_host
from mesh.istio.values import integer, items, mapping, text

TOPOLOGY = ("topology.kubernetes.io/", "topology.istio.io/", "kubernetes.io/hostname")
"""Labels that a pod's endpoints get from its node, not from the pod."""

ALLOCATING = ("ISTIO_META_DNS_AUTO_ALLOCATE",)


def analyze_certificates(world: World) -> Findings:
    for rule in world.of("DestinationRule"):
        policy = mapping(rule.spec.get("trafficPolicy"))
        mode = _unchecked(mapping(policy.get("tls")))
        if mode:
            yield Finding("IST0128", rule, "spec.trafficPolicy.tls", (mode,))
        for index, settings in enumerate(map(mapping, items(policy.get("portLevelSettings")))):
            mode = _unchecked(mapping(settings.get("tls")))
            if mode:
                number = mapping(settings.get("port")).get("number")
                yield Finding("IST0129", rule, f"spec.trafficPolicy.portLevelSettings[{index}].tls", (mode, number))


def analyze_subset_pods(world: World) -> Findings:
    for rule in world.of("DestinationRule"):
        host = fully_qualified(text(rule.spec.get("host")), rule.namespace)
        if is_wildcard(host):
            continue
        selector = _selector(world, host)
        if selector is None:
            if not any(covers(known, host) for known in world.service_ports):
                yield Finding("IST0174", rule, "spec.host", (host,))
            continue
        namespace, labels = selector
        for index, subset in enumerate(map(mapping, items(rule.spec.get("subsets")))):
            wanted = {
                key: value for key, value in mapping(subset.get("labels")).items() if not key.startswith(TOPOLOGY)
            }
            if not any(carries(pod.labels, {**labels, **wanted}) for pod in _workloads(world, namespace)):
                yield Finding("IST0173", rule, f"spec.subsets[{index}]", (subset.get("name"),))


def analyze_addresses(world: World) -> Findings:
    """Without an address of its own a TCP port captures every connection to that port."""
    allocating = mapping(mapping(world.mesh_config.get("defaultConfig")).get("proxyMetadata"))
    if any(text(allocating.get(key)) == "true" for key in ALLOCATING):
        return
    for entry in world.of("ServiceEntry"):
        if items(entry.spec.get("addresses")) or items(mapping(entry.object.get("status")).get("addresses")):
            continue
        for index, port in enumerate(map(mapping, items(entry.spec.get("ports")))):
            if text(port.get("protocol")).upper() in ("", "TCP"):
                yield Finding("IST0134", entry, f"spec.ports[{index}]")
                break


def analyze_protocols(world: World) -> Findings:
    """One host and port has one protocol for whoever sees two entries for it."""
    users: dict[tuple[str, int], list[tuple[Resource, str]]] = {}
    for entry in world.of("ServiceEntry"):
        for host in map(text, items(entry.spec.get("hosts"))):
            for port in map(mapping, items(entry.spec.get("ports"))):
                known = users.setdefault((host, integer(port.get("number"))), [])
                known.append((entry, text(port.get("protocol")).upper()))
    for (host, number), entries in users.items():
        for entry, protocol in entries:
            rivals = [
                other.key for other, theirs in entries if theirs != protocol and _seen_together(entry, other)
            ]  # fmt: skip
            if rivals:
                yield Finding("IST0177", entry, "spec.ports", (", ".join([entry.key, *rivals]), host, number))


def _seen_together(one: Resource, other: Resource) -> bool:
    left, right = (
        {entry.namespace if target == "." else target for target in export_to(entry.spec.get("exportTo"))}
        for entry in (one, other)
    )
    return bool(left & right) or (("*" in left or "*" in right) and "~" not in left | right)


def _unchecked(tls: Mapping[str, Any]) -> str:
    mode = text(tls.get("mode"))
    checked = tls.get("caCertificates") or tls.get("credentialName") or tls.get("insecureSkipVerify")
    return mode if mode in ("SIMPLE", "MUTUAL") and not checked else ""


def _selector(world: World, host: str) -> tuple[str | None, Mapping[str, str]] | None:
    """(namespace, labels) of the workloads behind a host; None for a host without a selector."""
    for service in world.of("Service"):
        if service_host(service.name, service.namespace) == host:
            labels = mapping(service.spec.get("selector"))
            return (service.namespace, labels) if labels else None
    for entry in world.of("ServiceEntry"):
        if host in items(entry.spec.get("hosts")) and entry.spec.get("workloadSelector"):
            return entry.namespace, mapping(mapping(entry.spec["workloadSelector"]).get("labels"))
    return None


def _workloads(world: World, namespace: str | None) -> list[Resource]:
    """Pods and WorkloadEntries; without running pods, what Deployments would start."""
    found = [*world.pods({}, namespace), *(one for one in world.of("WorkloadEntry") if one.namespace == namespace)]
    return [*found, *(Template(one.document) for one in world.of("Deployment") if one.namespace == namespace)]


class Template(Resource):
    """A Deployment seen as the pods it makes."""

    @property
    def labels(self) -> Mapping[str, str]:
        return mapping(mapping(mapping(self.spec.get("template")).get("metadata")).get("labels"))
