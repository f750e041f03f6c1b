"""The ingress gateway: Deployment and Service `istio-ingressgateway`, with Istio's labels. Pure.

The gateway is a pod of the host's network; the Service's target ports say on which host ports it listens, exactly as
they say on which container ports Istio's gateway listens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh.inject.template import ProxyIdentity, ProxySettings, proxy_container, ready_probe, volumes
from mesh.install.manifests import GATEWAY_NAME, NAMESPACE
from mesh.kube.objects import Object

LABELS = {"app": GATEWAY_NAME, "istio": "ingressgateway"}
TERMINATION_GRACE_S = 30


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Host ports. `ready` is where the gateway answers probes: the host's network is shared, so it cannot be fixed."""

    http: int
    https: int
    ready: int


def service(ports: GatewayPorts) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": GATEWAY_NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {"type": "LoadBalancer", "selector": dict(LABELS), "ports": service_ports(ports)},
    }


def service_ports(ports: GatewayPorts) -> list[dict[str, Any]]:
    return [
        {"name": name, "port": port, "protocol": "TCP", "targetPort": target}
        for name, port, target in (
            ("http2", 80, ports.http),
            ("http-alt", 8080, ports.http),
            ("https", 443, ports.https),
            ("https-alt", 8443, ports.https),
        )
    ]


def service_account() -> str:
    return GATEWAY_NAME


def deployment(ports: GatewayPorts, settings: ProxySettings) -> Object:
    identity = ProxyIdentity(
        workload=GATEWAY_NAME,
        owner=f"kubernetes://apis/apps/v1/namespaces/{NAMESPACE}/deployments/{GATEWAY_NAME}",
        canonical_name=GATEWAY_NAME,
    )
    container = proxy_container("router", settings, identity, annotations={}, ready_port=ports.ready)
    container["readinessProbe"] = ready_probe(ports.ready, period_s=2, failures=30)
    labels = {
        **LABELS,
        "service.istio.io/canonical-name": GATEWAY_NAME,
        "service.istio.io/canonical-revision": "latest",
        "sidecar.istio.io/inject": "false",
    }
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": GATEWAY_NAME,
            "hostNetwork": True,
            "dnsPolicy": "ClusterFirstWithHostNet",
            "terminationGracePeriodSeconds": TERMINATION_GRACE_S,
            "containers": [container],
            "volumes": volumes(),
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": GATEWAY_NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(LABELS)},
            # Two gateways cannot have the same host ports: the old one goes before the new one comes.
            "strategy": {"type": "Recreate"},
            "template": pod,
        },
    }
