"""Thresholds by priority, and outlier detection's bounds."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.circuit_breakers import CircuitBreakers, OutlierDetection
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal


def test_the_first_of_a_priority_holds() -> None:
    given = [{"max_retries": 1}, {"priority": "HIGH", "max_retries": 7}, {"max_retries": 9}]
    breakers = decode(CircuitBreakers, {"thresholds": given})
    assert (breakers.of("DEFAULT").max_retries, breakers.of("HIGH").max_retries) == (1, 7)
    assert decode(CircuitBreakers, {}).of("HIGH").max_connections == 1024


def test_retry_budget_defaults() -> None:
    budget = decode(CircuitBreakers, {"thresholds": [{"retry_budget": {}}]}).of("DEFAULT").retry_budget
    assert budget is not None
    assert (budget.budget_percent.value, budget.min_retry_concurrency) == (20.0, 3)


def test_outlier_defaults_are_envoys() -> None:
    found = decode(OutlierDetection, {})
    assert (found.consecutive_5xx, found.enforcing_success_rate, found.max_ejection_percent) == (5, 100, 10)
    assert (found.enforcing_failure_percentage, found.success_rate_stdev_factor) == (0, 1900)


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (CircuitBreakers, {"thresholds": [{"max_connection_pools": 3}]}, "thresholds[0].max_connection_pools"),
        (CircuitBreakers, {"thresholds": [{"priority": "LOW"}]}, "thresholds[0].priority"),
        (CircuitBreakers, {"per_host_thresholds": [{}]}, "per_host_thresholds"),
        (OutlierDetection, {"interval": "0s"}, "interval"),
        (OutlierDetection, {"enforcing_consecutive_5xx": 101}, "enforcing_consecutive_5xx"),
        (OutlierDetection, {"monitors": []}, "monitors"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
