"""Annotations of Istio: known, in the right place, with a value that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.analysis.annotation_table import ANNOTATIONS, ANY
from mesh.analysis.model import Finding, Findings, Resource, World
from mesh.istio.values import mapping

KINDS = ("Namespace", "Service", "Pod", "Deployment")
OTHERS = frozenset({"kubernetes.io/ingress.class"})
"""Annotations that are not called Istio's and that it reads all the same."""


def analyze_annotations(world: World) -> Findings:
    for kind in KINDS:
        for resource in world.of(kind):
            yield from _check(resource, kind, resource.annotations, "metadata.annotations")
            if kind == "Deployment":
                template = mapping(mapping(resource.spec.get("template")).get("metadata"))
                yield from _check(
                    resource, "Pod", mapping(template.get("annotations")), "spec.template.metadata.annotations"
                )


def _check(resource: Resource, kind: str, annotations: Mapping[str, Any], path: str) -> Findings:
    for name, value in annotations.items():
        if not name.partition("/")[0].endswith("istio.io") and name not in OTHERS:
            continue
        where = f"{path}[{name}]"
        known = ANNOTATIONS.get(name)
        if known is None:
            yield Finding("IST0108", resource, where, (name,))
            continue
        if known.deprecated:
            yield Finding("IST0135", resource, where, (name,))
        if ANY not in known.kinds and kind not in known.kinds:
            yield Finding("IST0107", resource, where, (name, " or ".join(known.kinds)))
            continue
        problem = known.problem(str(value))
        if problem:
            yield Finding("IST0125", resource, where, (name, problem))
