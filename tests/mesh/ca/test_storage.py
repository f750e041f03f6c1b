"""The root lives in a Secret and is never replaced silently."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt

import pytest

from mesh.ca.storage import load_or_create, read
from mesh.kube.http import HttpClient
from mesh.kube.kinds import NAMESPACE, SECRET

pytestmark = pytest.mark.integration
NOW = dt.datetime.now(dt.UTC)


async def prepare(client: HttpClient) -> None:
    await client.create(NAMESPACE, {"metadata": {"name": "istio-system"}})


async def test_two_that_start_together_agree(client: HttpClient) -> None:
    await prepare(client)
    starts = (load_or_create(client, now=NOW, organization="cluster.local") for _ in range(4))
    roots = {authority.root_pem for authority in await asyncio.gather(*starts)}
    assert len(roots) == 1
    secret = await client.get(SECRET, "istio-ca-secret", "istio-system")
    assert sorted(secret["data"]) == ["ca-cert.pem", "ca-key.pem"]
    assert read(secret).root_pem in roots


@pytest.mark.parametrize(
    "data", [{}, {"ca-key.pem": "", "ca-cert.pem": ""}, {"ca-key.pem": base64.b64encode(b"x").decode()}]
)
async def test_something_else_in_the_secret_is_an_error(client: HttpClient, data: dict[str, str]) -> None:
    await prepare(client)
    secret = {"metadata": {"name": "istio-ca-secret", "namespace": "istio-system"}, "data": data}
    await client.create(SECRET, secret)
    with pytest.raises(ValueError):
        await load_or_create(client, now=NOW, organization="cluster.local")
    assert (await client.get(SECRET, "istio-ca-secret", "istio-system")).get("data", {}) == data
