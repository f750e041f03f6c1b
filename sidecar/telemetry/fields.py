"""What a record knows, by the names of Envoy's format operators: for access logs and for header values alike.

Pure: operators that need the machine or the clock are `operators`' own. None = not known.
"""

from __future__ import annotations

from collections.abc import Callable

from sidecar.telemetry.record import ExchangeRecord

Getter = Callable[[ExchangeRecord], "str | int | None"]
LONG_FLAGS = {
    "LH": "FailedLocalHealthCheck", "UH": "NoHealthyUpstream", "UT": "UpstreamRequestTimeout", "LR": "LocalReset",
    "UR": "UpstreamRemoteReset", "UF": "UpstreamConnectionFailure", "UC": "UpstreamConnectionTermination",
    "UO": "UpstreamOverflow", "NR": "NoRouteFound", "DI": "DelayInjected", "FI": "FaultInjected", "RL": "RateLimited",
    "UAEX": "UnauthorizedExternalService", "RLSE": "RateLimitServiceError", "DC": "DownstreamConnectionTermination",
    "URX": "UpstreamRetryLimitExceeded", "SI": "StreamIdleTimeout", "IH": "InvalidEnvoyRequestHeaders",
    "DPE": "DownstreamProtocolError", "UMSDR": "UpstreamMaxStreamDurationReached", "DT": "DurationTimeout",
    "UPE": "UpstreamProtocolError", "NC": "NoClusterFound", "OM": "OverloadManagerTerminated",
    "DF": "DnsResolutionFailed", "DO": "DropOverload", "DR": "DownstreamRemoteReset",
}  # fmt: skip


def _milliseconds(value_s: float) -> int | None:
    return round(value_s * 1000) if value_s >= 0 else None


def _host(address: str) -> str | None:
    return address.rpartition(":")[0].strip("[]") or None


def _remote(record: ExchangeRecord) -> str:
    """The upstream's address once there is a connection to it; %UPSTREAM_HOST% is known before (Envoy)."""
    return record.upstream_host if record.upstream_local else ""


def _cluster(record: ExchangeRecord) -> str | None:
    """A cluster that does not exist is none."""
    return record.cluster if record.cluster and "NC" not in record.flags else None


def _port(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else None


FIELDS: dict[str, Getter] = {
    "PROTOCOL": lambda r: r.protocol or None,
    "RESPONSE_CODE": lambda r: r.response_code,
    "RESPONSE_CODE_DETAILS": lambda r: r.details.replace(" ", "_") or None,
    "CONNECTION_TERMINATION_DETAILS": lambda r: r.termination_details.replace(" ", "_") or None,
    "RESPONSE_FLAGS": lambda r: r.flags or "-",
    "UPSTREAM_TRANSPORT_FAILURE_REASON": lambda r: r.upstream_failure or None,
    "BYTES_RECEIVED": lambda r: r.bytes_received,
    "BYTES_SENT": lambda r: r.bytes_sent,
    "DURATION": lambda r: _milliseconds(r.duration_s),
    "REQUEST_DURATION": lambda r: _milliseconds(r.request_received_s),
    "RESPONSE_DURATION": lambda r: _milliseconds(r.response_started_s),
    "RESPONSE_TX_DURATION": lambda r: (
        _milliseconds(r.duration_s - r.response_started_s) if r.response_started_s >= 0 else None
    ),
    "UPSTREAM_HOST": lambda r: r.upstream_host or None,
    "UPSTREAM_REMOTE_ADDRESS": lambda r: _remote(r) or None,
    "UPSTREAM_CLUSTER": _cluster,
    "UPSTREAM_CLUSTER_RAW": _cluster,
    "UPSTREAM_LOCAL_ADDRESS": lambda r: r.upstream_local or None,
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": lambda r: r.attempts,
    "UPSTREAM_WIRE_BYTES_SENT": lambda r: r.upstream_wire_bytes_sent,
    "UPSTREAM_WIRE_BYTES_RECEIVED": lambda r: r.upstream_wire_bytes_received,
    "UPSTREAM_PEER_URI_SAN": lambda r: r.upstream_peer_uri or None,
    "DOWNSTREAM_LOCAL_ADDRESS": lambda r: r.downstream_local or None,
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_local),
    "DOWNSTREAM_LOCAL_PORT": lambda r: _port(r.downstream_local),
    "DOWNSTREAM_REMOTE_ADDRESS": lambda r: r.downstream_remote or None,
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_remote),
    "DOWNSTREAM_REMOTE_PORT": lambda r: _port(r.downstream_remote),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda r: r.downstream_direct_remote or r.downstream_remote or None,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda r: _host(r.downstream_direct_remote or r.downstream_remote),
    "DOWNSTREAM_PEER_URI_SAN": lambda r: r.downstream_peer_uri or None,
    "DOWNSTREAM_LOCAL_URI_SAN": lambda r: r.downstream_local_uri or None,
    "DOWNSTREAM_TLS_VERSION": lambda r: r.downstream_tls_version or None,
    "REQUESTED_SERVER_NAME": lambda r: r.requested_server_name or None,
    "ROUTE_NAME": lambda r: r.route_name or None,
    "GRPC_STATUS_NUMBER": lambda r: r.grpc_status if r.grpc_status >= 0 else None,
    "CONNECTION_ID": lambda r: r.connection_id,
    "REQUEST_HEADERS_BYTES": lambda r: r.request_header_bytes,
    "RESPONSE_HEADERS_BYTES": lambda r: r.response_header_bytes,
    "TRACE_ID": lambda r: r.trace_id or None,
    "RESPONSE_FLAGS_LONG": lambda r: (
        ",".join(LONG_FLAGS.get(flag, flag) for flag in r.flags.split(",")) if r.flags else "-"
    ),
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda r: _host(_remote(r)),
    "UPSTREAM_REMOTE_PORT": lambda r: _port(_remote(r)),
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": lambda r: _host(r.upstream_local),
    "UPSTREAM_LOCAL_PORT": lambda r: _port(r.upstream_local),
    "DOWNSTREAM_DIRECT_REMOTE_PORT": lambda r: _port(r.downstream_direct_remote or r.downstream_remote),
}
