"""loadBalancer as a table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_balancing import check_balancing


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"simple": "RANDOM"}, []),
        ({"simple": "FASTEST"}, ["simple"]),
        ({"simple": "RANDOM", "consistentHash": {"useSourceIp": True}}, ["consistentHash"]),
        ({"consistentHash": {}}, ["consistentHash"]),
        ({"consistentHash": {"httpCookie": {"ttl": "0s"}}}, ["consistentHash.httpCookie.name"]),
        ({"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 100}}}, ["consistentHash.maglev.tableSize"]),
        ({"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 101}}}, []),
        ({"localityLbSetting": {"distribute": [{"from": "a", "to": {"a": 90}}]}},
         ["localityLbSetting.distribute[0].to"]),
        ({"localityLbSetting": {"failover": [{"from": "a", "to": "a"}]}}, ["localityLbSetting.failover[0]"]),
        ({"localityLbSetting": {"distribute": [{"from": "a", "to": {"a": 100}}], "failoverPriority": ["x"]}},
         ["localityLbSetting.failoverPriority"]),
        ({"warmup": {"duration": "1s", "aggression": 0.5}}, ["warmup.aggression"]),
        ({"warmup": {}}, ["warmup.duration"]),
    ],
)  # fmt: skip
def test_errors(spec: dict[str, Any], paths: list[str]) -> None:
    found = Findings()
    check_balancing(found, spec, outliers=False)
    assert [message.path for message in found.errors] == paths


def test_warm_up_of_a_policy_that_has_none() -> None:
    found = Findings()
    check_balancing(found, {"simple": "RANDOM", "warmup": {"duration": "1s"}}, outliers=False)
    assert [message.path for message in found.warnings] == ["warmup"]
