"""HttpConnectionManager.Tracing: how many requests are sampled, which tags spans carry, who gets them."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.core import Percent
from sidecar.config.message import Duration, Mark, Message, UInt32


class LiteralTag(Message, frozen=True, kw_only=True):
    value: str


class EnvironmentTag(Message, frozen=True, kw_only=True):
    name: str
    default_value: str = ""


class HeaderTag(Message, frozen=True, kw_only=True):
    name: str
    default_value: str = ""


class CustomTag(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("literal", "environment", "request_header"),)

    tag: str
    literal: LiteralTag | None = None
    environment: EnvironmentTag | None = None
    request_header: HeaderTag | None = None


class HttpUri(Message, frozen=True, kw_only=True):
    uri: str
    cluster: str = ""
    timeout: Duration


class HttpService(Message, frozen=True, kw_only=True):
    http_uri: HttpUri


class OpenTelemetryConfig(Message, frozen=True, kw_only=True):
    """Our data plane posts spans to the control plane, whatever cluster is named here."""

    TYPE = "envoy.config.trace.v3.OpenTelemetryConfig"

    service_name: str = ""
    http_service: HttpService


class TracingProvider(Message, frozen=True, kw_only=True):
    name: str
    typed_config: Annotated[OpenTelemetryConfig, Mark.ANY]


class Tracing(Message, frozen=True, kw_only=True):
    """Percentages default to all (Envoy). `provider` None = trace headers are passed on, no span is kept."""

    client_sampling: Percent = Percent(value=100.0)
    random_sampling: Percent = Percent(value=100.0)
    overall_sampling: Percent = Percent(value=100.0)
    custom_tags: tuple[CustomTag, ...] = ()
    provider: TracingProvider | None = None
    spawn_upstream_span: bool = False
    max_path_tag_length: UInt32 = 256
    verbose: bool = False

    def problem(self) -> tuple[str, str] | None:
        if self.verbose:
            return "verbose", "unsupported"
        return ("spawn_upstream_span", "unsupported") if self.spawn_upstream_span else None
