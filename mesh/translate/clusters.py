"""Outbound clusters: one for each port of each service, and one more for each subset of its DestinationRule."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.istio.destination_rule import DestinationRule
from mesh.istio.meta import origin
from mesh.registry.model import Resolution, Service, ServicePort
from mesh.translate import names
from mesh.translate.cluster_policy import (
    balancing,
    circuit_breakers,
    connect_timeout,
    connection_options,
    is_passthrough,
    outlier_detection,
)
from mesh.translate.cluster_sockets import transport_sockets
from mesh.translate.context import Viewpoint
from mesh.translate.endpoints import load_assignment
from mesh.translate.resources import ADS_SOURCE, Resource

DNS_REFRESH = "60s"
"""How often a name is asked again when the answer carries no life time (Istio's dnsRefreshRate)."""


def outbound_clusters(view: Viewpoint) -> dict[str, Resource]:
    """Everything that the proxies of this viewpoint may call."""
    return view.memoised("outbound clusters", None, lambda: _all(view), by_endpoints=True)


def _all(view: Viewpoint) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    for service in view.state.visible_services(view.namespace):
        if service.external_name:
            continue
        rule = view.destination_rule(service)
        for port in service.ports:
            if port.protocol == "udp":
                continue
            for subset in _subsets(rule):
                one = _cluster(view, service, port, rule=rule, subset=subset)
                found[one["name"]] = one
    return found


def outbound_cluster(view: Viewpoint, name: str) -> Resource | None:
    """One cluster by its name; None when no visible service, port or subset is meant by it."""
    parsed = names.ClusterName.parse(name)
    service = view.service(parsed.host) if parsed is not None and parsed.direction == "outbound" else None
    if parsed is None or service is None or service.external_name:
        return None
    port, rule = service.port(parsed.port), view.destination_rule(service)
    if port is None or port.protocol == "udp" or parsed.subset not in _subsets(rule):
        return None
    return view.memoised(
        "outbound cluster",
        name,
        lambda: _cluster(view, service, port, rule=rule, subset=parsed.subset),
        by_endpoints=True,
    )


def _subsets(rule: DestinationRule | None) -> Iterable[str]:
    return ("", *(subset.name for subset in rule.subsets)) if rule is not None else ("",)


def _cluster(
    view: Viewpoint, service: Service, port: ServicePort, *, rule: DestinationRule | None, subset: str
) -> Resource:
    policy = rule.policy_for(port.number, subset) if rule is not None else {}
    name = names.outbound(port.number, service.hostname, subset)
    cluster: Resource = {
        "name": name,
        **_discovery(view, service, port, name=name, passthrough=is_passthrough(policy)),
        "connect_timeout": connect_timeout(policy, view.state.mesh_config.connect_timeout_s),
    }
    if cluster["type"] == "ORIGINAL_DST":
        cluster["lb_policy"] = "CLUSTER_PROVIDED"
    else:
        cluster.update(balancing(policy))
    cluster["circuit_breakers"] = circuit_breakers(policy)
    cluster.update(connection_options(policy))
    cluster.update(outlier_detection(policy))
    cluster.update(transport_sockets(view, service, port, subset=subset, policy=policy))
    cluster["metadata"] = _metadata(service, rule, subset)
    return cluster


def _discovery(view: Viewpoint, service: Service, port: ServicePort, *, name: str, passthrough: bool) -> Resource:
    if passthrough or service.resolution is Resolution.NONE:
        return {"type": "ORIGINAL_DST"}
    if service.resolution is Resolution.STATIC:
        return {"type": "EDS", "eds_cluster_config": {"eds_config": ADS_SOURCE, "service_name": name}}
    logical = service.resolution is Resolution.DNS_ROUND_ROBIN
    return {
        "type": "LOGICAL_DNS" if logical else "STRICT_DNS",
        "dns_lookup_family": "V4_ONLY",
        "dns_refresh_rate": DNS_REFRESH,
        "respect_dns_ttl": True,
        "load_assignment": load_assignment(view, service, port.number, name=name),
    }


def _metadata(service: Service, rule: DestinationRule | None, subset: str) -> Resource:
    fields: Resource = {"services": [{"host": service.hostname, "name": service.name, "namespace": service.namespace}]}
    if rule is not None:
        fields.update(origin(rule.meta)["filter_metadata"]["istio"])
    if subset:
        fields["subset"] = subset
    return {"filter_metadata": {"istio": fields}}
