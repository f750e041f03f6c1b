"""Sidecar: what a workload imports (egress), how it receives (ingress), and its outbound policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.check_targets import check_attachment
from mesh.istio.check_values import check_host, check_port, host_problem, is_ip
from mesh.istio.findings import Findings
from mesh.istio.validate_destination_rule import check_pools
from mesh.istio.validate_destinations import check_destination
from mesh.istio.validate_service_entry import PROTOCOLS
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
UNIX = "unix://"
CAPTURE_MODES = frozenset({"", "DEFAULT", "IPTABLES", "NONE"})
BLOCKS = ("egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool")
_LOOPBACK = re.compile(r"(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):([1-9]\d{0,4})")
_DNS1123 = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def validate_sidecar(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    labels = mapping(spec.get("workloadSelector")).get("labels")
    if spec.get("workloadSelector") is not None:
        check_attachment(found, {"selector": {"matchLabels": labels}})
    if not any(spec.get(key) is not None and spec.get(key) != [] for key in BLOCKS):
        found.error("sidecar: empty configuration provided")
    _check_ingress(found, spec)
    _check_egress(found, spec)
    if spec.get("inboundConnectionPool") is not None:
        check_pools(found.at("inboundConnectionPool"), mapping(spec["inboundConnectionPool"]))
    if spec.get("outboundTrafficPolicy") is not None:
        _check_outbound_policy(found.at("outboundTrafficPolicy"), mapping(spec["outboundTrafficPolicy"]))


def _check_ingress(found: Findings, spec: Spec) -> None:
    seen: set[tuple[int, str]] = set()
    for at, entry in found.each("ingress", spec.get("ingress")):
        ingress = mapping(entry)
        port, bind = mapping(ingress.get("port")), text(ingress.get("bind"))
        if not port:
            at.error("port is required for ingress listeners", "port")
            continue
        if bind.startswith(UNIX):
            at.error("sidecar ingress listeners cannot be bound to unix domain sockets", "bind")
        else:
            check_port(at, port.get("number"), "port.number")
            at.require(not bind or is_ip(bind), f"{bind} is not a valid IP", "bind")
        _check_protocol(at, port)
        key = (integer(port.get("number")), bind)
        at.require(key not in seen, f"ports on IP bound listeners must be unique: {key[0]}", "port.number")
        seen.add(key)
        _check_capture(at, ingress)
        _check_endpoint(at, text(ingress.get("defaultEndpoint")))
        if ingress.get("tls") is not None:
            _check_tls(at.at("tls"), mapping(ingress["tls"]))
        if ingress.get("connectionPool") is not None:
            check_pools(at.at("connectionPool"), mapping(ingress["connectionPool"]))


def _check_endpoint(found: Findings, endpoint: str) -> None:
    if not endpoint:
        return
    if endpoint.startswith(UNIX):
        path = endpoint.removeprefix(UNIX)
        ok = path.startswith(("/", "@")) and not path.endswith(("/", "@"))
        found.require(ok, f"{endpoint!r} must be an absolute path of a socket", "defaultEndpoint")
        return
    match = _LOOPBACK.fullmatch(endpoint)
    if match is None or int(match.group(2)) > 65535:
        found.error(
            "defaultEndpoint must be of form 127.0.0.1:<port>, 0.0.0.0:<port>, [::1]:<port>, [::]:<port>, "
            "unix://filepath, or unset",
            "defaultEndpoint",
        )


def _check_tls(found: Findings, tls: Spec) -> None:
    mode = text(tls.get("mode"))
    found.require(mode in ("SIMPLE", "MUTUAL"), f"a sidecar's ingress does not support TLS mode {mode!r}", "mode")
    for key in ("httpsRedirect", "subjectAltNames", "credentialName", "credentialNames"):
        found.require(not tls.get(key), f"{key} is not supported on a sidecar's ingress", key)
    for key in ("serverCertificate", "privateKey", *(("caCertificates",) if mode == "MUTUAL" else ())):
        found.require(tls.get(key), f"{mode} TLS requires {key}", key)


def _check_egress(found: Findings, spec: Spec) -> None:
    entries = [mapping(entry) for entry in items(spec.get("egress"))]
    seen: set[tuple[int, str]] = set()
    for index, egress in enumerate(entries):
        at = found.at(f"egress[{index}]")
        port, bind = mapping(egress.get("port")), text(egress.get("bind"))
        if egress.get("port") is None:
            last = index == len(entries) - 1
            at.require(last, "the egress listener with empty port should be the last listener in the list")
            at.require(not bind, "bind needs a port", "bind")
        else:
            _check_egress_port(at, port, bind, text(egress.get("captureMode")))
            key = (integer(port.get("number")), bind)
            at.require(key not in seen, "port and bind of egress listeners must be unique", "port")
            seen.add(key)
        _check_capture(at, egress)
        hosts = [text(host) for host in items(egress.get("hosts"))]
        at.require(hosts, "sidecar: egress listener must contain at least one host", "hosts")
        for below, host in at.each("hosts", hosts):
            _check_host(below, text(host))
        _warn_covered(at, hosts)


def _check_egress_port(found: Findings, port: Spec, bind: str, mode: str) -> None:
    _check_protocol(found, port)
    if bind.startswith(UNIX) or not integer(port.get("number")):
        path = bind.removeprefix(UNIX)
        found.require(path.startswith(("/", "@")), "port 0 needs a unix domain socket in bind", "bind")
        found.require(not integer(port.get("number")), "a unix domain socket has port 0", "port.number")
        found.require(mode in ("", "DEFAULT", "NONE"), "a unix domain socket cannot be captured", "captureMode")
        return
    check_port(found, port.get("number"), "port.number")
    found.require(not bind or is_ip(bind), f"{bind} is not a valid IP", "bind")


def _check_protocol(found: Findings, port: Spec) -> None:
    protocol = text(port.get("protocol")).upper()
    found.require(not protocol or protocol in PROTOCOLS, f"unsupported protocol: {protocol}", "port.protocol")


def _check_capture(found: Findings, listener: Spec) -> None:
    mode = text(listener.get("captureMode"))
    found.require(mode in CAPTURE_MODES, f"unsupported value: {mode!r}", "captureMode")


def _check_host(found: Findings, host: str) -> None:
    """`namespace/name`; the namespace is one, `*`, `.`, `~` (nothing), or `~name` (all of it left out)."""
    namespace, slash, name = host.partition("/")
    if not slash or not namespace or not name:
        found.error(f"config: {host!r} must be of the form namespace/dnsName")
        return
    if namespace not in ("*", ".", "~") and not _DNS1123.fullmatch(namespace.removeprefix("~")):
        found.error(f"invalid namespace value {namespace!r} in sidecar")
    if name == "*":
        return
    problem = host_problem(name, wildcard=True)
    if problem:
        found.error(problem)
    elif "." not in name:
        found.error(f"short names (non FQDN) are not allowed: {name!r}")


def _warn_covered(found: Findings, hosts: list[str]) -> None:
    whole = {host.partition("/")[0] for host in hosts if host.endswith("/*") and not host.startswith("~")}
    for index, host in enumerate(hosts):
        namespace, _, name = host.partition("/")
        if namespace.startswith("~"):
            continue
        if "*" in whole and host != "*/*":
            found.warn("`*/*` host select all resources, no other hosts can be added", f"hosts[{index}]")
        elif namespace in whole and name != "*":
            found.warn(f"`{namespace}/*` host select all resources of that namespace", f"hosts[{index}]")
        elif host in hosts[:index]:
            found.warn(f"duplicated egress host: {host}", f"hosts[{index}]")


def _check_outbound_policy(found: Findings, policy: Spec) -> None:
    """Absent, `mode` is REGISTRY_ONLY here: it is the enumeration's zero."""
    mode = text(policy.get("mode")) or "REGISTRY_ONLY"
    if mode not in ("REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"):
        found.error(f"unsupported value: {mode!r}", "mode")
    proxy = policy.get("egressProxy")
    if proxy is None:
        return
    at = found.at("egressProxy")
    found.require(mode == "ALLOW_ANY", "egressProxy can only be set with outboundTrafficPolicy mode ALLOW_ANY", "mode")
    at.require(mapping(proxy).get("port"), "egressProxy must have a port", "port")
    if "*" in text(mapping(proxy).get("host")):
        check_host(at, mapping(proxy).get("host"), wildcard=False, below="host")
    check_destination(at, proxy)
