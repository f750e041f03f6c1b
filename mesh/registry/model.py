"""The registry's values: service, port, endpoint, workload.

All are frozen: a `MeshState` is shared by every compilation that uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CLUSTER_ID = "Kubernetes"
"""The only cluster; appears in metrics (`source_cluster`) and in node metadata, as Istio names it."""

ProtocolName = str
"""One of mesh.registry.protocols: http, http2, grpc, https, tls, tcp, mongo, mysql, redis, udp, auto."""


class Resolution(StrEnum):
    """How a service's endpoints are found. CLIENT_SIDE_LB is Istio's name for STATIC and for Kubernetes services."""

    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    NONE = "NONE"  # forward to the address that the caller dialled


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a service. `target_port` is a number, a container port's name, or None (same as `number`)."""

    number: int
    name: str
    protocol: ProtocolName
    target_port: int | str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Something that can be called by name."""

    hostname: str
    name: str
    namespace: str
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...]  # virtual IPs and CIDRs; empty for headless services
    resolution: Resolution
    mesh_external: bool
    registry: str  # "Kubernetes" | "External"
    export_to: tuple[str, ...]  # "*", ".", "~" or namespaces; never empty
    headless: bool = False
    selector: Mapping[str, str] = field(default_factory=dict)
    subject_alt_names: tuple[str, ...] = ()
    external_name: str = ""  # the CNAME of a Service of type ExternalName
    auto_allocated: str = ""  # the 240.240.x.y address of a ServiceEntry host that has none of its own
    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def port(self, number: int) -> ServicePort | None:
        return next((port for port in self.ports if port.number == number), None)

    def visible_in(self, namespace: str) -> bool:
        for target in self.export_to:
            if target in ("*", namespace) or (target == "." and namespace == self.namespace):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a service port."""

    address: str  # IP, host name (DNS resolution) or unix:///path
    port: int
    labels: Mapping[str, str]
    namespace: str
    service_account: str = ""
    sandbox: str = ""  # directory of the pod's sandbox on this machine; "" = dial plain TCP
    tls_mode: str = ""  # "istio" when a proxy terminates mTLS there
    locality: str = ""  # region/zone/subzone
    weight: int = 1
    workload: str = ""
    hostname: str = ""
    ready: bool = True
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod, seen as the proxy it carries or could carry."""

    name: str
    namespace: str
    ip: str
    labels: Mapping[str, str]
    service_account: str = "default"
    kind: str = "sidecar"  # "sidecar" | "router"
    injected: bool = False
    sandbox: str = ""  # RUN/pods/<ip>; "" outside the process runtime and for hostNetwork pods
    workload: str = ""  # name of the Deployment (or of the pod itself)
    uid: str = ""
    node_name: str = ""
    host_network: bool = False
    ready: bool = False
    deleting: bool = False
    locality: str = ""
    named_ports: Mapping[str, int] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def node_id(self) -> str:
        """`sidecar~10.244.0.7~reviews-v1-x.default~default.svc.cluster.local`."""
        return f"{self.kind}~{self.ip}~{self.name}.{self.namespace}~{self.namespace}.svc.cluster.local"

    @property
    def canonical_name(self) -> str:
        labels = self.labels
        for key in ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app"):
            if labels.get(key):
                return labels[key]
        return self.workload or self.name

    @property
    def canonical_revision(self) -> str:
        labels = self.labels
        for key in ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"):
            if labels.get(key):
                return labels[key]
        return "latest"

    def spiffe_id(self, trust_domain: str) -> str:
        return f"spiffe://{trust_domain}/ns/{self.namespace}/sa/{self.service_account}"
