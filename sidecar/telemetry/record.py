"""One finished request or connection: all that access logs, metrics and spans need to know of it.

The exchange fills one `ExchangeRecord` and gives it to the `RecordSink` once; it must not touch it afterwards. Nothing
is formatted here: values stay as they were on the wire (bytes) or as configuration names them (str). A msgspec struct
because its construction with fifty defaults costs a fifth of a slotted class's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class HeaderView(Protocol):
    """The one thing telemetry asks of a header list: all values of a lower-case name, joined by a comma."""

    def get(self, lower: bytes, /) -> bytes | None: ...


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Who is on the other side, as its sidecar said (x-envoy-peer-metadata) or its endpoint's metadata says."""

    workload: str = "unknown"
    namespace: str = "unknown"
    canonical_name: str = "unknown"
    canonical_revision: str = "latest"
    cluster: str = "unknown"
    app: str = "unknown"
    version: str = "unknown"


class AccessLog(Protocol):
    """A compiled log of one listener filter; made by `RecordSink.access_log`, kept by the exchange's owner."""

    def append(self, record: ExchangeRecord, /) -> None: ...


class ExchangeRecord(msgspec.Struct, gc=False):
    """Filled by the exchange. Empty string, b"" or None = not known; operators print `-` for them."""

    is_http: bool = True
    """False = a TCP connection (tcp_proxy)."""

    # When. Seconds; `started_at_s` is wall-clock time since the epoch, the others count from it. -1 = never came.
    started_at_s: float = 0.0
    duration_s: float = 0.0
    request_received_s: float = -1.0
    """The last byte of the request was read (%REQUEST_DURATION%)."""
    response_started_s: float = -1.0
    """The first byte of the response came from upstream (%RESPONSE_DURATION%)."""

    # The request and the response (HTTP).
    protocol: str = ""
    """`HTTP/1.1`, `HTTP/1.0`, `HTTP/2`; "" for TCP."""
    method: bytes = b""
    path: bytes = b""
    """As forwarded, with the query. The original before a rewrite is `original_path` (%REQ(X-ENVOY-ORIGINAL-PATH)%)."""
    original_path: bytes = b""
    authority: bytes = b""
    scheme: bytes = b"http"
    request_headers: HeaderView | None = None
    response_code: int = 0
    response_headers: HeaderView | None = None
    response_trailers: HeaderView | None = None
    request_id: bytes = b""
    grpc_status: int = -1
    """From the trailers or a header-only response; -1 = not gRPC."""

    # What happened.
    flags: str = ""
    """Response flags, comma separated in Envoy's order (`UF`, `URX,UF`); "" = none."""
    details: str = ""
    """%RESPONSE_CODE_DETAILS%: `via_upstream`, `route_not_found`…"""
    termination_details: str = ""
    """%CONNECTION_TERMINATION_DETAILS%."""
    upstream_failure: str = ""
    """%UPSTREAM_TRANSPORT_FAILURE_REASON%."""
    health_check: bool = False
    """Answered by a health_check filter."""
    attempts: int = 0
    """Upstream attempts started, the first included."""

    # Bytes. Bodies for HTTP, everything for TCP.
    bytes_received: int = 0
    bytes_sent: int = 0
    request_header_bytes: int = 0
    response_header_bytes: int = 0
    upstream_wire_bytes_sent: int = 0
    upstream_wire_bytes_received: int = 0

    # Downstream. Addresses as `ip:port`.
    listener: str = ""
    stat_prefix: str = ""
    downstream_local: str = ""
    downstream_remote: str = ""
    downstream_direct_remote: str = ""
    requested_server_name: str = ""
    downstream_tls: bool = False
    downstream_tls_version: str = ""
    downstream_peer_uri: str = ""
    """The peer certificate's URI SAN: `spiffe://…`; "" = none verified."""
    downstream_local_uri: str = ""
    downstream_peer: Peer | None = None
    connection_id: int = 0

    # Upstream.
    cluster: str = ""
    route_name: str = ""
    virtual_host: str = ""
    upstream_host: str = ""
    """`ip:port` of the endpoint; for a pipe the endpoint's original destination."""
    upstream_local: str = ""
    upstream_tls: bool = False
    upstream_peer_uri: str = ""
    upstream_local_uri: str = ""
    upstream_peer: Peer | None = None

    # Metrics.
    reporter: str = ""
    """`source`, `destination`, or "" = no istio.stats filter on this listener."""
    destination_service: str = ""
    """Host from the cluster's metadata (`istio.services`); "" = derived from the cluster's name."""

    # Tracing. Ids are lower-case hex; "" = not traced.
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    trace_sampled: bool = False
    trace_state: bytes = b""
    trace_operation: str = ""
    """The route's decorator (`reviews.default.svc.cluster.local:9080/*`); "" = the authority."""
    trace_tags: Mapping[str, str] | None = None
    """Custom tags already evaluated."""

    access_logs: tuple[AccessLog, ...] = ()
    metadata: Mapping[str, Any] | None = None
    """filter_metadata of the route (its `istio` key names the object and rule that decided)."""


class RecordSink(Protocol):
    """Where the exchange hands its records. None of these blocks, raises or formats."""

    def opened(self, record: ExchangeRecord) -> None:
        """A TCP connection has an upstream. Not called for HTTP."""

    def finished(self, record: ExchangeRecord) -> None: ...

    def access_log(
        self, path: str, log_format: str | Mapping[str, Any] | None, *, omit_empty: bool = False
    ) -> AccessLog:
        """Compile one log. `path` `/dev/stdout`, `/dev/stderr` or a file; `log_format` a text format string, a JSON
        format mapping, or None = Envoy's default. Raises ValueError (with the operator) for what is not supported.
        """
        ...


class NullSink:
    """Keeps nothing: for tests and tools."""

    def opened(self, record: ExchangeRecord) -> None:
        pass

    def finished(self, record: ExchangeRecord) -> None:
        pass

    def access_log(
        self, path: str, log_format: str | Mapping[str, Any] | None, *, omit_empty: bool = False
    ) -> AccessLog:
        return _NullLog()


class _NullLog:
    def append(self, record: ExchangeRecord, /) -> None:
        pass
