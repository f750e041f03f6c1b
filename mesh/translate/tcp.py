"""Opaque connections: the TCP proxy filter, and the tcp[] and tls[] rules of VirtualServices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mesh.istio.config import rule_for_host
from mesh.istio.meta import origin
from mesh.istio.values import items, text
from mesh.istio.virtual_service import Rule
from mesh.registry.model import Service
from mesh.registry.state import MeshState
from mesh.translate.context import Viewpoint, cluster_for
from mesh.translate.matches import applies
from mesh.translate.names import outbound
from mesh.translate.resources import Resource, config
from mesh.translate.telemetry import access_log
from mesh.translate.virtual_hosts import mesh_rules


@dataclass(frozen=True, slots=True)
class TcpRoute:
    """Where connections that fit `subnets` and `server_names` go; both empty = all of them."""

    action: Resource  # {"cluster": ...} or {"weighted_clusters": ...}
    metadata: Resource | None = None
    subnets: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()


def tcp_proxy(state: MeshState, action: Resource, *, stat_prefix: str) -> Resource:
    fields: Resource = {"stat_prefix": stat_prefix, **action}
    logs = access_log(state.mesh_config)
    if logs:
        fields["access_log"] = logs
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": config("tcp_proxy", **fields)}


def service_tcp_routes(view: Viewpoint, service: Service, port: int) -> list[TcpRoute]:
    """The tcp[] rules for a service's port, the service's own cluster behind them."""
    rules = rule_for_host(service.hostname, mesh_rules(view))
    found = list(tcp_rules(view, rules.tcp, port=port)) if rules is not None else []
    if found and not found[-1].subnets:
        return found
    return [*found, _own(view, service, port)]


def service_tls_routes(view: Viewpoint, service: Service, port: int) -> list[TcpRoute]:
    """The tls[] rules for a service's TLS port, by SNI, the service's own cluster behind them."""
    rules = rule_for_host(service.hostname, mesh_rules(view))
    found = list(tls_rules(view, rules.tls, port=port)) if rules is not None else []
    return [*found, *service_tcp_routes(view, service, port)]


def tcp_rules(view: Viewpoint, rules: tuple[Rule, ...], *, port: int) -> Iterator[TcpRoute]:
    """Up to the first that takes everything."""
    for rule in rules:
        for match in rule.matches or ({},):
            if not applies(match, port=port, labels=view.labels, namespace=view.namespace, gateways=view.gateways):
                continue
            subnets = tuple(text(subnet) for subnet in items(match.get("destinationSubnets")))
            yield TcpRoute(_action(view, rule, port), origin(rule.meta, rule.index), subnets)
            if not subnets:
                return


def tls_rules(view: Viewpoint, rules: tuple[Rule, ...], *, port: int) -> Iterator[TcpRoute]:
    for rule in rules:
        for match in rule.matches:
            if applies(match, port=port, labels=view.labels, namespace=view.namespace, gateways=view.gateways):
                yield TcpRoute(
                    _action(view, rule, port),
                    origin(rule.meta, rule.index),
                    tuple(text(subnet) for subnet in items(match.get("destinationSubnets"))),
                    tuple(text(host).lower() for host in items(match.get("sniHosts"))),
                )


def _own(view: Viewpoint, service: Service, port: int) -> TcpRoute:
    return TcpRoute({"cluster": outbound(port, service.external_name or service.hostname)})


def _action(view: Viewpoint, rule: Rule, port: int) -> Resource:
    if len(rule.destinations) == 1:
        return {"cluster": cluster_for(view, rule.destinations[0].destination, port)}
    return {
        "weighted_clusters": {
            "clusters": [
                {"name": cluster_for(view, one.destination, port), "weight": one.weight}
                for one in rule.destinations
                if one.weight > 0
            ]
        }
    }
