"""Faults: how often, for whom, and what the caller may ask for."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.http_filters import HTTPFault
from sidecar.config.refusal import Refused
from sidecar.policy.fault import NO_FAULT, Fault, FaultDecision
from tests.sidecar.routing.requests import get

ALL = {"percentage": {"numerator": 100}}
DELAY = {"delay": {"fixed_delay": "7s", **ALL}}


def decide(config: dict[str, Any], cluster: str = "c", **headers: str) -> FaultDecision:
    return Fault(decode(HTTPFault, config)).decide(get(**headers), cluster, random.Random(0))


@pytest.mark.parametrize(
    ("config", "headers", "expected"),
    [
        ({}, {}, NO_FAULT),
        (DELAY, {}, FaultDecision(7.0)),
        ({"abort": {"http_status": 555, **ALL}}, {}, FaultDecision(0.0, 555)),
        ({"abort": {"http_status": 555}}, {}, NO_FAULT),
        ({"abort": {"grpc_status": 14, **ALL}}, {}, FaultDecision(0.0, 200, 14)),
        ({**DELAY, "abort": {"http_status": 500, **ALL}}, {}, FaultDecision(7.0, 500)),
        ({**DELAY, "headers": [{"name": "end-user", "exact_match": "j"}]}, {"end_user": "j"}, FaultDecision(7.0)),
        ({**DELAY, "headers": [{"name": "end-user", "exact_match": "j"}]}, {}, NO_FAULT),
        ({**DELAY, "upstream_cluster": "other"}, {}, NO_FAULT),
        ({"delay": {"header_delay": {}, **ALL}}, {"x_envoy_fault_delay_request": "250"}, FaultDecision(0.25)),
        ({"delay": {"header_delay": {}, **ALL}}, {"x_envoy_fault_delay_request": "x"}, NO_FAULT),
        ({"abort": {"header_abort": {}, **ALL}}, {"x_envoy_fault_abort_request": "503"}, FaultDecision(0.0, 503)),
        ({"abort": {"header_abort": {}, **ALL}}, {"x_envoy_fault_abort_request": "99"}, NO_FAULT),
        ({"abort": {"header_abort": {}, **ALL}}, {"x_envoy_fault_abort_grpc_request": "5"}, FaultDecision(0.0, 200, 5)),
        (
            {"abort": {"header_abort": {}, **ALL}},
            {"x_envoy_fault_abort_request": "503", "x_envoy_fault_abort_request_percentage": "0"},
            NO_FAULT,
        ),
    ],
)
def test_decisions(config: dict[str, Any], headers: dict[str, str], expected: FaultDecision) -> None:
    assert decide(config, **headers) == expected


def test_a_tenth_of_a_percent_is_what_it_says() -> None:
    config = {"abort": {"http_status": 500, "percentage": {"numerator": 1000, "denominator": "MILLION"}}}
    fault, rng = Fault(decode(HTTPFault, config)), random.Random(0)
    hit = sum(fault.decide(get(), "c", rng).status == 500 for _ in range(100_000))
    assert 60 < hit < 150


def test_refused() -> None:
    config = {"headers": [{"name": "x", "safe_regex_match": {"regex": "("}}]}
    with pytest.raises(Refused) as caught:
        Fault(decode(HTTPFault, config))
    assert caught.value.refusal.path == "headers[0].safe_regex_match.regex"
