"""DestinationRule: host, subsets and the blocks of a traffic policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_duration, check_exports, check_host, check_labels, check_percent, check_port
from mesh.istio.findings import Findings
from mesh.istio.validate_balancing import check_balancing
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
BLOCKS = (
    "loadBalancer", "connectionPool", "outlierDetection", "tls", "portLevelSettings", "tunnel", "proxyProtocol",
    "retryBudget",
)  # fmt: skip
TLS_MODES = frozenset({"DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"})
CREDENTIALS = ("clientCertificate", "privateKey", "caCertificates")


def validate_destination_rule(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    check_host(found, spec.get("host"), wildcard=True, below="host")
    check_exports(found, spec.get("exportTo"))
    selector = spec.get("workloadSelector")
    if selector is not None:
        own = items(spec.get("exportTo"))
        found.require(own in ([], ["."]), "a rule with workloadSelector is for its own namespace only", "exportTo")
    if spec.get("trafficPolicy") is not None:
        check_traffic_policy(found.at("trafficPolicy"), mapping(spec["trafficPolicy"]), host=text(spec.get("host")))
    names: set[str] = set()
    for at, entry in found.each("subsets", spec.get("subsets")):
        subset = mapping(entry)
        name = text(subset.get("name"))
        at.require(name, "subset must have a name", "name")
        at.require(name not in names, f"duplicate subset names: {name}", "name")
        names.add(name)
        check_labels(at, subset.get("labels"), "labels")
        if subset.get("trafficPolicy") is not None:
            check_traffic_policy(at.at("trafficPolicy"), mapping(subset["trafficPolicy"]), host=text(spec.get("host")))


def check_traffic_policy(found: Findings, policy: Spec, *, host: str, port_level: bool = False) -> None:
    if not any(policy.get(key) is not None for key in BLOCKS) and not port_level:
        found.error("traffic policy must have at least one field")
    if policy.get("connectionPool") is not None:
        check_pools(found.at("connectionPool"), mapping(policy["connectionPool"]))
    if policy.get("outlierDetection") is not None:
        _check_outliers(found.at("outlierDetection"), mapping(policy["outlierDetection"]))
    if policy.get("loadBalancer") is not None:
        check_balancing(
            found.at("loadBalancer"),
            mapping(policy["loadBalancer"]),
            outliers=policy.get("outlierDetection") is not None,
        )
    if policy.get("tls") is not None:
        check_client_tls(found.at("tls"), mapping(policy["tls"]))
    if policy.get("tunnel") is not None:
        _check_tunnel(found.at("tunnel"), mapping(policy["tunnel"]))
        found.require(policy.get("proxyProtocol") is None, "tunnel and proxyProtocol exclude each other", "tunnel")
    check_percent(found, mapping(policy.get("retryBudget")).get("percent"), "retryBudget.percent")
    for at, entry in found.each("portLevelSettings", policy.get("portLevelSettings")):
        settings = mapping(entry)
        at.require(settings.get("port") is not None, "portLevelSettings must have a port", "port")
        if settings.get("port") is not None:
            check_port(at, mapping(settings["port"]).get("number"), "port.number")
        check_traffic_policy(at, settings, host=host, port_level=True)


def check_client_tls(found: Findings, tls: Spec) -> None:
    mode = text(tls.get("mode")) or "DISABLE"
    found.require(mode in TLS_MODES, f"unsupported value: {mode!r}", "mode")
    if tls.get("insecureSkipVerify"):
        for key in ("caCertificates", "subjectAltNames"):
            found.require(not tls.get(key), f"cannot specify {key} if insecureSkipVerify is set true", key)
        if mode == "SIMPLE":
            message = "cannot specify credentialName if insecureSkipVerify is set true"
            found.require(not tls.get("credentialName"), message, "credentialName")
    if tls.get("credentialName") and any(tls.get(key) for key in CREDENTIALS):
        found.error("cannot specify client certificates or CA certificate if credentialName is set", "credentialName")
    if mode == "MUTUAL" and not tls.get("credentialName"):
        found.require(tls.get("clientCertificate"), "client certificate required for mutual tls", "clientCertificate")
        found.require(tls.get("privateKey"), "private key required for mutual tls", "privateKey")
    if mode == "ISTIO_MUTUAL":
        for key in (*CREDENTIALS, "credentialName"):
            found.require(not tls.get(key), f"ISTIO_MUTUAL TLS cannot have {key}", key)


def check_pools(found: Findings, pools: Spec) -> None:
    if pools.get("tcp") is None and pools.get("http") is None:
        found.error("connection pool must have at least one field")
    http, tcp = mapping(pools.get("http")), mapping(pools.get("tcp"))
    http_at, tcp_at = found.at("http"), found.at("tcp")
    for key in ("http1MaxPendingRequests", "http2MaxRequests", "maxRequestsPerConnection", "maxRetries",
                "maxConcurrentStreams"):  # fmt: skip
        http_at.require(integer(http.get(key)) >= 0, f"{key} must be non-negative", key)
    check_duration(http_at, http, "idleTimeout", zero=True)
    if text(http.get("h2UpgradePolicy")) == "UPGRADE" and http.get("useClientProtocol"):
        http_at.error("use client protocol cannot be true when H2UpgradePolicy is UPGRADE", "useClientProtocol")
    if http.get("http2KeepAlive") is not None:
        keepalive, at = mapping(http["http2KeepAlive"]), http_at.at("http2KeepAlive")
        for key in ("interval", "timeout"):
            at.require(keepalive.get(key), f"{key} is required", key)
            check_duration(at, keepalive, key)
    tcp_at.require(integer(tcp.get("maxConnections")) >= 0, "max connections must be non-negative", "maxConnections")
    for key in ("connectTimeout", "maxConnectionDuration"):
        check_duration(tcp_at, tcp, key)
    check_duration(tcp_at, tcp, "idleTimeout", zero=True)


def _check_outliers(found: Findings, outliers: Spec) -> None:
    for key in ("interval", "baseEjectionTime"):
        check_duration(found, outliers, key)
    for key in ("maxEjectionPercent", "minHealthPercent"):
        check_percent(found, outliers.get(key), key)
    for key in (
        "consecutive5xxErrors",
        "consecutiveGatewayErrors",
        "consecutiveErrors",
        "consecutiveLocalOriginFailures",
    ):
        found.require(integer(outliers.get(key)) >= 0, f"{key} must be non-negative", key)
    if outliers.get("consecutiveLocalOriginFailures") and not outliers.get("splitExternalLocalOriginErrors"):
        found.error(
            "consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors", "consecutiveLocalOriginFailures"
        )


def _check_tunnel(found: Findings, tunnel: Spec) -> None:
    found.require(text(tunnel.get("protocol")) in ("", "CONNECT", "POST"), "tunnel protocol must be CONNECT or POST",
                  "protocol")  # fmt: skip
    found.require(tunnel.get("targetHost"), "tunnel target host is required", "targetHost")
    check_port(found, tunnel.get("targetPort"), "targetPort")
