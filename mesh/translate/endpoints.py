"""Endpoints of a cluster: addresses, who is behind them, and how they are to be dialled."""

from __future__ import annotations

from collections.abc import Mapping

from mesh.istio.peer_authentication import MtlsMode
from mesh.registry.model import CLUSTER_ID, Endpoint, Resolution, Service, Workload
from mesh.translate import names
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource, pipe_address, socket_address

UNIX_SCHEME = "unix://"


def cluster_endpoints(view: Viewpoint, name: str) -> Resource | None:
    """The ClusterLoadAssignment of an EDS cluster; None when its name means no such service or subset."""
    parsed = names.ClusterName.parse(name)
    service = view.service(parsed.host) if parsed is not None else None
    if parsed is None or service is None or service.resolution is not Resolution.STATIC:
        return None
    if service.port(parsed.port) is None:
        return None
    return view.memoised(
        "endpoints", name, lambda: load_assignment(view, service, parsed.port, name=name), by_endpoints=True
    )


def load_assignment(view: Viewpoint, service: Service, port: int, *, name: str) -> Resource:
    """Ready endpoints only, grouped by locality in a stable order."""
    wanted = _subset_labels(view, service, name)
    localities: dict[str, list[Endpoint]] = {}
    for endpoint in view.state.endpoints_of(service, port):
        if endpoint.ready and wanted.items() <= endpoint.labels.items():
            localities.setdefault(endpoint.locality, []).append(endpoint)
    return {
        "cluster_name": name,
        "endpoints": [
            {
                **({"locality": _locality(locality)} if locality else {}),
                "lb_endpoints": [_lb_endpoint(view, service, one) for one in members],
                "load_balancing_weight": sum(one.weight for one in members),
            }
            for locality, members in sorted(localities.items())
        ],
    }


def _subset_labels(view: Viewpoint, service: Service, name: str) -> Mapping[str, str]:
    parsed = names.ClusterName.parse(name)
    rule = view.destination_rule(service) if parsed is not None and parsed.subset else None
    subset = rule.subset(parsed.subset) if rule is not None and parsed is not None else None
    return subset.labels if subset is not None else {}


def _lb_endpoint(view: Viewpoint, service: Service, endpoint: Endpoint) -> Resource:
    found: Resource = {
        "endpoint": {"address": _address(endpoint)},
        "load_balancing_weight": endpoint.weight,
    }
    metadata: Resource = {}
    match: Resource = {}
    if endpoint.tls_mode and not _plaintext_only(view, endpoint):
        match["tlsMode"] = endpoint.tls_mode
    if endpoint.sandbox:
        match["proxyProtocol"] = "v2"
        metadata["envoy.filters.listener.original_dst"] = {"local": f"{endpoint.address}:{endpoint.port}"}
    if match:
        metadata["envoy.transport_socket_match"] = match
    if endpoint.workload:
        metadata["istio"] = {"workload": _workload(endpoint)}
    if metadata:
        found["metadata"] = {"filter_metadata": metadata}
    return found


def _address(endpoint: Endpoint) -> Resource:
    if endpoint.sandbox:
        return pipe_address(f"{endpoint.sandbox}/inbound.sock")
    if endpoint.address.startswith(UNIX_SCHEME):
        return pipe_address(endpoint.address.removeprefix(UNIX_SCHEME))
    return socket_address(endpoint.address, endpoint.port)


def _plaintext_only(view: Viewpoint, endpoint: Endpoint) -> bool:
    """PeerAuthentication DISABLE: the server's sidecar would not terminate mTLS."""
    if not view.state.istio.peer_authentications.some_disable:
        return False
    return view.state.mtls_mode(endpoint.namespace, endpoint.labels, endpoint.port) is MtlsMode.DISABLE


def _workload(endpoint: Endpoint) -> str:
    """`name;namespace;canonical name;canonical revision;cluster`, as Istio's own endpoint metadata."""
    identity = Workload(
        name=endpoint.workload,
        namespace=endpoint.namespace,
        ip=endpoint.address,
        labels=endpoint.labels,
        workload=endpoint.workload,
    )
    parts = (identity.name, identity.namespace, identity.canonical_name, identity.canonical_revision, CLUSTER_ID)
    return ";".join(parts)


def _locality(text: str) -> Resource:
    keys = ("region", "zone", "sub_zone")
    return {key: part for key, part in zip(keys, text.split("/"), strict=False) if part}
