"""The root certificate in every namespace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import (
    CONFIG_MAP,
)

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_the_root_is_in_every_namespace_and_comes_back(cluster: Cluster) -> None:
    await cluster.namespace("late")

    async def root(namespace: str) -> str:
        async with asyncio.timeout(10):
            while True:
                try:
                    found = await cluster.admin.get(CONFIG_MAP, "istio-ca-root-cert", namespace)
                    return str(found["data"]["root-cert.pem"])
                except ApiError:
                    await asyncio.sleep(0.01)

    pem = await root("late")
    assert pem == await root("default") == await root("kube-system")
    await cluster.admin.delete(CONFIG_MAP, "istio-ca-root-cert", "late")
    assert await root("late") == pem
