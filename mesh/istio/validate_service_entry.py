"""ServiceEntry: hosts, addresses, ports and endpoints that fit the resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import (
    check_exports,
    check_host,
    check_labels,
    check_port,
    check_selector,
    host_problem,
    is_cidr,
    is_ip,
)
from mesh.istio.findings import Findings
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
RESOLUTIONS = frozenset({"NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"})
PROTOCOLS = frozenset({
    "HTTP", "HTTPS", "GRPC", "GRPC-WEB", "GRPC_WEB", "HTTP2", "HTTP_PROXY",
    "MONGO", "TCP", "TLS", "UDP", "REDIS", "MYSQL",
})  # fmt: skip
DYNAMIC_PROTOCOLS = frozenset({"HTTP", "HTTPS", "TLS", "GRPC", "HTTP2", "GRPC-WEB"})
UNIX = "unix://"


def validate_service_entry(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    resolution = text(spec.get("resolution")) or "NONE"
    found.require(resolution in RESOLUTIONS, f"unsupported value: {resolution!r}", "resolution")
    _check_hosts(found, spec, resolution)
    _check_addresses(found, spec, resolution)
    _check_ports(found, spec, resolution)
    if items(spec.get("endpoints")) and spec.get("workloadSelector"):
        found.error("only one of workloadSelector or endpoints can be set", "endpoints")
    if spec.get("workloadSelector"):
        check_selector(found, mapping(spec["workloadSelector"]).get("labels"), "workloadSelector.labels")
        if resolution == "NONE":
            found.warn("workloadSelector has no effect with resolution NONE", "workloadSelector")
    _check_resolution(found, spec, resolution)
    names = {text(mapping(port).get("name")) for port in items(spec.get("ports"))}
    for at, endpoint in found.each("endpoints", spec.get("endpoints")):
        _check_endpoint(at, mapping(endpoint), resolution, names=names)
    check_exports(found, spec.get("exportTo"))


def _check_hosts(found: Findings, spec: Spec, resolution: str) -> None:
    hosts = [text(host) for host in items(spec.get("hosts"))]
    found.require(hosts, "spec.hosts: Required value: service entry must have at least one host", "hosts")
    for index, host in enumerate(hosts):
        below = f"hosts[{index}]"
        if host == "*":
            found.error(f"invalid host {host}: full wildcard is not allowed", below)
            continue
        check_host(found, host, wildcard=True, below=below)
        if host.startswith("*") and not host.startswith("*."):
            found.warn(f"{host}: a partial wildcard matches nothing that DNS or TLS understand", below)
        if resolution == "DYNAMIC_DNS" and not host.startswith("*"):
            found.error("DYNAMIC_DNS resolution is for wildcard hosts", below)


def _check_addresses(found: Findings, spec: Spec, resolution: str) -> None:
    for at, address in found.each("addresses", spec.get("addresses")):
        if not isinstance(address, str):
            continue
        if not is_ip(address) and not is_cidr(address):
            at.error(f"{address!r} is not a valid IP or CIDR address")
        elif "/" in address and resolution not in ("NONE", "STATIC"):
            at.error("CIDR addresses are allowed only for NONE/STATIC resolution types")


def _check_ports(found: Findings, spec: Spec, resolution: str) -> None:
    numbers: set[int] = set()
    names: set[str] = set()
    opaque = False
    for at, entry in found.each("ports", spec.get("ports")):
        port = mapping(entry)
        if not port:
            at.error("service entry port may not be null")
            continue
        number, name, protocol = integer(port.get("number")), text(port.get("name")), text(port.get("protocol")).upper()
        check_port(at, port.get("number"), "number")
        at.require(name, "port name is required", "name")
        at.require(name not in names, f"service entry port name {name!r} already defined", "name")
        at.require(number not in numbers, f"port number cannot be duplicated: {number}", "number")
        at.require(not protocol or protocol in PROTOCOLS, f"unsupported protocol: {protocol}", "protocol")
        numbers.add(number)
        names.add(name)
        opaque = opaque or protocol in ("", "TCP")
        if port.get("targetPort"):
            check_port(at, port["targetPort"], "targetPort")
            if resolution == "NONE":
                at.warn("targetPort has no effect with resolution NONE", "targetPort")
        if resolution == "DYNAMIC_DNS" and protocol not in DYNAMIC_PROTOCOLS:
            at.error(f"DYNAMIC_DNS resolution does not support protocol {protocol}", "protocol")
    if opaque and resolution == "NONE" and not items(spec.get("addresses")):
        found.warn("addresses are required for ports serving TCP (or unset) protocol", "addresses")


def _check_resolution(found: Findings, spec: Spec, resolution: str) -> None:
    endpoints, selector = items(spec.get("endpoints")), spec.get("workloadSelector")
    if resolution in ("NONE", "DYNAMIC_DNS") and endpoints:
        found.error(f"no endpoints should be provided for resolution type {resolution}", "endpoints")
    if resolution == "DYNAMIC_DNS" and (items(spec.get("addresses")) or selector):
        found.error("DYNAMIC_DNS resolution has no addresses and no workloadSelector", "resolution")
    if resolution == "STATIC" and not endpoints and not selector:
        found.error("endpoints must be provided if service entry resolution mode is STATIC", "endpoints")
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        found.error("there must only be 0 or 1 endpoint for DNS_ROUND_ROBIN mode", "endpoints")
    if resolution.startswith("DNS") and not endpoints and not selector:
        for index, host in enumerate(items(spec.get("hosts"))):
            if host_problem(text(host), wildcard=False):
                found.error(
                    "hosts must be FQDN if no endpoints are provided for resolution mode DNS", f"hosts[{index}]"
                )


def _check_endpoint(found: Findings, endpoint: Spec, resolution: str, *, names: set[str]) -> None:
    address, ports = text(endpoint.get("address")), mapping(endpoint.get("ports"))
    if not address and endpoint.get("network"):
        found.warn(
            "an endpoint with a network and no address is reached through that network's gateway only", "network"
        )
    elif address.startswith(UNIX):
        found.require(address[len(UNIX) :].startswith("/"), f"unix address {address!r} must be absolute", "address")
        found.require(not ports, "unix endpoints have no ports", "ports")
    elif resolution.startswith("DNS"):
        if not is_ip(address):
            check_host(found, address, wildcard=False, below="address")
    else:
        found.require(is_ip(address), f"endpoint address {address!r} is not a valid IP", "address")
    for name, number in ports.items():
        check_port(found, number, f"ports[{name}]")
        if names:
            found.require(
                name in names, f"endpoint port {name!r} is not defined by the service entry", f"ports[{name}]"
            )
    check_labels(found, endpoint.get("labels"), "labels")
