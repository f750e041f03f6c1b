"""Deletion: at once, gracefully, held by finalizers, collections."""

from __future__ import annotations

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, NAMESPACE, POD
from tests.support.api_objects import config_map, pod


async def gone(client: Client, kind: object, name: str) -> bool:
    try:
        await client.get(kind, name, "default")  # type: ignore[arg-type]
    except ApiError as failure:
        return failure.not_found
    return False


async def test_at_once_with_a_status(client: Client) -> None:
    created = await client.create(CONFIG_MAP, config_map("c"), "default")
    answer = await client.delete(CONFIG_MAP, "c", "default")
    assert answer["status"] == "Success"
    assert answer["details"] == {"name": "c", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert await gone(client, CONFIG_MAP, "c")


async def test_a_pod_on_a_node_goes_gracefully(client: Client) -> None:
    await client.create(POD, pod("p", nodeName="n", terminationGracePeriodSeconds=7), "default")
    first = await client.delete(POD, "p", "default")
    assert first["metadata"]["deletionGracePeriodSeconds"] == 7
    again = await client.delete(POD, "p", "default", grace_period_s=20)
    assert again["metadata"]["deletionGracePeriodSeconds"] == 7
    hurried = await client.delete(POD, "p", "default", grace_period_s=2)
    assert hurried["metadata"]["deletionGracePeriodSeconds"] == 2
    assert hurried["metadata"]["deletionTimestamp"] == first["metadata"]["deletionTimestamp"]
    assert not await gone(client, POD, "p")
    await client.delete(POD, "p", "default", grace_period_s=0)
    assert await gone(client, POD, "p")


async def test_a_pod_without_a_node_goes_at_once(client: Client) -> None:
    await client.create(POD, pod("p"), "default")
    assert (await client.delete(POD, "p", "default"))["kind"] == "Pod"
    assert await gone(client, POD, "p")


async def test_finalizers_hold(client: Client) -> None:
    held = config_map("c")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    await client.create(CONFIG_MAP, held, "default")
    answer = await client.delete(CONFIG_MAP, "c", "default")
    assert answer["metadata"]["deletionTimestamp"]
    assert await client.delete(CONFIG_MAP, "c", "default") == answer
    await client.patch(CONFIG_MAP, "c", {"metadata": {"finalizers": []}}, "default")
    assert await gone(client, CONFIG_MAP, "c")


async def test_preconditions(client: Client) -> None:
    await client.create(CONFIG_MAP, config_map("c"), "default")
    with pytest.raises(ApiError) as failure:
        await client.delete(CONFIG_MAP, "c", "default", uid="another")
    assert failure.value.conflict
    assert not await gone(client, CONFIG_MAP, "c")


async def test_collections(http: HttpClient) -> None:
    for name in ("a", "b"):
        made = config_map(name)
        made["metadata"]["labels"] = {"of": name}
        await http.create(CONFIG_MAP, made, "default")
    listed = await http.request("DELETE", CONFIG_MAP.path("default"), {"labelSelector": "of=a"})
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert await gone(http, CONFIG_MAP, "a")
    assert not await gone(http, CONFIG_MAP, "b")


async def test_dry_run_and_bad_options(http: HttpClient) -> None:
    await http.create(CONFIG_MAP, config_map("c"), "default")
    path = CONFIG_MAP.path("default", "c")
    await http.request("DELETE", path, {"dryRun": "All"})
    assert not await gone(http, CONFIG_MAP, "c")
    for query in ({"dryRun": "Some"}, {"propagationPolicy": "Sideways"}, {"gracePeriodSeconds": "-1"}):
        with pytest.raises(ApiError) as failure:
            await http.request("DELETE", path, query)
        assert failure.value.code == 400


async def test_fixed_namespaces_stay(client: Client) -> None:
    with pytest.raises(ApiError) as failure:
        await client.delete(NAMESPACE, "kube-system")
    assert failure.value.code == 403
