"""Is an object right by itself? Structure by the field tables, meaning by Istio's rules: what admission asks too."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.istio.findings import Message
from mesh.istio.validation import ISTIO_GROUPS, check, unsupported
from mesh.kube.objects import Object, name_of
from mesh.kube.schema.check import check as check_fields
from mesh.kube.schema.fields import message_of
from mesh.offline.documents import Document


@dataclass(frozen=True, slots=True)
class Checked:
    """`unsupported` are fields that are right in Istio and that this mesh would refuse."""

    document: Document
    errors: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
    unsupported: tuple[Message, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, object]:
        def listed(messages: Iterable[Message]) -> list[dict[str, object]]:
            return [
                {"path": one.path, "line": self.document.line_of(one.path), "message": one.message} for one in messages
            ]

        return {
            "file": self.document.file,
            "line": self.document.line,
            "kind": str(self.document.object.get("kind") or ""),
            "name": name_of(self.document.object),
            "valid": self.valid,
            "errors": listed(self.errors),
            "warnings": listed(self.warnings),
            "unsupported": listed(self.unsupported),
        }


def check_document(document: Document) -> Checked:
    if document.problem:
        return Checked(document, errors=(Message("", document.problem),))
    obj = document.object
    structure = structure_errors(obj)
    if isinstance(obj.get("metadata", {}), dict):
        verdict = check(obj)
        return Checked(document, (*structure, *verdict.errors), verdict.warnings, unsupported(obj))
    return Checked(document, structure)


def structure_errors(obj: Object) -> tuple[Message, ...]:
    """Unknown fields and wrong types. A kind that no table describes is not judged, unless it claims to be Istio's."""
    group = str(obj.get("apiVersion") or "").rpartition("/")[0]
    schema = message_of(str(obj.get("apiVersion")), str(obj.get("kind")))
    metadata = obj.get("metadata", {})
    if metadata is not None and not isinstance(metadata, dict):
        return (Message("metadata", "metadata must be an object"),)
    if schema is None:
        return (Message("kind", f"no kind {obj.get('kind')} in {group}"),) if group in ISTIO_GROUPS else ()
    found = check_fields(copy.deepcopy(obj), schema)
    return (
        *(Message(path, "unknown field") for path in found.unknown),
        *(Message(one.path, f"must be of type {one.expected}, not {one.found}") for one in found.wrong),
    )
