"""The objects of namespace istio-system, as Istio names them. Pure."""

from __future__ import annotations

from mesh.kube.objects import Object

NAMESPACE = "istio-system"
GATEWAY_NAME = "istio-ingressgateway"
CLI_ACCOUNT = "mesh-cli"
SERVICE_ACCOUNTS = ("istiod", GATEWAY_NAME, CLI_ACCOUNT)

MESH_CONFIG = """\
accessLogFile: ""
defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
  tracing:
    sampling: 1
enableAutoMtls: true
enablePrometheusMerge: true
outboundTrafficPolicy:
  mode: ALLOW_ANY
rootNamespace: istio-system
trustDomain: cluster.local
"""
"""Istio's defaults, spelled out where people look for them."""


def namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def service_accounts() -> list[Object]:
    return [_object("ServiceAccount", name, {"app": name}) for name in SERVICE_ACCOUNTS]


def mesh_config() -> Object:
    return {
        **_object("ConfigMap", "istio", {"istio.io/rev": "default"}),
        "data": {"mesh": MESH_CONFIG, "meshNetworks": "networks: {}"},
    }


def control_plane_service() -> Object:
    """Selectorless: the control plane runs outside the pod network. Proxies check this name in its certificate.

    Not exported: proxies reach it by an address of their own, no application calls it through one, and every sidecar
    of the mesh would hold six resources for it.
    """
    ports = [
        ("https-dns", 15012, None),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, None),
    ]
    service = _object("Service", "istiod", {"app": "istiod", "istio": "pilot", "istio.io/rev": "default"})
    service["metadata"]["annotations"] = {"networking.istio.io/exportTo": "."}
    return {
        **service,
        "spec": {
            "ports": [
                {"name": name, "port": port, "protocol": "TCP", "targetPort": target or port}
                for name, port, target in ports
            ]
        },
    }


def _object(kind: str, name: str, labels: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
    }
