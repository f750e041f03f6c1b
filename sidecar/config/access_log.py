"""envoy.config.accesslog.v3: where exchanges are logged and in which format."""

from __future__ import annotations

from typing import Annotated

from sidecar.config.access_log_filter import AccessLogFilter
from sidecar.config.core import DataSource
from sidecar.config.message import Mark, Message, Struct


class SubstitutionFormatString(Message, frozen=True, kw_only=True):
    """Operators are checked by the log itself (`RecordSink.access_log`)."""

    EXACTLY_ONE = (("text_format", "text_format_source", "json_format"),)

    text_format: str | None = None
    text_format_source: DataSource | None = None
    json_format: Struct | None = None
    omit_empty_values: bool = False

    def problem(self) -> tuple[str, str] | None:
        if self.text_format_source is not None and self.text_format_source.inline is None:
            return "text_format_source", "only inline_string and inline_bytes are supported"
        return None


class _Log(Message, frozen=True, kw_only=True):
    log_format: SubstitutionFormatString | None = None
    """None = Envoy's default format."""

    @property
    def format(self) -> str | Struct | None:
        """A text format, a JSON format, or None = Envoy's default: what `RecordSink.access_log` takes."""
        if self.log_format is None:
            return None
        if self.log_format.text_format is not None:
            return self.log_format.text_format
        if self.log_format.text_format_source is not None:
            return (self.log_format.text_format_source.inline or b"").decode()
        return self.log_format.json_format

    @property
    def omits_empty(self) -> bool:
        """What is not known leaves nothing instead of `-` (text), or no key instead of null (JSON)."""
        return self.log_format is not None and self.log_format.omit_empty_values


class FileAccessLog(_Log, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.access_loggers.file.v3.FileAccessLog"

    path: str


class StdoutAccessLog(_Log, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"

    @property
    def path(self) -> str:
        return "/dev/stdout"


class StderrAccessLog(_Log, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog"

    @property
    def path(self) -> str:
        return "/dev/stderr"


class AccessLog(Message, frozen=True, kw_only=True):
    name: str = ""
    filter: AccessLogFilter | None = None
    """None = every exchange is logged."""
    typed_config: Annotated[FileAccessLog | StdoutAccessLog | StderrAccessLog, Mark.ANY]
