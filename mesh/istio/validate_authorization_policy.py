"""AuthorizationPolicy: actions, and rules of sources, operations and conditions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.authorization_keys import check_condition
from mesh.istio.check_targets import check_attachment
from mesh.istio.findings import Findings
from mesh.istio.values import items, mapping, text

Spec = Mapping[str, Any]
ACTIONS = frozenset({"ALLOW", "DENY", "AUDIT", "CUSTOM"})
SOURCES = (
    "principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals", "namespaces", "notNamespaces",
    "serviceAccounts", "notServiceAccounts", "trustDomains", "notTrustDomains", "ipBlocks", "notIpBlocks",
    "remoteIpBlocks", "notRemoteIpBlocks",
)  # fmt: skip
OPERATIONS = ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths")
HTTP_OPERATIONS = tuple(key for key in OPERATIONS if "orts" not in key)
JWT_SOURCES = ("requestPrincipals", "notRequestPrincipals")
SERVICE_ACCOUNTS_MAX = 16
SERVICE_ACCOUNT_CHARACTERS_MAX = 320
_PORT = re.compile(r"[1-9]\d{0,4}")
_TEMPLATE = re.compile(r"\{\*\*?\}")


def validate_authorization_policy(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    check_attachment(found, spec)
    action = text(spec.get("action")) or "ALLOW"
    found.require(action in ACTIONS, f"unsupported value: {action!r}", "action")
    rules = spec.get("rules")
    if action in ("DENY", "CUSTOM") and not items(rules):
        found.error(f"{action} action without `rules` is meaningless as it will never be triggered", "rules")
    if action == "CUSTOM":
        found.require(mapping(spec.get("provider")).get("name"), "`provider.name` must not be empty", "provider.name")
    elif spec.get("provider") is not None:
        found.error("`provider` must not be with non CUSTOM action", "provider")
    for at, entry in found.each("rules", rules):
        if entry is None:
            at.error("`rule` cannot be nil")
            continue
        _check_rule(at, mapping(entry), action)


def _check_rule(found: Findings, rule: Spec, action: str) -> None:
    for key in ("from", "to", "when"):
        if rule.get(key) is not None and not items(rule[key]):
            found.error(f"`{key}` cannot be empty, should have at least one item", key)
    for at, entry in found.each("from", rule.get("from")):
        _check_source(at.at("source"), mapping(mapping(entry).get("source")), action)
    for at, entry in found.each("to", rule.get("to")):
        _check_operation(at.at("operation"), mapping(mapping(entry).get("operation")))
    for at, entry in found.each("when", rule.get("when")):
        check_condition(at, mapping(entry), custom=action == "CUSTOM")
    if action == "DENY" and _only_http(rule):
        found.warn(
            "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only "
            "HTTP attributes in a DENY rule; it is recommended to explicitly specify the port",
        )


def _only_http(rule: Spec) -> bool:
    """Some part of the rule looks at HTTP only, and no port keeps it from TCP (where it is ignored)."""
    operations = [mapping(mapping(entry).get("operation")) for entry in items(rule.get("to"))]
    if any(any(one.get(key) for key in HTTP_OPERATIONS) and not one.get("ports") for one in operations):
        return True
    sources = [mapping(mapping(entry).get("source")) for entry in items(rule.get("from"))]
    return not any(one.get("ports") for one in operations) and any(
        one.get(key) for one in sources for key in JWT_SOURCES
    )


def _check_source(found: Findings, source: Spec, action: str) -> None:
    if not any(source.get(key) for key in SOURCES):
        found.error("`from.source` cannot be empty")
    _check_filled(found, source, SOURCES)
    for key in ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"):
        for at, block in found.each(key, source.get(key)):
            if block and not _is_block(text(block)):
                at.error(f"bad CIDR range ({block}): invalid IP address")
    if action == "CUSTOM":
        for key in JWT_SOURCES:
            found.require(not source.get(key), "a CUSTOM policy is asked before the token is read", key)
    for accounts, excluded in (
        ("serviceAccounts", ("namespaces", "principals")),
        ("notServiceAccounts", ("notNamespaces", "notPrincipals")),
    ):
        if source.get(accounts) and any(source.get(key) for key in excluded):
            found.error("Cannot set serviceAccounts with namespaces or principals", accounts)
        found.require(len(items(source.get(accounts))) <= SERVICE_ACCOUNTS_MAX, "too many service accounts", accounts)
        for at, account in found.each(accounts, source.get(accounts)):
            _check_account(at, text(account))


def _check_account(found: Findings, account: str) -> None:
    namespace, slash, name = account.rpartition("/")
    if "*" in account:
        found.error(f"serviceAccounts do not support wildcards: {account!r}")
    elif account and (not name or (slash and not namespace) or "/" in namespace):
        found.error(f"invalid service account {account!r}: want `name` or `namespace/name`")
    found.require(len(account) <= SERVICE_ACCOUNT_CHARACTERS_MAX, "service account is too long")


def _check_operation(found: Findings, operation: Spec) -> None:
    if not any(operation.get(key) for key in OPERATIONS):
        found.error("`to.operation` cannot be empty")
    _check_filled(found, operation, OPERATIONS)
    for key in ("ports", "notPorts"):
        for at, port in found.each(key, operation.get(key)):
            if port and not (_PORT.fullmatch(text(port)) and int(port) <= 65535):
                at.error(f"port must be in the range 1..65535: {port!r}")
    for key in ("paths", "notPaths"):
        for at, path in found.each(key, operation.get(key)):
            problem = path_problem(text(path))
            if problem:
                at.error(problem)


def path_problem(path: str) -> str:
    """Empty unless `path` is a broken template: `{*}` is one segment, `{**}` the rest and last."""
    if "{" not in path and "}" not in path:
        return ""
    if not _TEMPLATE.search(path):
        return f"invalid or unsupported path {path}, '{{' and '}}' stand only in {{*}} and {{**}}"
    segments = path.split("/")
    if "{**}" in segments[:-1]:
        return f"invalid or unsupported path {path}, `{{**}}` must be the last segment"
    for segment in segments:
        if segment not in ("{*}", "{**}") and any(letter in segment for letter in "{}*"):
            return f"invalid or unsupported path {path}, segment {segment!r}: a template is a whole segment"
    return ""


def _check_filled(found: Findings, value: Spec, keys: tuple[str, ...]) -> None:
    for key in keys:
        for at, one in found.each(key, value.get(key)):
            at.require(one, f"`{key}` has an empty value")


def _is_block(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True
