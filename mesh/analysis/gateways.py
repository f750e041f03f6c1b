"""Gateways: their workload, its ports, certificates, and other Gateways on the same port."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.analysis.model import ROOT_NAMESPACE, Finding, Findings, Resource, World, carries
from mesh.istio.hosts import overlap, server_host
from mesh.istio.values import integer, items, mapping, text

DEFAULT_LABELS = {"istio": "ingressgateway", "app": "istio-ingressgateway"}
"""The workload that a mesh always has, and the ports of its Service, where the files do not bring their own."""

DEFAULT_PORTS = frozenset({80, 443, 15021, 15443, 31400})
CERTIFICATES = (("tls.crt", "tls.key"), ("cert", "key"))


def analyze_ports(world: World) -> Findings:
    for gateway in world.of("Gateway"):
        selector = mapping(gateway.spec.get("selector"))
        pods = world.pods(selector)
        if not pods and not _is_default(selector):
            yield Finding("IST0101", gateway, "spec.selector", ("selector", _text(selector)))
            continue
        ports = _service_ports(world, pods) if pods else DEFAULT_PORTS
        for path, server in _servers(gateway):
            number = integer(mapping(server.get("port")).get("number"))
            if number and number not in ports:
                yield Finding("IST0162", gateway, f"{path}.port.number", (number, _text(selector)))


def analyze_secrets(world: World) -> Findings:
    for gateway in world.of("Gateway"):
        named = [(path, name) for path, name in _credentials(gateway) if name]
        if not named:
            continue
        selector = mapping(gateway.spec.get("selector"))
        pods = world.pods(selector)
        if not pods and not _is_default(selector):
            yield Finding("IST0101", gateway, "spec.selector", ("selector", _text(selector)))
            continue
        namespace = pods[0].namespace if pods else ROOT_NAMESPACE
        for path, name in named:
            secret = world.find("Secret", namespace, name)
            if secret is None:
                yield Finding("IST0101", gateway, path, ("credentialName", f"{namespace}/{name}"))
            elif not _usable(mapping(secret.object.get("data")), mapping(secret.object.get("stringData"))):
                yield Finding("IST0161", gateway, path, (f"{namespace}/{name}",))


def analyze_conflicts(world: World) -> Findings:
    for gateway in world.of("Gateway"):
        for path, server in _servers(gateway):
            rivals = [
                other.key for other in world.of("Gateway")
                if other is not gateway and other.spec.get("selector") == gateway.spec.get("selector")
                and any(_same_listener(gateway, server, other, theirs) for _, theirs in _servers(other))
            ]  # fmt: skip
            if rivals:
                hosts = ", ".join(map(text, items(server.get("hosts"))))
                number = mapping(server.get("port")).get("number")
                selector = _text(mapping(gateway.spec.get("selector")))
                yield Finding("IST0145", gateway, path, (", ".join(rivals), selector, number, hosts))


def analyze_certificates(world: World) -> Findings:
    """The same certificate on several Gateways: a client may reuse its connection for a host the other one serves."""
    users: dict[tuple[str, str], list[Resource]] = {}
    for gateway in world.of("Gateway"):
        workload = _text(mapping(gateway.spec.get("selector")))
        for name in {name for _, name in _credentials(gateway) if name} | _files(gateway):
            users.setdefault((workload, name), []).append(gateway)
    for (_, name), gateways in users.items():
        if len(gateways) > 1:
            for gateway in gateways:
                yield Finding("IST0138", gateway, "spec.servers", (name, ", ".join(one.key for one in gateways)))


def _servers(gateway: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, server in enumerate(items(gateway.spec.get("servers"))):
        yield f"spec.servers[{index}]", mapping(server)


def _credentials(gateway: Resource) -> Iterator[tuple[str, str]]:
    for path, server in _servers(gateway):
        tls = mapping(server.get("tls"))
        yield f"{path}.tls.credentialName", text(tls.get("credentialName"))
        for index, name in enumerate(items(tls.get("credentialNames"))):
            yield f"{path}.tls.credentialNames[{index}]", text(name)


def _files(gateway: Resource) -> set[str]:
    named = (text(mapping(server.get("tls")).get("serverCertificate")) for _, server in _servers(gateway))
    return {name for name in named if name}


def _service_ports(world: World, pods: list[Resource]) -> set[int]:
    """Ports of every Service that selects one of the pods: the Service's own and, inside the pod, where they lead."""
    found: set[int] = set()
    for service in world.of("Service"):
        selector = mapping(service.spec.get("selector"))
        if selector and any(pod.namespace == service.namespace and carries(pod.labels, selector) for pod in pods):
            for port in map(mapping, items(service.spec.get("ports"))):
                found |= {integer(port.get("port")), integer(port.get("targetPort"))}
    return found


def _is_default(selector: Mapping[str, str]) -> bool:
    return carries(DEFAULT_LABELS, selector)


def _same_listener(one: Resource, server: Mapping[str, Any], other: Resource, theirs: Mapping[str, Any]) -> bool:
    if mapping(server.get("port")).get("number") != mapping(theirs.get("port")).get("number"):
        return False
    if text(server.get("bind")) != text(theirs.get("bind")):
        return False
    return any(
        overlap(mine[1], its[1]) and (mine[0] == its[0] or "*" in (mine[0], its[0]))
        for mine in (server_host(text(host), one.namespace) for host in items(server.get("hosts")))
        for its in (server_host(text(host), other.namespace) for host in items(theirs.get("hosts")))
    )


def _usable(data: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
    """A certificate and its key in PEM, under either pair of names."""
    return any(
        b"-----BEGIN CERTIFICATE" in _bytes(data, plain, certificate) and b"PRIVATE KEY" in _bytes(data, plain, key)
        for certificate, key in CERTIFICATES
    )


def _bytes(data: Mapping[str, Any], plain: Mapping[str, Any], key: str) -> bytes:
    if key in plain:
        return text(plain[key]).encode()
    try:
        return base64.b64decode(text(data.get(key)))
    except (binascii.Error, ValueError):
        return b""


def _text(labels: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
