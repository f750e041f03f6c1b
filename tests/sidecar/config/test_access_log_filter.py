"""Filters of access logs: which decode, and where the others are refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from sidecar.config.access_log_filter import GRPC_CODES, AccessLogFilter, GrpcStatus
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal

OK = {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "x"}}}}


def test_nested() -> None:
    found = decode(AccessLogFilter, {"and_filter": {"filters": [OK, {"or_filter": {"filters": [OK, OK]}}]}})
    assert found.and_filter is not None
    inner = found.and_filter.filters[1].or_filter
    assert inner is not None
    assert inner.filters[0].status_code_filter == found.and_filter.filters[0].status_code_filter


def test_every_grpc_status_has_a_number() -> None:
    assert sorted(GRPC_CODES) == sorted(get_args(GrpcStatus))
    assert sorted(GRPC_CODES.values()) == list(range(17))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, ""),
        ({**OK, "traceable_filter": {}}, "traceable_filter"),
        ({"metadata_filter": {}}, "metadata_filter"),
        ({"and_filter": {"filters": [OK]}}, "and_filter.filters"),
        ({"response_flag_filter": {"flags": ["UH", "XX"]}}, "response_flag_filter.flags[1]"),
        ({"grpc_status_filter": {"statuses": ["GOOD"]}}, "grpc_status_filter.statuses[0]"),
        ({"header_filter": {"header": {"name": ""}}}, "header_filter.header.name"),
        ({"duration_filter": {"comparison": {"op": "X", "value": {}}}}, "duration_filter.comparison.op"),
    ],
)  # fmt: skip
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(AccessLogFilter, value).path == path
