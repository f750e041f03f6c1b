"""Where a rule came from: the object, and the file and line when it came through this project's own commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mesh.kube.objects import Object, annotations_of, name_of, namespace_of

SOURCE_ANNOTATION = "pocketmesh.io/source"
"""`path/to/file.yaml:12`: the document's first line, written by whoever read the file."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Identity and origin of one Istio object."""

    group: str
    kind: str
    namespace: str
    name: str
    created: str = ""
    file: str = ""
    line: int = 0

    @property
    def age(self) -> tuple[str, str, str]:
        """Sort key for "the oldest wins"; ties are broken by name, then namespace."""
        return self.created, self.name, self.namespace

    @property
    def config(self) -> str:
        """`/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews`, as Istio's metadata has it."""
        kind = re.sub(r"(?<!^)(?=[A-Z])", "-", self.kind).lower()
        return f"/apis/{self.group}/v1/namespaces/{self.namespace}/{kind}/{self.name}"


def meta_of(obj: Object) -> Meta:
    source, _, line = annotations_of(obj).get(SOURCE_ANNOTATION, "").rpartition(":")
    return Meta(
        group=str(obj.get("apiVersion") or "").partition("/")[0],
        kind=str(obj.get("kind") or ""),
        namespace=namespace_of(obj) or "default",
        name=name_of(obj),
        created=str((obj.get("metadata") or {}).get("creationTimestamp") or ""),
        file=source,
        line=int(line) if line.isdigit() else 0,
    )


def origin(meta: Meta, rule: int | None = None) -> dict[str, Any]:
    """The `metadata` of an Envoy resource that `meta`'s rule number `rule` made."""
    fields: dict[str, Any] = {"config": meta.config}
    if rule is not None:
        fields["rule"] = rule
    if meta.file:
        fields["file"] = meta.file
        fields["line"] = meta.line
    return {"filter_metadata": {"istio": fields}}
