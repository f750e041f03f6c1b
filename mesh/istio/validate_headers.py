"""`headers` {request, response} {set, add, remove}: names, and values that go through Envoy's formatter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.findings import Findings
from mesh.istio.values import mapping, text

_NAME = re.compile(r"[!#$&'*+.^_`|~0-9A-Za-z-]+|:authority")
_COMMAND = re.compile(r"%([A-Z_0-9]+)(\([^()]*\))?(:[0-9]+)?%")
COMMANDS = re.compile(
    r"HOSTNAME|PROTOCOL|REQ|RESP|TRAILER|START_TIME\w*|BYTES_\w+|RESPONSE_\w+|DURATION\w*|UPSTREAM_\w+|DOWNSTREAM_\w+"
    r"|DYNAMIC_METADATA|CLUSTER_METADATA|FILTER_STATE|PER_REQUEST_STATE|ROUTE_NAME|VIRTUAL_CLUSTER_NAME"
    r"|VIRTUAL_HOST_NAME|REQUESTED_SERVER_NAME|ENVIRONMENT|UNIQUE_ID|CONNECTION_\w+|STREAM_ID|GRPC_STATUS\w*"
    r"|METADATA|TRACE_ID|QUERY_PARAM\w*|PATH|LOCAL_REPLY_BODY|FILTER_CHAIN_NAME|REQUEST_\w+|EMIT_TIME|CUSTOM_FLAGS"
    r"|REQ_WITHOUT_QUERY"
)


def check_header_edits(found: Findings, headers: Mapping[str, Any]) -> None:
    for side in ("request", "response"):
        edits, at = mapping(headers.get(side)), found.at(side)
        for key in ("set", "add"):
            for name, value in mapping(edits.get(key)).items():
                _check_name(at, name, f"{key}[{name}]")
                problem = format_problem(text(value))
                if problem:
                    at.error(problem, f"{key}[{name}]")
        for below, name in at.each("remove", edits.get("remove")):
            _check_name(below, text(name), "")


def header_authority(headers: Mapping[str, Any]) -> bool:
    """The request's edits name the Host."""
    request = mapping(headers.get("request"))
    names = [name.lower() for key in ("set", "add") for name in mapping(request.get(key))]
    return "host" in names or ":authority" in names


def format_problem(value: str) -> str:
    """Empty when every `%` is `%%` or belongs to a command that Envoy knows."""
    rest = value.replace("%%", "")
    for command in _COMMAND.finditer(rest):
        if not COMMANDS.fullmatch(command.group(1)):
            return f"unknown command %{command.group(1)}% (a literal % is written %%)"
    return "single % not allowed: escape it as %%" if "%" in _COMMAND.sub("", rest) else ""


def _check_name(found: Findings, name: str, below: str) -> None:
    if not name:
        found.error("header name cannot be empty", below)
    elif not _NAME.fullmatch(name):
        found.error(f"header name {name!r} is invalid", below)
