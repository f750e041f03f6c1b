"""Access logs and tracing of a proxy, from MeshConfig."""

from __future__ import annotations

import json

from mesh.istio.mesh_config import DEFAULT_ACCESS_LOG_FORMAT, JSON_LOG_FIELDS, MeshConfig
from mesh.registry.model import Workload
from mesh.translate.resources import Resource, config, typed

TRACES_URI = "https://istiod.istio-system.svc/v1/traces"
TRACES_CLUSTER = "xds-grpc"
"""The proxy's own connection to the control plane; our data plane posts spans there whatever cluster is named."""


def access_log(mesh: MeshConfig) -> list[Resource]:
    """Empty unless `accessLogFile` is set: off is Istio's default."""
    if not mesh.access_log_file:
        return []
    return [typed("envoy.access_loggers.file", "file_access_log", path=mesh.access_log_file, log_format=_format(mesh))]


def _format(mesh: MeshConfig) -> Resource:
    if not mesh.access_log_json:
        text = mesh.access_log_format or DEFAULT_ACCESS_LOG_FORMAT
        return {"text_format_source": {"inline_string": text if text.endswith("\n") else f"{text}\n"}}
    fields = dict(JSON_LOG_FIELDS)
    if mesh.access_log_format:
        try:
            fields = json.loads(mesh.access_log_format)
        except ValueError:
            pass  # as Istio: a format that is no JSON leaves the default fields
    return {"json_format": fields}


def tracing(mesh: MeshConfig, proxy: Workload) -> Resource | None:
    """None when tracing is off for the mesh."""
    if not mesh.tracing:
        return None
    tags = {
        "istio.canonical_revision": proxy.canonical_revision,
        "istio.canonical_service": proxy.canonical_name,
        "istio.namespace": proxy.namespace,
    }
    return {
        "client_sampling": {"value": 100.0},
        "random_sampling": {"value": mesh.sampling_percent},
        "overall_sampling": {"value": 100.0},
        "custom_tags": [{"tag": tag, "literal": {"value": value}} for tag, value in tags.items()],
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": config(
                "opentelemetry",
                service_name=f"{proxy.canonical_name}.{proxy.namespace}",
                http_service={"http_uri": {"uri": TRACES_URI, "cluster": TRACES_CLUSTER, "timeout": "10s"}},
            ),
        },
    }
