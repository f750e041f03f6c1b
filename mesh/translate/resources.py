"""Words of Envoy's v3 API: type URLs, and the few shapes that every file here uses."""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]
"""One Envoy v3 resource or a part of one as JSON (snake_case). Shared between proxies: never mutate it."""

_PREFIX = "type.googleapis.com/"
_EXTENSIONS = f"{_PREFIX}envoy.extensions."

TYPES = {
    "cors": f"{_EXTENSIONS}filters.http.cors.v3.Cors",
    "cors_policy": f"{_EXTENSIONS}filters.http.cors.v3.CorsPolicy",
    "downstream_tls": f"{_EXTENSIONS}transport_sockets.tls.v3.DownstreamTlsContext",
    "fault": f"{_EXTENSIONS}filters.http.fault.v3.HTTPFault",
    "file_access_log": f"{_EXTENSIONS}access_loggers.file.v3.FileAccessLog",
    "http_connection_manager": (f"{_EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager"),
    "http_inspector": f"{_EXTENSIONS}filters.listener.http_inspector.v3.HttpInspector",
    "http_protocol_options": f"{_EXTENSIONS}upstreams.http.v3.HttpProtocolOptions",
    "opentelemetry": f"{_PREFIX}envoy.config.trace.v3.OpenTelemetryConfig",
    "original_dst": f"{_EXTENSIONS}filters.listener.original_dst.v3.OriginalDst",
    "peer_metadata": f"{_PREFIX}io.istio.http.peer_metadata.Config",
    "previous_hosts": f"{_EXTENSIONS}retry.host.previous_hosts.v3.PreviousHostsPredicate",
    "proxy_protocol": f"{_EXTENSIONS}filters.listener.proxy_protocol.v3.ProxyProtocol",
    "raw_buffer": f"{_EXTENSIONS}transport_sockets.raw_buffer.v3.RawBuffer",
    "router": f"{_EXTENSIONS}filters.http.router.v3.Router",
    "stats": f"{_PREFIX}stats.PluginConfig",
    "tcp_proxy": f"{_EXTENSIONS}filters.network.tcp_proxy.v3.TcpProxy",
    "tls_inspector": f"{_EXTENSIONS}filters.listener.tls_inspector.v3.TlsInspector",
    "upstream_proxy_protocol": (f"{_EXTENSIONS}transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"),
    "upstream_tls": f"{_EXTENSIONS}transport_sockets.tls.v3.UpstreamTlsContext",
}

ADS_SOURCE: Resource = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
"""Comes over the proxy's one stream; 0s = wait for it as long as it takes."""

PERCENT_MILLION = 10_000
"""FractionalPercent with denominator MILLION: how many parts are one percent; Istio's resolution, 0.0001 %."""


def typed(name: str, kind: str, **fields: Any) -> Resource:
    """An extension: `name`, and its configuration of type TYPES[kind]."""
    return {"name": name, "typed_config": config(kind, **fields)}


def config(kind: str, **fields: Any) -> Resource:
    return {"@type": TYPES[kind], **fields}


def socket_address(address: str, port: int, sandbox: str = "") -> Resource:
    """`sandbox` = directory of a pod's sandbox: the socket is opened inside that pod by its shim."""
    fields: Resource = {"address": address, "port_value": port}
    if sandbox:
        fields["network_namespace_filepath"] = f"{sandbox}/shim.sock"
    return {"socket_address": fields}


def pipe_address(path: str) -> Resource:
    return {"pipe": {"path": path}}


def fractional_percent(percent: float) -> Resource:
    return {"numerator": round(percent * PERCENT_MILLION), "denominator": "MILLION"}


def runtime_percent(percent: float) -> Resource:
    return {"default_value": fractional_percent(percent)}
