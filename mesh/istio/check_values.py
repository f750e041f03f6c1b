"""Checks of leaf values that several kinds share: names, ports, durations, percentages, expressions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import re2

from mesh.istio.findings import Findings
from mesh.istio.values import StringMatch, duration_s, integer, items, mapping, text

HOST_LENGTH_MAX = 255
LABEL_LENGTH_MAX = 63
REGEX_LENGTH_MAX = 1024
PORT_MAX = 65535
_QUIET = re2.Options()
_QUIET.log_errors = False
_LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_WILDCARD_LABEL = re.compile(r"\*|\*?[a-zA-Z0-9*-]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_SNI_LABEL = re.compile(r"[-a-zA-Z0-9_]+")
_LABEL_VALUE = re.compile(r"([a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?")
_DNS1123_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
MODES_OF_EXPORT = frozenset({"*", ".", "~"})


def is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_cidr(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return "/" in value


def host_problem(host: str, *, wildcard: bool) -> str:
    """Empty when `host` is a domain name (with `wildcard`: `*`, `*.domain` or `*domain` too)."""
    if not host:
        return "host is required"
    if len(host) > HOST_LENGTH_MAX:
        return f"domain name {host[:32]!r}... is too long (max {HOST_LENGTH_MAX})"
    labels = host.removesuffix(".").split(".")
    for index, label in enumerate(labels):
        first = index == 0 and wildcard
        pattern = _WILDCARD_LABEL if first and label.startswith("*") else _LABEL
        if host.startswith("outbound_."):
            pattern = _SNI_LABEL  # a sidecar's own server name
        if len(label) > LABEL_LENGTH_MAX or not pattern.fullmatch(label):
            return f"domain name {host!r} is invalid (label {label!r})"
    if labels[-1].isdigit() and len(labels) > 1 and not is_ip(host):
        return f"domain name {host!r} is invalid (top level domain is all numeric)"
    return ""


def check_host(found: Findings, host: Any, *, wildcard: bool, below: str = "") -> None:
    problem = host_problem(text(host), wildcard=wildcard)
    if problem:
        found.error(problem, below)


def check_port(found: Findings, number: Any, below: str = "") -> None:
    if not 1 <= integer(number) <= PORT_MAX:
        found.error(f"port number {number} must be in the range 1..{PORT_MAX}", below)


def check_duration(found: Findings, spec: Mapping[str, Any], key: str, *, zero: bool = False) -> None:
    """At least one millisecond and a multiple of it; `zero`: 0s is allowed and means "off"."""
    if spec.get(key) is None:
        return
    seconds = duration_s(spec[key])
    if seconds is None:
        found.error(f"{spec[key]!r} is not a duration", key)
    elif zero and seconds == 0:
        return
    elif seconds < 0.001:
        found.error("duration must be greater than or equal to 1ms", key)
    elif abs(seconds * 1000 - round(seconds * 1000)) > 1e-7:
        found.error("only durations to ms precision are supported", key)


def check_percent(found: Findings, value: Any, below: str) -> None:
    if value is None:
        return
    number = mapping(value).get("value", 0) if isinstance(value, Mapping) else value
    if not isinstance(number, int | float) or not 0 <= number <= 100:
        found.error("percentage must be in the range 0..100", below)


def check_regex(found: Findings, expression: str, below: str) -> None:
    if len(expression) > REGEX_LENGTH_MAX:
        found.error(f"regex is too long (max {REGEX_LENGTH_MAX} characters)", below)
        return
    try:
        re2.compile(expression, _QUIET)  # type: ignore[no-untyped-call]
    except re2.error as error:
        found.error(f"invalid regex {expression!r}: {error}", below)


def check_string_match(found: Findings, value: Any, below: str, *, empty_prefix: bool = False) -> None:
    match = StringMatch.read(value)
    if match.kind == "regex" and not match.presence:
        check_regex(found, match.value, f"{below}.regex")
        found.require(match.value, "regex must not be empty", f"{below}.regex")
    if match.kind == "prefix" and not match.value and not empty_prefix:
        found.error("prefix must not be empty", f"{below}.prefix")


def check_exports(found: Findings, value: Any, key: str = "exportTo") -> None:
    targets = [text(target) for target in items(value)]
    for index, target in enumerate(targets):
        if target not in MODES_OF_EXPORT and not _DNS1123_NAME.fullmatch(target):
            found.error(f"{target!r} is no namespace, `*`, `.` or `~`", f"{key}[{index}]")
    if len(set(targets)) != len(targets):
        found.error("duplicate entries in exportTo", key)
    if len(targets) > 1 and ("*" in targets or "~" in targets):
        found.error("`*` or `~` cannot stand beside other entries", key)


def check_labels(found: Findings, value: Any, below: str) -> None:
    for key, label in mapping(value).items():
        if not _LABEL_KEY.fullmatch(key):
            found.error(f"invalid label key {key!r}", below)
        if not isinstance(label, str) or not _LABEL_VALUE.fullmatch(label):
            found.error(f"invalid label value {label!r}", f"{below}[{key}]")


def check_selector(found: Findings, value: Any, below: str) -> None:
    """Selectors match exactly: a `*` in one would silently select nothing."""
    for key, label in mapping(value).items():
        found.require(key, "empty key is not supported in selector", below)
        if "*" in key or "*" in str(label):
            found.error("wildcard is not supported in selector", below)
