"""Garbage collection and the end of namespaces."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE, REPLICA_SET, Kind
from mesh.kube.objects import Object
from orchestrator.api.local import LocalClient
from tests.support.api_objects import config_map, deployment, until


def owned(name: str, owner: Object, *, blocks: bool = False) -> Object:
    made = config_map(name)
    made["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": blocks,
        }
    ]
    return made


async def exists(local: LocalClient, kind: Kind, name: str, namespace: str = "default") -> bool:
    try:
        await local.get(kind, name, namespace)
    except ApiError as failure:
        assert failure.not_found
        return False
    return True


async def test_dependents_follow_their_owner(local: LocalClient) -> None:
    owner = await local.create(DEPLOYMENT, deployment("web"), "default")
    middle = await local.create(CONFIG_MAP, owned("middle", owner), "default")
    await local.create(CONFIG_MAP, owned("leaf", middle), "default")
    await local.create(CONFIG_MAP, config_map("free"), "default")
    await local.delete(DEPLOYMENT, "web", "default")

    async def collected() -> bool:
        return not await exists(local, CONFIG_MAP, "leaf")

    await until(collected)
    assert not await exists(local, CONFIG_MAP, "middle")
    assert await exists(local, CONFIG_MAP, "free")


async def test_an_owner_that_never_was(local: LocalClient) -> None:
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "none"}}
    await local.create(CONFIG_MAP, owned("orphaned", ghost), "default")

    async def collected() -> bool:
        return not await exists(local, CONFIG_MAP, "orphaned")

    await until(collected)


async def test_foreground_waits_for_blocking_dependents(local: LocalClient) -> None:
    owner = await local.create(DEPLOYMENT, deployment("web"), "default")
    held = owned("held", owner, blocks=True)
    held["metadata"]["finalizers"] = ["example.com/wait"]
    await local.create(CONFIG_MAP, held, "default")
    await local.delete(DEPLOYMENT, "web", "default", propagation_policy="Foreground")

    async def marked() -> bool:
        return bool((await local.get(CONFIG_MAP, "held", "default"))["metadata"].get("deletionTimestamp"))

    await until(marked)
    assert await exists(local, DEPLOYMENT, "web")
    # The dependent's own finalizers go: first ours (foreground), then the foreign one.
    await local.patch(CONFIG_MAP, "held", {"metadata": {"finalizers": []}}, "default")

    async def over() -> bool:
        return not await exists(local, DEPLOYMENT, "web")

    await until(over)


async def test_orphans_are_released(local: LocalClient) -> None:
    owner = await local.create(DEPLOYMENT, deployment("web"), "default")
    await local.create(CONFIG_MAP, owned("kept", owner), "default")
    await local.delete(DEPLOYMENT, "web", "default", propagation_policy="Orphan")

    async def released() -> bool:
        kept = await local.get(CONFIG_MAP, "kept", "default")
        return not kept["metadata"].get("ownerReferences") and not await exists(local, DEPLOYMENT, "web")

    await until(released)


async def test_a_namespace_is_emptied_and_takes_nothing_new(local: LocalClient) -> None:
    await local.create(NAMESPACE, {"metadata": {"name": "team"}})
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    await local.create(CONFIG_MAP, held, "team")
    await local.create(REPLICA_SET, {**deployment("rs"), "kind": "ReplicaSet"}, "team")
    answer = await local.delete(NAMESPACE, "team")
    assert answer["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError) as failure:
        await local.create(CONFIG_MAP, config_map("late"), "team")
    assert failure.value.code == 403
    assert failure.value.status["details"]["causes"][0]["reason"] == "NamespaceTerminating"

    async def only_held() -> bool:
        return not await exists(local, REPLICA_SET, "rs", "team")

    await until(only_held)
    assert await exists(local, NAMESPACE, "team", "")
    await local.patch(CONFIG_MAP, "held", {"metadata": {"finalizers": []}}, "team")

    async def over() -> bool:
        return not await exists(local, NAMESPACE, "team", "")

    await until(over)
