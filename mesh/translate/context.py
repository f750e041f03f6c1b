"""What a compilation knows about the proxy it compiles for, as far as it matters for rules.

Routes and clusters depend on a proxy's namespace, and on its labels only where a rule selects by labels. Two proxies
that look the same through a `Viewpoint` share every compiled resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mesh.istio.destination_rule import DestinationRule
from mesh.istio.values import mapping
from mesh.istio.virtual_service import MESH_GATEWAY, Destination
from mesh.registry.model import Service, Workload
from mesh.registry.state import MeshState
from mesh.translate import names

Value = TypeVar("Value")
MESH = frozenset({MESH_GATEWAY})


@dataclass(frozen=True, slots=True)
class Viewpoint:
    state: MeshState
    namespace: str
    labels: Mapping[str, str]
    gateways: frozenset[str] = MESH  # "mesh", or the one gateway whose routes are being made

    @classmethod
    def of(cls, state: MeshState, proxy: Workload) -> Viewpoint:
        return cls(state, proxy.namespace, relevant_labels(state, proxy))

    @property
    def identity(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.namespace, tuple(sorted(self.labels.items()))

    def service(self, host: str) -> Service | None:
        return self.state.service(host, self.namespace)

    def destination_rule(self, service: Service) -> DestinationRule | None:
        return self.state.istio.destination_rules.find(
            service.hostname,
            client_namespace=self.namespace,
            service_namespace=service.namespace,
            labels=self.labels,
        )

    def memoised(self, kind: str, key: object, make: Callable[[], Value], *, by_endpoints: bool = False) -> Value:
        """`make()` once for all proxies that look the same; `by_endpoints`: anew when endpoints change."""
        memo = self.state.memo if by_endpoints else self.state.config_memo
        full = (kind, self.identity, key)
        if full not in memo:
            memo[full] = make()
        found: Value = memo[full]
        return found


def selecting_keys(state: MeshState) -> frozenset[str]:
    """The label keys that some rule asks callers for: only by these may proxies of one namespace differ."""
    key = "selecting_keys"
    if key not in state.config_memo:
        routes = {
            label
            for one in state.istio.virtual_services
            for rule in (*one.http, *one.tls, *one.tcp)
            for match in rule.matches
            for label in mapping(match.get("sourceLabels"))
        }
        state.config_memo[key] = frozenset(routes | state.istio.destination_rules.selecting_keys)
    found: frozenset[str] = state.config_memo[key]
    return found


def relevant_labels(state: MeshState, proxy: Workload) -> Mapping[str, str]:
    return {key: proxy.labels[key] for key in selecting_keys(state) & proxy.labels.keys()}


def cluster_for(view: Viewpoint, destination: Destination, listener_port: int) -> str:
    """The cluster a rule names. It may not exist: traffic to it is answered 503 with flag NC, as in Istio."""
    service = view.service(destination.host)
    host = destination.host
    if service is not None and service.external_name:
        host = service.external_name  # an alias: the concrete service's cluster
        service = view.service(host)
    port = destination.port
    if port is None:
        port = service.ports[0].number if service is not None and len(service.ports) == 1 else listener_port
    return names.outbound(port, host, destination.subset)
