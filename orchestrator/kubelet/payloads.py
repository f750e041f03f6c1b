"""The files of configMap, secret, downwardAPI and projected volumes: what is in them, not where they lie. Pure.

A payload is path -> (bytes, mode). Missing required objects raise `ReferenceFailure`, and the container waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mesh.kube.objects import Object
from orchestrator.kubelet.environment import Lookup, content
from orchestrator.kubelet.references import ReferenceFailure, field, resource

MODE_DEFAULT = 0o644
TOKEN_MODE = 0o600

Payload = dict[str, tuple[bytes, int]]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A ServiceAccount token that a projected volume asks for."""

    path: str
    audience: str
    expiration_s: int

    @property
    def key(self) -> str:
        return f"{self.audience}/{self.expiration_s}"


def token_requests(volume: dict[str, Any]) -> list[TokenRequest]:
    return [
        TokenRequest(token["path"], token.get("audience") or "", int(token.get("expirationSeconds") or 3600))
        for source in (volume.get("projected") or {}).get("sources") or []
        if (token := source.get("serviceAccountToken"))
    ]


def payload(
    pod: Object, volume: dict[str, Any], lookup: Lookup, *, tokens: Mapping[str, str], node_ip: str
) -> Payload | None:
    """The files of one volume; None for a kind of volume that is not made of files."""
    if source := volume.get("configMap"):
        return _selected("ConfigMap", source, source.get("name", ""), lookup, source.get("defaultMode", MODE_DEFAULT))
    if source := volume.get("secret"):
        return _selected(
            "Secret", source, source.get("secretName", ""), lookup, source.get("defaultMode", MODE_DEFAULT)
        )
    if source := volume.get("downwardAPI"):
        return _downward(pod, source, source.get("defaultMode", MODE_DEFAULT), node_ip)
    if source := volume.get("projected"):
        return _projected(pod, source, lookup, tokens, node_ip)
    return None


def _projected(
    pod: Object, projected: dict[str, Any], lookup: Lookup, tokens: Mapping[str, str], node_ip: str
) -> Payload:
    mode = projected.get("defaultMode", MODE_DEFAULT)
    made: Payload = {}
    for source in projected.get("sources") or []:
        if found := source.get("configMap"):
            made |= _selected("ConfigMap", found, found.get("name", ""), lookup, mode)
        elif found := source.get("secret"):
            made |= _selected("Secret", found, found.get("name", ""), lookup, mode)
        elif found := source.get("downwardAPI"):
            made |= _downward(pod, found, mode, node_ip)
        elif found := source.get("serviceAccountToken"):
            key = TokenRequest("", found.get("audience") or "", int(found.get("expirationSeconds") or 3600)).key
            made[_safe(found["path"])] = (tokens[key].encode(), TOKEN_MODE)
        else:
            raise ReferenceFailure(f"this source of a projected volume is not supported: {', '.join(source)}")
    return made


def _selected(kind: str, source: dict[str, Any], name: str, lookup: Lookup, mode: int) -> Payload:
    """All keys, or those that `items` names, at the paths it gives."""
    obj = lookup(kind, name)
    optional = bool(source.get("optional"))
    if obj is None:
        if optional:
            return {}
        raise ReferenceFailure(f'{kind.lower()} "{name}" not found')
    held = content(obj)
    items = source.get("items")
    if items is None:
        return {_safe(key): (value, mode) for key, value in held.items()}
    made: Payload = {}
    for item in items:
        if item["key"] in held:
            made[_safe(item["path"])] = (held[item["key"]], item.get("mode", mode))
        elif not optional:
            raise ReferenceFailure(f"{kind.lower()} references non-existent config key: {item['key']}")
    return made


def _downward(pod: Object, source: dict[str, Any], mode: int, node_ip: str) -> Payload:
    made: Payload = {}
    for item in source.get("items") or []:
        if reference := item.get("fieldRef"):
            text = field(pod, reference["fieldPath"], node_ip)
        else:
            text = resource(pod, {}, item["resourceFieldRef"])
        made[_safe(item["path"])] = (text.encode(), item.get("mode", mode))
    return made


def _safe(path: str) -> str:
    """A path inside the volume: never absolute, never upwards."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ReferenceFailure(f"the path {path!r} leaves its volume")
    return "/".join(parts)
