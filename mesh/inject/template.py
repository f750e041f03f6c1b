"""The proxy's container, its environment and its volumes, named as Istio's injector names them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh.inject.policy import PROXY_CONTAINER

IMAGE_REPOSITORY = "docker.io/pocketmesh/proxyv2"
READY_PORT = 15021
AGENT_PORT = 15020
TOKEN_AUDIENCE = "istio-ca"
TOKEN_LIFE_S = 43200  # Istio's
VOLUMES = ("istio-token", "istiod-ca-cert", "istio-podinfo")

RESOURCE_ANNOTATIONS = {
    "sidecar.istio.io/proxyCPU": ("requests", "cpu"),
    "sidecar.istio.io/proxyMemory": ("requests", "memory"),
    "sidecar.istio.io/proxyCPULimit": ("limits", "cpu"),
    "sidecar.istio.io/proxyMemoryLimit": ("limits", "memory"),
}
REQUESTS = {"cpu": "10m", "memory": "32Mi"}
"""Istio asks for 100m and 128Mi; a forked sidecar has a tenth of Envoy's memory."""
LIMITS = {"cpu": "2", "memory": "1Gi"}


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What every proxy of this mesh is told. `discovery_address` is `host:port` of the control plane."""

    version: str
    discovery_address: str
    trust_domain: str = "cluster.local"
    sampling_percent: float = 1.0


@dataclass(frozen=True, slots=True)
class ProxyIdentity:
    """What is particular to one pod. `owner` is `kubernetes://apis/<group version>/namespaces/<ns>/<plural>/<name>`."""

    workload: str
    owner: str
    app_containers: tuple[str, ...] = ()
    canonical_name: str = ""
    canonical_revision: str = "latest"


def proxy_container(
    role: str,
    settings: ProxySettings,
    identity: ProxyIdentity,
    *,
    annotations: Mapping[str, str],
    ready_port: int = READY_PORT,
) -> dict[str, Any]:
    """`role` is `sidecar` or `router`. The caller adds the probes that fit its place in the pod."""
    return {
        "name": PROXY_CONTAINER,
        "image": f"{IMAGE_REPOSITORY}:{settings.version}",
        "args": ["proxy", role],
        "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}] if role == "sidecar" else [],
        "env": environment(settings, identity, ready_port=ready_port),
        "resources": resources(annotations),
        "volumeMounts": [
            {"name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio"},
            {"name": "istio-token", "mountPath": "/var/run/secrets/tokens"},
            {"name": "istio-podinfo", "mountPath": "/etc/istio/pod"},
        ],
        "readinessProbe": ready_probe(ready_port, period_s=15, failures=4),
    }


def ready_probe(port: int, *, period_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/healthz/ready", "port": port},
        "periodSeconds": period_s,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def environment(settings: ProxySettings, identity: ProxyIdentity, *, ready_port: int) -> list[dict[str, Any]]:
    config = {
        "discoveryAddress": settings.discovery_address,
        "tracing": {"sampling": settings.sampling_percent},
        "serviceCluster": identity.canonical_name or identity.workload,
    }
    plain = {
        "PROXY_CONFIG": json.dumps(config, separators=(",", ":")),
        "CA_ADDR": settings.discovery_address,
        "TRUST_DOMAIN": settings.trust_domain,
        "ENVOY_STATUS_PORT": str(ready_port),
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_MESH_ID": settings.trust_domain,
        "ISTIO_META_WORKLOAD_NAME": identity.workload,
        "ISTIO_META_OWNER": identity.owner,
        "ISTIO_META_APP_CONTAINERS": ",".join(identity.app_containers),
        "CANONICAL_SERVICE": identity.canonical_name or identity.workload,
        "CANONICAL_REVISION": identity.canonical_revision,
    }
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "INSTANCE_IP": "status.podIP",
        "SERVICE_ACCOUNT": "spec.serviceAccountName",
        "HOST_IP": "status.hostIP",
        "ISTIO_META_NODE_NAME": "spec.nodeName",
    }
    return [{"name": name, "value": value} for name, value in plain.items()] + [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in fields.items()
    ]


def resources(annotations: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Istio's rule: one annotation takes the place of all defaults."""
    chosen = [(where, annotations[name]) for name, where in RESOURCE_ANNOTATIONS.items() if annotations.get(name)]
    if not chosen:
        return {"requests": dict(REQUESTS), "limits": dict(LIMITS)}
    found: dict[str, dict[str, str]] = {}
    for (kind, resource), value in chosen:
        found.setdefault(kind, {})[resource] = value
    return found


def volumes() -> list[dict[str, Any]]:
    token = {"audience": TOKEN_AUDIENCE, "expirationSeconds": TOKEN_LIFE_S, "path": "istio-token"}
    return [
        {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}},
        {
            "name": "istio-podinfo",
            "downwardAPI": {
                "items": [
                    {"path": word, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{word}"}}
                    for word in ("labels", "annotations")
                ]
            },
        },
    ]
