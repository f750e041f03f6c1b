"""OpenAPI v3 documents, one for each group and version, from the field table.

kubectl needs a `patch` operation with the kind and a `fieldValidation` parameter before it lets the server validate;
`explain` reads the schemas.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mesh.kube.kinds import Kind, KindRegistry
from mesh.kube.patch import MERGE_KEYS
from mesh.kube.schema.fields import Field, Message, message, message_of

_SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "quantity": {"type": "string"},
    "intorstring": {"type": "string", "format": "int-or-string"},
    "any": {"type": "object"},
}
_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object."  # what `explain` shows first
)
_KIND = "Kind is a string value representing the REST resource this object represents."


class OpenApi:
    """Documents of one registry, made when first asked for."""

    def __init__(self, registry: KindRegistry) -> None:
        self._registry = registry
        self._documents: dict[str, bytes] = {}
        self._index: bytes | None = None

    def refresh(self) -> None:
        self._documents.clear()
        self._index = None

    def paths(self) -> list[str]:
        """`api/v1`, `apis/apps/v1` …"""
        return list(dict.fromkeys(_path(kind) for kind in self._registry))

    def index(self) -> bytes:
        if self._index is None:
            paths = {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self.hash_of(path)}"} for path in self.paths()
            }
            self._index = msgspec.json.encode({"paths": paths})
        return self._index

    def hash_of(self, path: str) -> str:
        """Changes whenever the document does: kubectl caches by it."""
        return hashlib.sha256(self.document(path) or b"").hexdigest().upper()

    def document(self, path: str) -> bytes | None:
        if path not in self._documents:
            kinds = [kind for kind in self._registry if _path(kind) == path]
            if not kinds:
                return None
            self._documents[path] = msgspec.json.encode(_document(kinds))
        return self._documents[path]


def _path(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _document(kinds: list[Kind]) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in kinds:
        root = message_of(kind.api_version, kind.kind)
        name = _kind_name(kind, root)
        schemas[name] = _root_schema(kind, root, schemas)
        paths.update(_operations(kind, name))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _kind_name(kind: Kind, root: Message | None) -> str:
    if root is not None and not root.name.startswith("istio."):
        return _schema_name(root.name)
    return ".".join((*reversed(kind.group.split(".")), kind.version, kind.kind))


def _schema_name(name: str) -> str:
    return f"io.k8s.{'apimachinery.pkg.' if name.startswith('apis.') else 'api.'}{name}"


def _root_schema(kind: Kind, root: Message | None, schemas: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": _API_VERSION},
        "kind": {"type": "string", "description": _KIND},
    }
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "x-kubernetes-group-version-kind": [_gvk(kind)],
    }
    if root is None:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    else:
        properties.update({f.name: _property(f, root, schemas) for f in root.fields.values()})
    return schema


def _gvk(kind: Kind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _property(field: Field, parent: Message, schemas: dict[str, Any]) -> dict[str, Any]:
    inner: dict[str, Any]
    if field.scalar:
        inner = dict(_SCALARS[field.type])
    else:
        name = _schema_name(field.type)
        if name not in schemas and (known := message(field.type)) is not None:
            schemas[name] = {}
            properties = {f.name: _property(f, known, schemas) for f in known.fields.values()}
            schemas[name] = {"type": "object", "properties": properties}
        # `allOf` around the reference, as upstream: a bare $ref cannot stand beside other keys.
        inner = {"allOf": [{"$ref": f"#/components/schemas/{name}"}]}
    if field.shape == "map":
        return {"type": "object", "additionalProperties": inner}
    if field.shape == "list":
        schema: dict[str, Any] = {"type": "array", "items": inner}
        key = MERGE_KEYS.get(parent.name, {}).get(field.name)
        if key:
            schema["x-kubernetes-patch-strategy"] = "merge"
            if key != "$":
                schema["x-kubernetes-patch-merge-key"] = key
        return schema
    return inner


def _operations(kind: Kind, name: str) -> dict[str, Any]:
    base = kind.path("{namespace}" if kind.namespaced else None)
    reference = {"$ref": f"#/components/schemas/{name}"}
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}}
    query = [
        {"name": word, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for word in ("dryRun", "fieldManager", "fieldValidation")
    ]

    def operation(verb: str, action: str) -> dict[str, Any]:
        return {
            "operationId": f"{verb}{kind.kind}",
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _gvk(kind),
            "responses": answer,
        }

    collection: dict[str, Any] = {}
    item: dict[str, Any] = {}
    body = {"content": {"*/*": {"schema": reference}}}
    if "create" in kind.verbs:
        collection["post"] = {**operation("create", "post"), "parameters": query, "requestBody": body}
    if "list" in kind.verbs:
        collection["get"] = operation("list", "list")
        item["get"] = operation("read", "get")
        item["put"] = {**operation("replace", "put"), "parameters": query, "requestBody": body}
        item["patch"] = {**operation("patch", "patch"), "parameters": query}
        item["delete"] = operation("delete", "delete")
    found = {base: collection}
    if item:
        found[f"{base}/{{name}}"] = item
    return found
