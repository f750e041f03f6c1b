"""A hypothetical request: what `mesh explain` is asked, and the proxy that it meets."""

from __future__ import annotations

import msgspec

from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from sidecar.protocol.message import Headers, RequestHead

ROUTER_NAMESPACE = "istio-system"
ROUTER_LABELS = {"istio": "ingressgateway", "app": "istio-ingressgateway"}
UNKNOWN_ADDRESS = "1.1.1.1"
"""Of a proxy whose pod is not among the files: the address that Istio's own simulation gives it."""

MESH_TLS = ("tls", "mtls")


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Absent is unset; `proxy` absent is a sidecar in `default`."""

    proxy: str = "sidecar"
    namespace: str = ""
    labels: dict[str, str] = {}
    direction: str = "outbound"
    address: str = ""
    port: int = 80
    protocol: str = "HTTP"
    tls: str = "plaintext"
    alpn: str = ""
    sni: str = ""
    host: str = ""
    method: str = "GET"
    path: str = "/"
    headers: dict[str, str] = {}
    peer: str = ""

    @property
    def inbound(self) -> bool:
        return self.direction == "inbound" or self.proxy == "gateway"

    @property
    def is_http(self) -> bool:
        return self.protocol.upper() in ("HTTP", "HTTP2", "GRPC")

    def application_protocols(self) -> tuple[str, ...]:
        """What TLS offers, or what the first plaintext bytes look like."""
        if self.alpn:
            return (self.alpn,)
        if self.tls != "plaintext" or not self.is_http:
            return ()
        return ("http/1.1",) if self.protocol.upper() == "HTTP" else ("h2c",)

    def head(self) -> RequestHead:
        headers = Headers((name.encode(), value.encode()) for name, value in self.headers.items())
        return RequestHead(
            self.method.encode(),
            self.path.encode(),
            authority=(self.host or self.address).encode(),
            scheme=b"https" if self.tls in MESH_TLS else b"http",
            headers=headers,
        )


def read_requests(text: bytes) -> list[Request]:
    """Raises `msgspec.ValidationError` or `DecodeError` with the place of what is wrong."""
    return msgspec.json.decode(text, type=list[Request])


def proxy_of(state: MeshState, request: Request) -> Workload:
    """The pod of these labels if there is one, else a proxy that looks like it."""
    router = request.proxy == "gateway"
    namespace = request.namespace or (ROUTER_NAMESPACE if router else "default")
    labels = request.labels or (ROUTER_LABELS if router else {})
    kind = "router" if router else "sidecar"
    for one in state.workloads_of(namespace):
        if request.labels and one.kind == kind and labels.items() <= one.labels.items():
            return one
    return Workload(
        name="hypothetical", namespace=namespace, ip=UNKNOWN_ADDRESS, labels=labels, kind=kind, injected=True
    )
