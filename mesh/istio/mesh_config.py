"""MeshConfig: ConfigMap `istio-system/istio`, key `mesh`, with Istio's defaults.

A key that is not known, or known and not acted on, becomes a warning: the mesh must come up with a configuration that
was written for Istio, and its owner must learn what has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.istio.values import duration_s, integer, items, mapping, text

CONFIG_MAP = ("istio-system", "istio")
CONFIG_KEY = "mesh"

DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
DEFAULT_RETRY_ATTEMPTS = 2
DEFAULT_CONNECT_TIMEOUT_S = 10.0
DEFAULT_SAMPLING_PERCENT = 1.0

DEFAULT_ACCESS_LOG_FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""The text format of Istio's access log."""

JSON_LOG_FIELDS: Mapping[str, str] = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}
"""The fields of Istio's access log when accessLogEncoding is JSON."""

PATH_NORMALIZATIONS = ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
"""`pathNormalization.normalization`, each doing more than the one before; DEFAULT is BASE."""

ACTED_ON = frozenset({
    "outboundTrafficPolicy", "enableAutoMtls", "accessLogFile", "accessLogFormat", "accessLogEncoding", "defaultConfig",
    "defaultHttpRetryPolicy", "trustDomain", "rootNamespace", "connectTimeout", "enableTracing", "extensionProviders",
    "protocolDetectionTimeout", "pathNormalization",
})  # fmt: skip
"""Top-level keys that have an effect here."""

HARMLESS = frozenset({
    "enablePrometheusMerge", "defaultProviders", "ingressService", "ingressSelector", "ingressClass",
    "ingressControllerMode", "proxyListenPort", "proxyInboundListenPort", "dnsRefreshRate",
})  # fmt: skip
"""Keys of Istio's own installation profiles whose default is what this mesh does anyway."""


@dataclass(frozen=True, slots=True)
class RetryDefault:
    """`defaultHttpRetryPolicy`, in the fields of a VirtualService's `retries`."""

    attempts: int = DEFAULT_RETRY_ATTEMPTS
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """The mesh-wide settings this control plane honours."""

    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    registry_only: bool = False  # outboundTrafficPolicy REGISTRY_ONLY; default ALLOW_ANY
    auto_mtls: bool = True
    access_log_file: str = ""  # "" = no access log
    access_log_format: str = ""  # "" = Istio's default; for JSON an object's text
    access_log_json: bool = False
    tracing: bool = True
    sampling_percent: float = DEFAULT_SAMPLING_PERCENT
    otlp_endpoint: str = ""  # extensionProviders[].opentelemetry, `service:port`
    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    protocol_detection_timeout_s: float = 0.0
    path_normalization: str = "BASE"
    retry: RetryDefault = field(default_factory=RetryDefault)
    warnings: tuple[str, ...] = ()


def mesh_config(value: Any) -> MeshConfig:
    """From the decoded YAML of key `mesh`. Never fails: what cannot be read keeps its default and is warned about."""
    spec = mapping(value)
    defaults = mapping(spec.get("defaultConfig"))
    warnings = [f"mesh.{key}: not supported, ignored" for key in spec if key not in ACTED_ON | HARMLESS]
    if value is not None and not isinstance(value, Mapping):
        warnings.append("mesh: not an object, defaults are used")
    mode = text(mapping(spec.get("outboundTrafficPolicy")).get("mode"))
    if mode not in ("", "ALLOW_ANY", "REGISTRY_ONLY"):
        warnings.append(f"mesh.outboundTrafficPolicy.mode: {mode} is not supported, ALLOW_ANY is used")
    sampling = mapping(defaults.get("tracing")).get("sampling")
    return MeshConfig(
        trust_domain=text(spec.get("trustDomain")) or "cluster.local",
        root_namespace=text(spec.get("rootNamespace")) or "istio-system",
        registry_only=mode == "REGISTRY_ONLY",
        auto_mtls=spec.get("enableAutoMtls") is not False,
        access_log_file=text(spec.get("accessLogFile")),
        access_log_format=text(spec.get("accessLogFormat")),
        access_log_json=text(spec.get("accessLogEncoding")) == "JSON",
        tracing=spec.get("enableTracing") is not False,
        sampling_percent=_percent(sampling, warnings),
        otlp_endpoint=_otlp_endpoint(spec),
        connect_timeout_s=_duration(spec, "connectTimeout", DEFAULT_CONNECT_TIMEOUT_S, warnings=warnings),
        protocol_detection_timeout_s=_duration(spec, "protocolDetectionTimeout", 0.0, warnings=warnings),
        path_normalization=_path_normalization(spec, warnings),
        retry=_retry(spec.get("defaultHttpRetryPolicy")),
        warnings=tuple(warnings),
    )


def _percent(value: Any, warnings: list[str]) -> float:
    if value is None:
        return DEFAULT_SAMPLING_PERCENT
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return float(value)
    warnings.append("mesh.defaultConfig.tracing.sampling: must be a number from 0 to 100")
    return DEFAULT_SAMPLING_PERCENT


def _duration(spec: Mapping[str, Any], key: str, default: float, *, warnings: list[str]) -> float:
    if spec.get(key) is None:
        return default
    seconds = duration_s(spec[key])
    if seconds is None or seconds < 0:
        warnings.append(f"mesh.{key}: not a duration, {default:g}s is used")
        return default
    return seconds


def _path_normalization(spec: Mapping[str, Any], warnings: list[str]) -> str:
    wanted = text(mapping(spec.get("pathNormalization")).get("normalization")) or "DEFAULT"
    if wanted in PATH_NORMALIZATIONS:
        return wanted
    if wanted != "DEFAULT":
        warnings.append(f"mesh.pathNormalization.normalization: {wanted} is not supported, BASE is used")
    return "BASE"


def _retry(value: Any) -> RetryDefault:
    spec = mapping(value)
    if not spec:
        return RetryDefault()
    return RetryDefault(attempts=integer(spec.get("attempts")), spec=spec)


def _otlp_endpoint(spec: Mapping[str, Any]) -> str:
    """The first OpenTelemetry provider, as `service:port`."""
    for provider in items(spec.get("extensionProviders")):
        otel = mapping(mapping(provider).get("opentelemetry"))
        if otel:
            return f"{text(otel.get('service'))}:{integer(otel.get('port'), 4317)}"
    return ""
