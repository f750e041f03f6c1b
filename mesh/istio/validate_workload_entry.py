"""WorkloadEntry and WorkloadGroup: an address outside Kubernetes, and a template with a probe for many of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_host, check_labels, is_ip
from mesh.istio.findings import Findings
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
UNIX = "unix://"
PROBE_KINDS = ("httpGet", "tcpSocket", "exec", "grpc")
SERVICE_ACCOUNT_CHARACTERS_MAX = 253
_PORT_NAME = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_HEADER = re.compile(r"[-_A-Za-z0-9]+")


def validate_workload_entry(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    address, ports = text(spec.get("address")), mapping(spec.get("ports"))
    if not address and not spec.get("network"):
        found.error("Address is required", "address")
    elif not address:
        found.warn("an entry with a network and no address is reached through that network's gateway only", "network")
    elif address.startswith(UNIX):
        _check_unix(found, address.removeprefix(UNIX), ports)
    elif not is_ip(address):
        check_host(found, address, wildcard=False, below="address")
    _check_template(found, spec)


def validate_workload_group(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    check_labels(found, mapping(spec.get("metadata")).get("labels"), "metadata.labels")
    for key in mapping(mapping(spec.get("metadata")).get("annotations")):
        found.require(key, "annotation names cannot be empty", "metadata.annotations")
    if spec.get("template") is None:
        found.error("template is required", "template")
    _check_template(found.at("template"), mapping(spec.get("template")))
    if spec.get("probe") is not None:
        _check_probe(found.at("probe"), mapping(spec["probe"]))


def _check_unix(found: Findings, path: str, ports: Spec) -> None:
    """An absolute path, or a name of the abstract namespace (`@name`)."""
    if not path.startswith(("/", "@")) or path in ("/", "@"):
        found.error("UDS must be an absolute path or abstract socket", "address")
    elif path.endswith("/"):
        found.error("UDS may not be a dir", "address")
    found.require(not ports, "UDS may not include ports", "ports")


def _check_template(found: Findings, spec: Spec) -> None:
    for name, number in mapping(spec.get("ports")).items():
        found.require(_PORT_NAME.fullmatch(name), f"Invalid value: {name!r} is no port name", f"ports[{name}]")
        if not 1 <= integer(number) <= 65535:
            found.error("port must be between 1-65535", f"ports[{name}]")
    check_labels(found, spec.get("labels"), "labels")
    found.require(integer(spec.get("weight")) >= 0, "weight must be non-negative", "weight")
    account = text(spec.get("serviceAccount"))
    found.require(len(account) <= SERVICE_ACCOUNT_CHARACTERS_MAX, "service account is too long", "serviceAccount")


def _check_probe(found: Findings, probe: Spec) -> None:
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        found.require(integer(probe.get(key)) >= 0, f"{key} must be non-negative", key)
    methods = [key for key in PROBE_KINDS if probe.get(key) is not None]
    if len(methods) != 1:
        found.error(f"exactly one of {', '.join(PROBE_KINDS)} is required")
        return
    method, at = mapping(probe[methods[0]]), found.at(methods[0])
    if methods[0] == "exec":
        at.require(items(method.get("command")), "command is required", "command")
    elif (methods[0] != "grpc" or method.get("port") is not None) and not 1 <= integer(method.get("port")) <= 65535:
        at.error("port must be between 1-65535", "port")
    if methods[0] == "httpGet":
        at.require(text(method.get("scheme")) in ("", "HTTP", "HTTPS"), "scheme must be HTTP or HTTPS", "scheme")
        for below, header in at.each("httpHeaders", method.get("httpHeaders")):
            name = text(mapping(header).get("name"))
            below.require(_HEADER.fullmatch(name), f"{below.path}.name in body should match '^[-_A-Za-z0-9]+$'", "name")
