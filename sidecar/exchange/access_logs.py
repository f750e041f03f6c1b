"""The access logs of one network filter, each behind the filter that its configuration puts before it.

Rules: Envoy's config.accesslog.v3.AccessLogFilter. A filter reads the finished record; it is compiled once.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterable

from sidecar.config.access_log import AccessLog as AccessLogConfig
from sidecar.config.access_log_filter import (
    GRPC_CODES,
    AccessLogFilter,
    ComparisonFilter,
    GrpcStatusFilter,
    ResponseFlagFilter,
    RuntimeFilter,
)
from sidecar.config.core import DENOMINATORS
from sidecar.config.matching import HeaderMatcher
from sidecar.config.refusal import Refused
from sidecar.exchange.local_reply import grpc_status
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.conditions import header_condition
from sidecar.telemetry.record import AccessLog, ExchangeRecord, RecordSink

Test = Callable[[ExchangeRecord], bool]
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "EQ": operator.eq, "GE": operator.ge, "LE": operator.le, "NE": operator.ne,
}  # fmt: skip
UUID_CHARACTERS = 36
_HEX = frozenset(b"0123456789abcdefABCDEF")


def access_logs(configs: Iterable[AccessLogConfig], sink: RecordSink, rng: random.Random) -> tuple[AccessLog, ...]:
    """Raises `Refused` for a filter, ValueError for a format or a file."""
    logs: list[AccessLog] = []
    for index, one in enumerate(configs):
        log = sink.access_log(one.typed_config.path, one.typed_config.format, omit_empty=one.typed_config.omits_empty)
        if one.filter is None:
            logs.append(log)
            continue
        try:
            logs.append(FilteredLog(log, compile_filter(one.filter, rng)))
        except Refused as refused:
            raise refused.at(f"access_log[{index}].filter") from None
    return tuple(logs)


class FilteredLog:
    __slots__ = ("_log", "_test")

    def __init__(self, log: AccessLog, test: Test) -> None:
        self._log = log
        self._test = test

    def append(self, record: ExchangeRecord, /) -> None:
        if self._test(record):
            self._log.append(record)


def compile_filter(config: AccessLogFilter, rng: random.Random) -> Test:
    """Raises `Refused`."""
    if config.status_code_filter is not None:
        return _compared(config.status_code_filter.comparison, lambda record: record.response_code)
    if config.duration_filter is not None:
        return _compared(config.duration_filter.comparison, lambda record: round(record.duration_s * 1000))
    if config.not_health_check_filter is not None:
        return lambda record: not record.health_check
    if config.traceable_filter is not None:
        return lambda record: record.trace_sampled and not record.health_check
    if config.runtime_filter is not None:
        return _share(config.runtime_filter, rng)
    if config.header_filter is not None:
        return _header(config.header_filter.header)
    if config.response_flag_filter is not None:
        return _flags(config.response_flag_filter)
    if config.grpc_status_filter is not None:
        return _grpc(config.grpc_status_filter)
    several = config.and_filter or config.or_filter
    assert several is not None, "configuration let through a filter without a kind"
    tests = [compile_filter(one, rng) for one in several.filters]
    if config.and_filter is not None:
        return lambda record: all(test(record) for test in tests)
    return lambda record: any(test(record) for test in tests)


def _compared(config: ComparisonFilter, read: Callable[[ExchangeRecord], int]) -> Test:
    compare, value = _COMPARE[config.op], config.value.default_value
    return lambda record: compare(read(record), value)


def _share(config: RuntimeFilter, rng: random.Random) -> Test:
    """By the request id, so that all proxies of a request agree; by chance where there is none (Envoy)."""
    numerator, denominator = config.percent_sampled.numerator, DENOMINATORS[config.percent_sampled.denominator]

    def sampled(record: ExchangeRecord) -> bool:
        number = None if config.use_independent_randomness else id_number(record.request_id)
        return (rng.randrange(denominator) if number is None else number % denominator) < numerator

    return sampled


def id_number(request_id: bytes) -> int | None:
    """The first 32 bits of a UUID; None = it is none."""
    first = request_id[:8]
    if len(request_id) != UUID_CHARACTERS or not _HEX.issuperset(first):
        return None
    return int.from_bytes(bytes.fromhex(first.decode("ascii")), "big")


def _header(matcher: HeaderMatcher) -> Test:
    try:
        condition = header_condition(matcher)
    except Refused as refused:
        raise refused.at("header_filter.header") from None

    def test(record: ExchangeRecord) -> bool:
        headers = record.request_headers
        return condition(
            RequestHead(
                record.method,
                record.path,
                authority=record.authority,
                scheme=record.scheme,
                headers=headers if isinstance(headers, Headers) else Headers(),
            )
        )

    return test


def _flags(config: ResponseFlagFilter) -> Test:
    wanted = frozenset(config.flags)
    if not wanted:
        return lambda record: bool(record.flags)
    return lambda record: not wanted.isdisjoint(record.flags.split(","))


def _grpc(config: GrpcStatusFilter) -> Test:
    """What is no gRPC response counts as what its HTTP status stands for."""
    wanted = frozenset(GRPC_CODES[status] for status in config.statuses)

    def test(record: ExchangeRecord) -> bool:
        code = record.grpc_status if record.grpc_status >= 0 else grpc_status(record.response_code)
        return (code in wanted) != config.exclude

    return test
