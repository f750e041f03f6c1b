"""Request bodies: JSON, YAML and Kubernetes protobuf, each bounded, all to plain JSON values."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from mesh.kube.client import PatchType
from orchestrator.api.errors import bad_request, failure, unsupported_media_type
from orchestrator.api.protobuf import ProtobufError, decode_envelope

BODY_BYTES_MAX = 3 * 1024 * 1024
DEPTH_MAX = 100
YAML_EVENTS_MAX = 500_000

PROTOBUF = "application/vnd.kubernetes.protobuf"
_JSON = frozenset(("", "application/json", "*/*"))
_YAML = frozenset(("application/yaml", "text/yaml", "application/x-yaml"))
PATCH_TYPES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


def decode_body(content: bytes, content_type: str) -> dict[str, Any]:
    """The object in a request body; a missing Content-Type is JSON (kubectl's PUT of a scale sends none)."""
    media = content_type.partition(";")[0].strip().lower()
    if media in _JSON:
        value = decode_json(content)
    elif media in _YAML:
        value = _decode_yaml(content)
    elif media == PROTOBUF:
        try:
            value = decode_envelope(content)
        except ProtobufError as problem:
            raise bad_request(f"the object provided is unrecognized: {problem}") from problem
    else:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, "
            "application/yaml, application/vnd.kubernetes.protobuf"
        )
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    return value


def decode_json(content: bytes) -> Any:
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise bad_request(f"couldn't get version/kind; json parse error: {problem}") from problem
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Refuse values nested deeper than any object is: everything after this may recurse."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise bad_request(f"the body is nested deeper than {DEPTH_MAX} levels")


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Keeps dates as text, as JSON has them."""


_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _decode_yaml(content: bytes) -> Any:
    try:
        _check_events(content)
        value = yaml.load(content, _Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError) as problem:
        raise bad_request(f"error converting YAML to JSON: {problem}") from problem
    check_depth(value)
    return value


def _check_events(content: bytes) -> None:
    """Bound a document before it is built: YAML bombs are made of aliases."""
    depth = 0
    for count, event in enumerate(yaml.parse(content, _Loader)):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not accepted")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if count > YAML_EVENTS_MAX or depth > DEPTH_MAX:
            raise yaml.YAMLError("the document is too large or nested too deep")


def decode_patch(content: bytes, content_type: str) -> tuple[PatchType, Any]:
    media = content_type.partition(";")[0].strip().lower()
    patch_type = PATCH_TYPES.get(media)
    if patch_type is None:
        accepted = ", ".join(PATCH_TYPES)
        raise unsupported_media_type(
            f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        )
    if patch_type == "apply":
        return patch_type, _decode_yaml(content)
    return patch_type, decode_json(content)


def too_large() -> Exception:
    return failure(413, f"Request entity too large: limit is {BODY_BYTES_MAX}")
