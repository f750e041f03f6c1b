"""Local rate limits: what Envoy refuses, and what we do not have."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.refusal import Refused

GOOD: dict[str, Any] = {"stat_prefix": "s", "token_bucket": {"max_tokens": 2, "fill_interval": "1s"}}


def test_defaults() -> None:
    found = decode(LocalRateLimit, GOOD)
    assert found.token_bucket is not None
    assert found.token_bucket.tokens_per_fill == 1
    assert found.filter_enabled is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"stat_prefix": ""}, "stat_prefix"),
        ({"token_bucket": {"max_tokens": 0, "fill_interval": "1s"}}, "token_bucket.max_tokens"),
        ({"token_bucket": {"max_tokens": 1, "fill_interval": "0.01s"}}, "token_bucket.fill_interval"),
        ({"descriptors": []}, "descriptors"),
        ({"local_rate_limit_per_downstream_connection": True}, "local_rate_limit_per_downstream_connection"),
        ({"enable_x_ratelimit_headers": "DRAFT_VERSION_03"}, "enable_x_ratelimit_headers"),
    ],
)
def test_refusals(change: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(LocalRateLimit, {**GOOD, **change})
    assert refused.value.refusal.path == path
