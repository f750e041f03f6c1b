"""Bookinfo in Istio's shapes: the objects that the translator's tests compile."""

from __future__ import annotations

from typing import Any

import yaml

Object = dict[str, Any]

RUN = "/run/pm/pods"


def service(name: str, port: int = 9080, port_name: str = "http", *, namespace: str = "default", **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "clusterIP": f"10.96.0.{sum(name.encode()) % 200 + 20}",
            "ports": [{"port": port, "name": port_name, "targetPort": port}],
            "selector": {"app": name},
            **spec,
        },
    }


def pod(
    name: str,
    app: str,
    ip: str,
    *,
    version: str = "v1",
    namespace: str = "default",
    injected: bool = True,
    **extra: Any,
) -> Object:
    labels = {"app": app, "version": version, **extra.get("labels", {})}
    spec: Object = {"serviceAccountName": f"bookinfo-{app}", "containers": [{"name": app, "image": app}]}
    if injected:
        labels["security.istio.io/tlsMode"] = "istio"
        spec["initContainers"] = [
            {"name": "istio-proxy", "image": "docker.io/pocketmesh/proxyv2:1", "args": ["proxy", "sidecar"]}
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {"pocketmesh.io/sandbox": f"{RUN}/{ip}"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{app}-{version}", "controller": True}],
        },
        "spec": spec,
        "status": {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def slice_of(name: str, pods: list[Object], port: int = 9080, port_name: str = "http", **extra: Any) -> Object:
    namespace = extra.get("namespace", "default")
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-x", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [one["status"]["podIP"]],
                "conditions": {"ready": extra.get("ready", True)},
                "targetRef": {"kind": "Pod", "name": one["metadata"]["name"], "namespace": namespace},
            }
            for one in pods
        ],
    }


def gateway_pod() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "istio-ingressgateway-1",
            "namespace": "istio-system",
            "labels": {"app": "istio-ingressgateway", "istio": "ingressgateway"},
        },
        "spec": {
            "hostNetwork": True,
            "serviceAccountName": "istio-ingressgateway",
            "containers": [
                {"name": "istio-proxy", "image": "docker.io/pocketmesh/proxyv2:1", "args": ["proxy", "router"]}
            ],
        },
        "status": {"podIP": "127.0.0.1", "phase": "Running"},
    }


def gateway_service() -> Object:
    ports = [("http2", 80, 18080), ("http-alt", 8080, 18080), ("https", 443, 18443), ("https-alt", 8443, 18443)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system"},
        "spec": {
            "clusterIP": "10.96.0.11",
            "selector": {"istio": "ingressgateway"},
            "ports": [{"name": name, "port": port, "targetPort": target} for name, port, target in ports],
        },
    }


def pods() -> list[Object]:
    return [
        pod("productpage-v1-a", "productpage", "10.244.0.10"),
        pod("details-v1-a", "details", "10.244.0.11"),
        pod("ratings-v1-a", "ratings", "10.244.0.12"),
        pod("reviews-v1-a", "reviews", "10.244.0.21"),
        pod("reviews-v2-a", "reviews", "10.244.0.22", version="v2"),
        pod("reviews-v3-a", "reviews", "10.244.0.23", version="v3"),
        pod("legacy-a", "legacy", "10.244.0.30", injected=False),
    ]


ISTIO = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  annotations: {pocketmesh.io/source: "canary.yaml:7"}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: reviews, subset: v2}, weight: 10}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bookinfo-gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo}
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http:
  - match:
    - uri: {exact: /productpage}
    - uri: {prefix: /static}
    - uri: {prefix: /api/v1/products}
    route:
    - destination: {host: productpage, port: {number: 9080}}
"""


def istio(text: str) -> dict[str, list[Object]]:
    """Documents by kind; the namespace is `default` unless written."""
    found: dict[str, list[Object]] = {}
    for document in yaml.safe_load_all(text):
        if document:
            document["metadata"].setdefault("namespace", "default")
            found.setdefault(document["kind"], []).append(document)
    return found


def objects(extra: str = "", *, base: str = ISTIO) -> dict[str, list[Object]]:
    """The whole application by kind, with more Istio documents appended."""
    running = pods()
    by_app: dict[str, list[Object]] = {}
    for one in running:
        by_app.setdefault(one["metadata"]["labels"]["app"], []).append(one)
    found = {
        "Service": [*(service(app) for app in by_app), gateway_service()],
        "Pod": [*running, gateway_pod()],
        "EndpointSlice": [slice_of(app, members) for app, members in by_app.items()],
    }
    for text in (base, extra):
        for kind, documents in istio(text).items():
            found.setdefault(kind, []).extend(documents)
    return found
