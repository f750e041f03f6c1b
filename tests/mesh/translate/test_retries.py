"""Retry policies."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.mesh_config import DEFAULT_RETRY_ON, RetryDefault
from mesh.translate.retries import retry_policy, rule_retries, split_retry_on


def test_the_default_is_two_retries_and_never_the_same_host() -> None:
    found = retry_policy(None, RetryDefault())
    assert found is not None
    assert (found["retry_on"], found["num_retries"]) == (DEFAULT_RETRY_ON, 2)
    assert found["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert "retriable_status_codes" not in found


def test_the_meshs_own_default_replaces_it() -> None:
    assert retry_policy(None, RetryDefault(0, {"attempts": 0})) is None
    found = retry_policy(None, RetryDefault(5, {"attempts": 5, "retryOn": "5xx"}))
    assert found is not None
    assert (found["num_retries"], found["retry_on"]) == (5, "5xx")


@pytest.mark.parametrize(("spec", "retries"), [({"attempts": 0}, None), ({}, None), ({"attempts": 3}, 3)])
def test_attempts_of_a_rule(spec: dict[str, Any], retries: int | None) -> None:
    found = retry_policy(spec, RetryDefault())
    assert (found["num_retries"] if found else None) == retries


def test_all_fields() -> None:
    spec = {"attempts": 1, "perTryTimeout": "2s", "retryOn": "503,connect-failure", "backoff": "50ms"}
    found = retry_policy({**spec, "retryIgnorePreviousHosts": False}, RetryDefault())
    assert found == {
        "retry_on": "connect-failure,retriable-status-codes",
        "num_retries": 1,
        "retriable_status_codes": [503],
        "per_try_timeout": "2s",
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
    }


def test_a_consistent_hash_keeps_its_host() -> None:
    found = retry_policy(None, RetryDefault(), hashed=True)
    assert found is not None
    assert "retry_host_predicate" not in found


def test_parts() -> None:
    assert split_retry_on("5xx, 409") == ("5xx,retriable-status-codes", [409])
    assert rule_retries({}) is None
    assert rule_retries({"retries": {}}) == {}
