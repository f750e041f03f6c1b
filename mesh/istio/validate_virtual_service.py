"""VirtualService: hosts, gateways and the three lists of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_exports, host_problem, is_cidr, is_ip
from mesh.istio.findings import Findings
from mesh.istio.hosts import covers, fully_qualified, overlap
from mesh.istio.validate_destinations import check_destination, check_weights
from mesh.istio.validate_http import check_http_rule
from mesh.istio.values import StringMatch, items, mapping, text
from mesh.istio.virtual_service import MESH_GATEWAY

Spec = Mapping[str, Any]
RULE_LISTS = ("http", "tls", "tcp")


def validate_virtual_service(found: Findings, spec: Spec, namespace: str) -> None:
    hosts = [text(host) for host in items(spec.get("hosts"))]
    gateways = [text(name) for name in items(spec.get("gateways"))]
    in_mesh = not gateways or MESH_GATEWAY in gateways
    if hosts:
        _check_hosts(found, hosts, namespace, in_mesh=in_mesh)
        found.require(any(items(spec.get(key)) for key in RULE_LISTS), "http, tcp or tls must be provided")
    else:
        _check_delegate(found, spec)
    _check_gateways(found, gateways)
    check_exports(found, spec.get("exportTo"))
    for at, rule in found.each("http", spec.get("http")):
        check_http_rule(at, mapping(rule), delegate=not hosts, gateway_only=not in_mesh)
    for at, rule in found.each("tls", spec.get("tls")):
        _check_tls(at, mapping(rule), hosts)
    for at, rule in found.each("tcp", spec.get("tcp")):
        _check_tcp(at, mapping(rule))
    _warn_unreachable(found, spec)


def _check_hosts(found: Findings, hosts: list[str], namespace: str, *, in_mesh: bool) -> None:
    valid: list[str] = []
    for index, host in enumerate(hosts):
        problem = host_problem(host, wildcard=True)
        if problem and not is_ip(host):
            found.error(problem, f"hosts[{index}]")
            continue
        if host == "*" and in_mesh:
            found.error(
                "wildcard host * is not allowed for virtual services bound to the mesh gateway", f"hosts[{index}]"
            )
        name = fully_qualified(host, namespace)
        if any(overlap(name, other) for other in valid):
            found.error(f"duplicate hosts in virtual service: {host}", f"hosts[{index}]")
        valid.append(name)


def _check_delegate(found: Findings, spec: Spec) -> None:
    """Without hosts it can only be delegated to."""
    for key in ("gateways", "tls", "tcp"):
        found.require(not items(spec.get(key)), f"a delegate virtual service (no hosts) must have no {key}", key)
    found.require(items(spec.get("http")), "a virtual service without hosts must have http rules", "hosts")


def _check_gateways(found: Findings, gateways: list[str]) -> None:
    for index, name in enumerate(gateways):
        below = f"gateways[{index}]"
        owner, slash, short = name.rpartition("/")
        if (slash and (not owner or "*" in owner)) or not short or "*" in short or "/" in owner:
            found.error(f"gateway name {name!r} is invalid: namespace/name or name", below)
        elif "." in short:
            found.warn("gateways are named namespace/name; the name of a service's domain is not understood", below)


def _check_tls(found: Findings, rule: Spec, hosts: list[str]) -> None:
    found.require(items(rule.get("match")), "TLS route must have at least one match condition", "match")
    found.require(items(rule.get("route")), "TLS route is required", "route")
    for at, entry in found.each("match", rule.get("match")):
        match = mapping(entry)
        at.require(items(match.get("sniHosts")), "TLS match must have at least one SNI host", "sniHosts")
        for index, sni in enumerate(items(match.get("sniHosts"))):
            below = f"sniHosts[{index}]"
            if is_ip(text(sni)):
                at.warn(f"{sni}: an IP address is not sent as SNI, this condition never holds", below)
                continue
            problem = host_problem(text(sni), wildcard=True)
            if problem:
                at.error(problem, below)
            elif not any(covers(host, text(sni)) for host in hosts):
                at.error(f"SNI host {sni!r} is not inside the virtual service's hosts", below)
        _check_subnets(at, match)
    _check_routes(found, rule)


def _check_tcp(found: Findings, rule: Spec) -> None:
    found.require(items(rule.get("route")), "TCP route is required", "route")
    for at, entry in found.each("match", rule.get("match")):
        _check_subnets(at, mapping(entry))
    _check_routes(found, rule)


def _check_routes(found: Findings, rule: Spec) -> None:
    for at, route in found.each("route", rule.get("route")):
        check_destination(at.at("destination"), mapping(route).get("destination"))
    check_weights(found, rule.get("route"))


def _check_subnets(found: Findings, match: Spec) -> None:
    for at, subnet in found.each("destinationSubnets", match.get("destinationSubnets")):
        at.require(is_ip(text(subnet)) or is_cidr(text(subnet)), f"{subnet!r} is no address or CIDR")


def _warn_unreachable(found: Findings, spec: Spec) -> None:
    """Rules behind one that takes everything, and conditions inside an earlier, wider one."""
    plain: list[StringMatch] = []
    closed = False
    for at, entry in found.each("http", spec.get("http")):
        rule = mapping(entry)
        if closed:
            at.warn("this rule is never reached: one before it takes every request")
            continue
        if not items(rule.get("match")):
            closed = True
        for below, one in at.each("match", rule.get("match")):
            match = mapping(one)
            uri = StringMatch.read(match.get("uri"))
            if any(_inside(uri, wider) for wider in plain):
                below.warn("this match is never reached: a wider one comes before it")
            if set(match) <= {"uri", "name"} and uri.kind in ("exact", "prefix"):
                plain.append(uri)


def _inside(uri: StringMatch, wider: StringMatch) -> bool:
    if uri.kind not in ("exact", "prefix"):
        return False
    if wider.kind == "exact":
        return uri == wider
    return uri.value.startswith(wider.value)
