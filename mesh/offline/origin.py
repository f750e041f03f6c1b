"""From a compiled route back to the rule that made it: kind, name, file, line, index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mesh.istio.meta import SOURCE_ANNOTATION
from mesh.istio.values import mapping
from mesh.kube.objects import Object, name_of, namespace_of
from mesh.offline.documents import Document


class Origins:
    """The documents of one set of files, by kind and name."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = {
            (str(one.object["kind"]), namespace_of(one.object) or "default", name_of(one.object)): one
            for one in documents
        }

    def rule(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """`resource` is `VirtualService shop/cart`; all None for a route that no rule made."""
        found = self.decided_by(metadata)
        if found is None:
            return {"resource": None, "file": None, "line": None, "index": None}
        resource = f"{found['kind']} {found['namespace']}/{found['name']}"
        return {"resource": resource, "file": found["file"], "line": found["line"], "index": found["index"]}

    def decided_by(self, metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
        told = mapping(mapping(metadata).get("istio"))
        parts = str(told.get("config") or "").split("/")
        if len(parts) != 8:  # /apis/GROUP/v1/namespaces/NAMESPACE/KIND/NAME
            return None
        kind = "".join(word.capitalize() for word in parts[6].split("-"))
        index = told.get("rule")
        document = self._documents.get((kind, parts[5], parts[7]))
        line = None
        if document is not None:
            line = document.line_of(f"spec.http[{index}]" if index is not None else "")
        return {
            "kind": kind,
            "namespace": parts[5],
            "name": parts[7],
            "file": document.file if document is not None else None,
            "line": line,
            "index": index,
        }


def with_source(document: Document) -> Object:
    """The object as `mesh apply` would send it: in a namespace, and saying where it was written."""
    meta = {"namespace": "default", **mapping(document.object.get("metadata"))}
    annotations = {**mapping(meta.get("annotations")), SOURCE_ANNOTATION: f"{document.file}:{document.line}"}
    return {**document.object, "metadata": {**meta, "annotations": annotations}}
