"""How a cluster's connections are secured, endpoint by endpoint.

Auto mTLS is decided by the endpoint: one that carries `tlsMode: istio` gets mTLS, any other plaintext. An endpoint in
a sandbox of this machine is dialled through its UNIX socket, with PROXY protocol v2 ahead of everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from mesh.istio.destination_rule import Policy
from mesh.istio.values import items, mapping, text
from mesh.registry.model import Service, ServicePort
from mesh.registry.protocols import is_http
from mesh.translate import names
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource
from mesh.translate.tls import behind_proxy_protocol, custom_upstream, mesh_upstream, raw_buffer

ISTIO: Resource = {"tlsMode": "istio"}
PROXIED: Resource = {"proxyProtocol": "v2"}


def transport_sockets(view: Viewpoint, service: Service, port: ServicePort, *, subset: str, policy: Policy) -> Resource:
    """`transport_socket_matches`, the first whose fields an endpoint has; empty = plaintext to everybody."""
    tls = mapping(policy.get("tls"))
    mode = text(tls.get("mode"))
    if mode in ("SIMPLE", "MUTUAL"):
        own = custom_upstream(tls, service.hostname)
        if service.mesh_external:
            return {"transport_socket": own}
        return _matches([("tls-v2", PROXIED, behind_proxy_protocol(own)), ("tls", {}, own)])
    plain = [
        ("tlsMode-disabled-v2", PROXIED, behind_proxy_protocol(raw_buffer())),
        ("tlsMode-disabled", {}, raw_buffer()),
    ]
    if mode == "DISABLE" or (not mode and not auto_mtls(view, service)):
        return {} if service.mesh_external else _matches(plain)
    accounts = [text(name) for name in items(tls.get("subjectAltNames"))] or identities(view, service, port.number)
    sni = text(tls.get("sni")) or names.sni(port.number, service.hostname, subset)
    mutual = mesh_upstream(sni=sni, spiffe_ids=accounts, http=is_http(port.protocol))
    if mode == "ISTIO_MUTUAL":
        return _matches([("mtls-v2", PROXIED, behind_proxy_protocol(mutual)), ("mtls", {}, mutual)])
    return _matches(
        [
            ("tlsMode-istio-v2", {**ISTIO, **PROXIED}, behind_proxy_protocol(mutual)),
            ("tlsMode-istio", ISTIO, mutual),
            *plain,
        ]
    )


def auto_mtls(view: Viewpoint, service: Service) -> bool:
    return view.state.mesh_config.auto_mtls and not service.mesh_external


def identities(view: Viewpoint, service: Service, port: int) -> list[str]:
    """The SPIFFE ids that may answer for the service: its pods', ready or not, so that readiness changes no cluster."""
    domain = view.state.mesh_config.trust_domain
    accounts = {(one.namespace, one.service_account) for one in view.state.endpoints_of(service, port)}
    if service.selector:
        accounts |= {
            (pod.namespace, pod.service_account)
            for pod in view.state.workloads_of(service.namespace)
            if service.selector.items() <= pod.labels.items()
        }
    own = {f"spiffe://{domain}/ns/{namespace}/sa/{account}" for namespace, account in accounts if account}
    return sorted(own | set(service.subject_alt_names))


def _matches(sockets: Sequence[tuple[str, Resource, Resource]]) -> Resource:
    return {
        "transport_socket_matches": [
            {"name": name, "match": match, "transport_socket": socket} for name, match, socket in sockets
        ]
    }
