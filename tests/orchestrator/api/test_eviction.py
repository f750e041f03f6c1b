"""Goal: an eviction deletes as a deletion does, and says no to what is none. Method: a real server."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD
from mesh.kube.objects import Object
from tests.support.api_objects import pod


def eviction(name: str = "p", **options: Any) -> Object:
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}, "deleteOptions": options}


async def evict(client: Client, body: Object) -> Object:
    return await client.create(POD, body, "default", name="p", subresource="eviction")


async def test_the_pod_is_gone(client: Client) -> None:
    await client.create(POD, pod("p"), "default")
    assert (await evict(client, eviction(dryRun=["All"])))["status"] == "Success"
    assert await client.get(POD, "p", "default")
    assert (await evict(client, eviction()))["code"] == 201
    with pytest.raises(ApiError) as caught:
        await client.get(POD, "p", "default")
    assert caught.value.not_found


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (eviction("q"), 400),
        (eviction(gracePeriodSeconds=-1), 400),
        (eviction(gracePeriodSeconds="1"), 400),
        ({**eviction(), "apiVersion": "policy/v1beta1"}, 400),
        (eviction(preconditions={"uid": "other"}), 409),
    ],
)
async def test_refusals(client: Client, body: Object, code: int) -> None:
    await client.create(POD, pod("p"), "default")
    with pytest.raises(ApiError) as caught:
        await evict(client, body)
    assert caught.value.code == code
    assert await client.get(POD, "p", "default")
