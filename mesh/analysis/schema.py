"""Each object by itself, as admission judges it: IST0106 for errors, IST0133 and its relatives for warnings."""

from __future__ import annotations

from mesh.analysis.model import CLUSTER_SCOPED, Finding, Findings, World
from mesh.istio.validation import ISTIO_GROUPS, SUPPORTED_KINDS, check

UNREACHABLE = ("not used", "never", "unreachable")


def analyze_schema(world: World) -> Findings:
    for resource in world.resources:
        if resource.group not in ISTIO_GROUPS or resource.kind not in SUPPORTED_KINDS | CLUSTER_SCOPED:
            continue
        verdict = check(resource.object)
        for error in verdict.errors:
            code = "IST0122" if "invalid regex" in error.message else "IST0106"
            arguments = (error.path, error.message) if code == "IST0122" else (error.message,)
            yield Finding(code, resource, error.path, arguments)
        for warning in verdict.warnings:
            if resource.kind == "ServiceEntry" and "addresses are required" in warning.message:
                continue  # IST0134 says it
            unreachable = resource.kind == "VirtualService" and any(word in warning.message for word in UNREACHABLE)
            yield Finding("IST0130" if unreachable else "IST0133", resource, warning.path, (warning.message,))
