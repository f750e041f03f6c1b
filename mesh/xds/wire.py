"""DeltaDiscoveryRequest and DeltaDiscoveryResponse as proto3 JSON, one a line.

Field names are read in snake_case and in camelCase and written in snake_case, as protobuf's JSON mapping allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mesh.xds.snapshot import Resource

LINE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """Why a proxy refuses a response; its message is `<path>: <reason>`."""

    code: int
    message: str

    @property
    def path(self) -> str:
        path, separator, _ = self.message.partition(": ")
        return path if separator else ""

    @property
    def reason(self) -> str:
        path, separator, reason = self.message.partition(": ")
        return reason if separator else path


@dataclass(frozen=True, slots=True)
class DeltaRequest:
    """`error` None = the nonce, if any, is acknowledged."""

    type_url: str
    node_id: str = ""
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class DeltaResponse:
    type_url: str
    version: str
    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]


class LineSplitter:
    """Cuts a stream of bytes into lines, without their ends."""

    def __init__(self, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._rest = bytearray()
        self._line_bytes_max = line_bytes_max

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes; ValueError for one that is too long."""
        if b"\n" not in data:
            self._rest += data
            lines = []
        else:
            first, *middle, rest = data.split(b"\n")
            lines = [bytes(self._rest) + first, *middle]
            self._rest = bytearray(rest)
        if len(self._rest) > self._line_bytes_max or any(len(line) > self._line_bytes_max for line in lines):
            raise ValueError(f"a line is longer than {self._line_bytes_max} bytes")
        return [line for line in lines if line]


def read_request(line: bytes) -> DeltaRequest:
    """Raises ValueError that says what is wrong."""
    value = msgspec.json.decode(line)
    if not isinstance(value, dict):
        raise ValueError("a request is a JSON object")
    type_url = _get(value, "type_url", "typeUrl") or ""
    if not isinstance(type_url, str) or not type_url:
        raise ValueError("type_url: a type URL is required")
    detail = _get(value, "error_detail", "errorDetail")
    versions = _get(value, "initial_resource_versions", "initialResourceVersions") or {}
    if not isinstance(versions, dict):
        raise ValueError("initial_resource_versions: must be an object")
    return DeltaRequest(
        type_url=type_url,
        node_id=_node_id(value.get("node")),
        subscribe=_names(value, "resource_names_subscribe", "resourceNamesSubscribe"),
        unsubscribe=_names(value, "resource_names_unsubscribe", "resourceNamesUnsubscribe"),
        initial_versions={str(name): str(version) for name, version in versions.items()},
        nonce=str(_get(value, "response_nonce", "responseNonce") or ""),
        error=_error(detail) if detail else None,
    )


def write_response(response: DeltaResponse) -> bytes:
    body = {
        "type_url": response.type_url,
        "system_version_info": response.version,
        "nonce": response.nonce,
        "resources": [
            {"name": resource.name, "version": resource.version, "resource": resource.body}
            for resource in response.resources
        ],
        "removed_resources": response.removed,
    }
    return msgspec.json.encode(body) + b"\n"


def _get(value: dict[str, Any], snake: str, camel: str) -> Any:
    return value[snake] if snake in value else value.get(camel)


def _node_id(node: Any) -> str:
    return str(node.get("id") or "") if isinstance(node, dict) else ""


def _names(value: dict[str, Any], snake: str, camel: str) -> tuple[str, ...]:
    names = _get(value, snake, camel) or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{snake}: must be a list of names")
    return tuple(names)


def _error(detail: Any) -> ErrorDetail:
    if not isinstance(detail, dict):
        raise ValueError("error_detail: must be an object")
    code = detail.get("code")
    return ErrorDetail(code if isinstance(code, int) else 2, str(detail.get("message") or "refused"))
