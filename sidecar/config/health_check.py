"""envoy.config.core.v3.HealthCheck: how a cluster asks its endpoints whether they are well. HTTP/1.1 and TCP."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import HeaderValueOption
from sidecar.config.matching import Int64Range
from sidecar.config.message import Bytes, Duration, Message, Range, UInt32

PER_CENT = Range(0, 100)
STATUS = range(100, 600)


class Payload(Message, frozen=True, kw_only=True):
    """`text` is hexadecimal."""

    EXACTLY_ONE = (("text", "binary"),)

    text: str | None = None
    binary: Bytes | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.text is not None:
            try:
                bytes.fromhex(self.text)
            except ValueError:
                return "text", "must be hexadecimal"
        return None if self.data else ("", "must not be empty")

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.text) if self.text is not None else self.binary or b""


class HttpHealthCheck(Message, frozen=True, kw_only=True):
    host: str = ""
    """Empty: the endpoint's hostname for health checks, else the cluster's name."""
    path: str
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "METHOD_UNSPECIFIED"] = "GET"
    expected_statuses: tuple[Int64Range, ...] = ()
    """None: 200."""
    retriable_statuses: tuple[Int64Range, ...] = ()
    """These count towards the unhealthy threshold; others outside of `expected_statuses` end it at once."""
    request_headers_to_add: tuple[HeaderValueOption, ...] = ()
    request_headers_to_remove: tuple[str, ...] = ()
    codec_client_type: Literal["HTTP1"] = "HTTP1"

    def problem(self) -> tuple[str, str] | None:
        if not self.path.startswith("/"):
            return "path", "must begin with /"
        for field in ("expected_statuses", "retriable_statuses"):
            for index, one in enumerate(getattr(self, field)):
                if not (100 <= one.start < one.end <= 600):
                    return f"{field}[{index}]", "must be a range within [100, 600)"
        if self.method == "METHOD_UNSPECIFIED":
            return "method", "must be named"
        return None


class TcpHealthCheck(Message, frozen=True, kw_only=True):
    """Nothing to receive: a connection is enough."""

    send: Payload | None = None
    receive: tuple[Payload, ...] = ()


class HealthCheck(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("http_health_check", "tcp_health_check"),)

    timeout: Duration
    interval: Duration
    initial_jitter: Duration = 0.0
    interval_jitter: Duration = 0.0
    interval_jitter_percent: UInt32 = 0
    unhealthy_threshold: UInt32
    healthy_threshold: UInt32
    reuse_connection: bool = True
    http_health_check: HttpHealthCheck | None = None
    tcp_health_check: TcpHealthCheck | None = None
    no_traffic_interval: Duration = 60.0
    no_traffic_healthy_interval: Duration | None = None
    unhealthy_interval: Duration | None = None
    unhealthy_edge_interval: Duration | None = None
    healthy_edge_interval: Duration | None = None

    def problem(self) -> tuple[str, str] | None:
        positive = (
            "timeout", "interval", "no_traffic_interval", "no_traffic_healthy_interval", "unhealthy_interval",
            "unhealthy_edge_interval", "healthy_edge_interval",
        )  # fmt: skip
        for field in positive:
            if (value := getattr(self, field)) is not None and value <= 0:
                return field, "must be positive"
        return None


class EndpointHealthCheckConfig(Message, frozen=True, kw_only=True):
    """Of one endpoint: another port to ask, another name to ask for, or not to ask at all."""

    port_value: Annotated[int, Range(0, 65535)] = 0
    hostname: str = ""
    disable_active_health_check: bool = False
