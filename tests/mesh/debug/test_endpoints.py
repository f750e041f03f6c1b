"""Who may look."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


@pytest.mark.parametrize(
    ("audience", "account", "expected"), [("istiod", "istiod", 403), ("istio-ca", "mesh-cli", 401)]
)
async def test_debug_is_for_the_command_line(cluster: Cluster, audience: str, account: str, expected: int) -> None:
    status, _ = await cluster.ask("syncz", audience=audience, account=account)
    assert status == expected


async def test_no_certificate_no_configuration(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    for path in ("/v3/ads", "/v3/withdraw", "/v3/discovery:clusters", "/v1/traces"):
        assert (await proxy.post(path, {})).status == 401, path
