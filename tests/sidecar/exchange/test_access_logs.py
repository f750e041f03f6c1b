"""Which records pass the filters of access logs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.access_log import AccessLog
from sidecar.config.access_log_filter import AccessLogFilter
from sidecar.config.decode import decode
from sidecar.config.refusal import Refused
from sidecar.exchange.access_logs import access_logs, compile_filter, id_number
from sidecar.protocol.message import Headers
from sidecar.telemetry.record import ExchangeRecord
from tests.sidecar.engines import Records

UUID = b"00000063-0000-4000-8000-000000000000"
RECORD = ExchangeRecord(
    response_code=503,
    duration_s=0.0204,
    flags="URX,UF",
    method=b"GET",
    path=b"/health",
    authority=b"a",
    request_id=UUID,
    request_headers=Headers([(b"x-user", b"jason")]),
    trace_sampled=True,
)
OK = ExchangeRecord(response_code=200, health_check=True)


def compared(op: str, value: int) -> dict[str, Any]:
    return {"comparison": {"op": op, "value": {"default_value": value, "runtime_key": "k"}}}


def share(numerator: int, denominator: str = "HUNDRED", **fields: Any) -> dict[str, Any]:
    percent = {"numerator": numerator, "denominator": denominator}
    return {"runtime_filter": {"runtime_key": "k", "percent_sampled": percent, **fields}}


YES, NO = {"status_code_filter": compared("EQ", 503)}, {"status_code_filter": compared("EQ", 1)}


@pytest.mark.parametrize(
    ("config", "failed", "fine"),
    [
        ({"status_code_filter": compared("GE", 500)}, True, False),
        ({"status_code_filter": compared("LE", 503)}, True, True),
        ({"status_code_filter": compared("NE", 503)}, False, True),
        ({"duration_filter": compared("EQ", 20)}, True, False),
        ({"not_health_check_filter": {}}, True, False),
        ({"traceable_filter": {}}, True, False),
        ({"header_filter": {"header": {"name": "x-user", "string_match": {"exact": "jason"}}}}, True, False),
        ({"header_filter": {"header": {"name": ":path", "string_match": {"prefix": "/h"}}}}, True, False),
        ({"header_filter": {"header": {"name": "x-user", "present_match": False}}}, False, True),
        ({"response_flag_filter": {}}, True, False),
        ({"response_flag_filter": {"flags": ["UF", "UH"]}}, True, False),
        ({"response_flag_filter": {"flags": ["UH"]}}, False, False),
        ({"grpc_status_filter": {"statuses": ["UNAVAILABLE"]}}, True, False),
        ({"grpc_status_filter": {"statuses": ["UNAVAILABLE"], "exclude": True}}, False, True),
        ({"grpc_status_filter": {"statuses": ["UNKNOWN"]}}, False, True),
        ({"and_filter": {"filters": [YES, NO]}}, False, False),
        ({"or_filter": {"filters": [YES, NO]}}, True, False),
        # 0x63 = 99: the last of a hundred.
        (share(99), False, None),
        (share(100), True, True),
        (share(99, "TEN_THOUSAND"), False, None),
        (share(100, "TEN_THOUSAND"), True, None),
        (share(0, use_independent_randomness=True), False, False),
        (share(100, use_independent_randomness=True), True, True),
    ],
)
def test_filter(config: dict[str, Any], failed: bool, fine: bool | None) -> None:
    test = compile_filter(decode(AccessLogFilter, config), random.Random(1))
    assert test(RECORD) == failed
    if fine is not None:
        assert test(OK) == fine


@pytest.mark.parametrize(("text", "number"), [(UUID, 99), (b"", None), (b"z" * 36, None), (UUID + b"0", None)])
def test_number_of_a_request_id(text: bytes, number: int | None) -> None:
    assert id_number(text) == number


def logs(*filters: dict[str, Any] | None) -> tuple[Any, ...]:
    where = {"@type": "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"}
    configs = [decode(AccessLog, {"typed_config": where, "filter": one}) for one in filters]
    return access_logs(configs, Records(), random.Random(1))


def test_a_log_without_filter_is_the_sinks_own() -> None:
    plain, filtered = logs(None, NO)
    assert isinstance(plain, Records)
    assert not isinstance(filtered, Records)


def test_a_bad_expression_is_refused_with_its_path() -> None:
    bad = {"header_filter": {"header": {"name": "x", "string_match": {"safe_regex": {"regex": "("}}}}}
    with pytest.raises(Refused) as caught:
        logs(None, bad)
    assert caught.value.refusal.path == "access_log[1].filter.header_filter.header.string_match.safe_regex.regex"
