"""envoy.config.accesslog.v3.AccessLogFilter: which exchanges are logged.

`metadata_filter`, `log_type_filter` and `extension_filter` are not supported.
"""

from __future__ import annotations

from typing import Literal

from sidecar.config.core import Empty, FractionalPercent, RuntimeUInt32
from sidecar.config.matching import HeaderMatcher
from sidecar.config.message import Message

FLAGS = frozenset({
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH",
    "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR", "UDO",
})  # fmt: skip
GRPC_CODES = {
    "OK": 0, "CANCELED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9, "ABORTED": 10,
    "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15, "UNAUTHENTICATED": 16,
}  # fmt: skip
GrpcStatus = Literal[
    "OK", "CANCELED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]  # fmt: skip


class ComparisonFilter(Message, frozen=True, kw_only=True):
    op: Literal["EQ", "GE", "LE", "NE"] = "EQ"
    value: RuntimeUInt32


class StatusCodeFilter(Message, frozen=True, kw_only=True):
    comparison: ComparisonFilter


class DurationFilter(Message, frozen=True, kw_only=True):
    """Milliseconds."""

    comparison: ComparisonFilter


class RuntimeFilter(Message, frozen=True, kw_only=True):
    """There is no runtime: `percent_sampled` holds whatever the key."""

    runtime_key: str
    percent_sampled: FractionalPercent = FractionalPercent()
    use_independent_randomness: bool = False


class SeveralFilters(Message, frozen=True, kw_only=True):
    """and_filter and or_filter."""

    filters: tuple[AccessLogFilter, ...]

    def problem(self) -> tuple[str, str] | None:
        return ("filters", "must have at least two") if len(self.filters) < 2 else None


class HeaderFilter(Message, frozen=True, kw_only=True):
    header: HeaderMatcher


class ResponseFlagFilter(Message, frozen=True, kw_only=True):
    """Without flags: any flag."""

    flags: tuple[str, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        for index, flag in enumerate(self.flags):
            if flag not in FLAGS:
                return f"flags[{index}]", f"unknown response flag {flag}"
        return None


class GrpcStatusFilter(Message, frozen=True, kw_only=True):
    statuses: tuple[GrpcStatus, ...] = ()
    exclude: bool = False


class AccessLogFilter(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (
        (
            "status_code_filter", "duration_filter", "not_health_check_filter", "traceable_filter", "runtime_filter",
            "and_filter", "or_filter", "header_filter", "response_flag_filter", "grpc_status_filter",
        ),
    )  # fmt: skip

    status_code_filter: StatusCodeFilter | None = None
    duration_filter: DurationFilter | None = None
    not_health_check_filter: Empty | None = None
    traceable_filter: Empty | None = None
    runtime_filter: RuntimeFilter | None = None
    and_filter: SeveralFilters | None = None
    or_filter: SeveralFilters | None = None
    header_filter: HeaderFilter | None = None
    response_flag_filter: ResponseFlagFilter | None = None
    grpc_status_filter: GrpcStatusFilter | None = None
