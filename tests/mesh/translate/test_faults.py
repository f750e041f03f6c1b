"""Faults and CORS of a route."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.translate.faults import CORS_FILTER, FAULT_FILTER, per_filter_config


@pytest.mark.parametrize(
    ("percentage", "numerator"),
    [(None, 0), ({"value": 100}, 1_000_000), ({"value": 0.0001}, 1), ({}, 0)],
)
def test_an_absent_percentage_is_none(percentage: Any, numerator: int) -> None:
    found = per_filter_config({"fault": {"abort": {"httpStatus": 500, "percentage": percentage}}})[FAULT_FILTER]
    assert found["abort"] == {"http_status": 500, "percentage": {"numerator": numerator, "denominator": "MILLION"}}


def test_delay_and_grpc_abort() -> None:
    fault = {"delay": {"fixedDelay": "7s", "percent": 10}, "abort": {"grpcStatus": "UNAVAILABLE"}}
    found = per_filter_config({"fault": fault})[FAULT_FILTER]
    assert found["delay"] == {"fixed_delay": "7s", "percentage": {"numerator": 100_000, "denominator": "MILLION"}}
    assert found["abort"]["grpc_status"] == 14


def test_cors() -> None:
    policy = {"allowOrigins": [{"exact": "http://a"}], "allowMethods": ["GET", "PUT"], "maxAge": "24h"}
    found = per_filter_config({"corsPolicy": policy})[CORS_FILTER]
    assert found["allow_origin_string_match"] == [{"exact": "http://a"}]
    assert (found["allow_methods"], found["max_age"]) == ("GET,PUT", "86400")
    assert found["forward_not_matching_preflights"] is True


def test_neither() -> None:
    assert per_filter_config({"fault": {}, "timeout": "1s"}) == {}
