"""Actions of a route: what fits together."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.route_action import DirectResponseAction, RedirectAction, RetryPolicy, RouteAction, WeightedCluster
from tests.sidecar.config.tables import refusal

PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


def test_envoys_defaults() -> None:
    action = decode(RouteAction, {"cluster": "a"})
    assert (action.timeout, action.idle_timeout, action.retry_policy) == (15.0, None, None)
    assert decode(RetryPolicy, {"retry_on": "5xx"}).num_retries == 1


def test_istios_retry_policy() -> None:
    policy = decode(
        RetryPolicy,
        {
            "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {"@type": PREVIOUS_HOSTS},
                }
            ],
            "host_selection_retry_max_attempts": "5",
            "retriable_status_codes": [503],
        },
    )
    assert policy.conditions == (
        "connect-failure",
        "refused-stream",
        "unavailable",
        "cancelled",
        "retriable-status-codes",
    )
    assert policy.host_selection_retry_max_attempts == 5


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (RouteAction, {}, ""),
        (RouteAction, {"cluster": "a", "cluster_header": "b"}, "cluster_header"),
        (RouteAction, {"cluster": "a", "rate_limits": []}, "rate_limits"),
        (RouteAction, {"cluster": "a", "priority": "LOW"}, "priority"),
        (
            RouteAction,
            {"cluster": "a", "prefix_rewrite": "/", "regex_rewrite": {"pattern": {"regex": "a"}}},
            "regex_rewrite",
        ),
        (WeightedCluster, {"clusters": []}, "clusters"),
        (WeightedCluster, {"clusters": [{"name": "a", "weight": 0}]}, "clusters"),
        (WeightedCluster, {"clusters": [{"name": "a"}]}, "clusters[0].weight"),
        (WeightedCluster, {"clusters": [{"name": "a", "weight": 1}], "total_weight": 100}, "total_weight"),
        (RetryPolicy, {"retry_on": "5xx,sometimes"}, "retry_on"),
        (RetryPolicy, {"retry_back_off": {"base_interval": "2s", "max_interval": "1s"}}, "retry_back_off.max_interval"),
        (
            RetryPolicy,
            {"rate_limited_retry_back_off": {"reset_headers": []}},
            "rate_limited_retry_back_off.reset_headers",
        ),
        (RedirectAction, {"https_redirect": True, "scheme_redirect": "http"}, "scheme_redirect"),
        (RedirectAction, {"response_code": "MULTIPLE_CHOICES"}, "response_code"),
        (DirectResponseAction, {"status": 700}, "status"),
        (DirectResponseAction, {"status": 200, "body": {"filename": "/etc/passwd"}}, "body"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
