"""scale, binding, finalize and the reviews."""

from __future__ import annotations

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import DEPLOYMENT, NAMESPACE, POD, SELF_SUBJECT_REVIEW
from tests.support.api_objects import deployment, pod


async def test_scale(client: Client) -> None:
    await client.create(DEPLOYMENT, deployment("web"), "default")
    scale = await client.get(DEPLOYMENT, "web", "default", subresource="scale")
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": "app=web"},
    )
    scale["spec"]["replicas"] = 3
    updated = await client.update(DEPLOYMENT, scale, subresource="scale")
    assert updated["spec"] == {"replicas": 3}
    with pytest.raises(ApiError) as failure:
        await client.update(DEPLOYMENT, scale, subresource="scale")
    assert failure.value.conflict
    patched = await client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 0}}, "default", subresource="scale")
    assert patched["spec"] == {"replicas": 0}
    found = await client.get(DEPLOYMENT, "web", "default")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (0, 3)
    for bad, code in ((-1, 422), ("x", 400)):
        with pytest.raises(ApiError) as failure:
            await client.patch(DEPLOYMENT, "web", {"spec": {"replicas": bad}}, "default", subresource="scale")
        assert failure.value.code == code


async def test_binding_is_once(client: Client) -> None:
    await client.create(POD, pod("p"), "default")
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    answer = await client.create(POD, binding, "default", name="p", subresource="binding")
    assert answer["status"] == "Success"
    found = await client.get(POD, "p", "default")
    assert found["spec"]["nodeName"] == "n"
    assert [(c["type"], c["status"]) for c in found["status"]["conditions"]] == [("PodScheduled", "True")]
    with pytest.raises(ApiError) as failure:
        await client.create(POD, binding, "default", name="p", subresource="binding")
    assert failure.value.conflict
    with pytest.raises(ApiError) as failure:
        await client.create(POD, {"target": {}}, "default", name="p", subresource="binding")
    assert failure.value.code == 422


async def test_others(client: Client) -> None:
    review = await client.create(SELF_SUBJECT_REVIEW, {})
    assert review["status"]["userInfo"]["username"]
    await client.create(NAMESPACE, {"metadata": {"name": "team"}})
    finalized = {"metadata": {"name": "team"}, "spec": {"finalizers": []}}
    assert (await client.update(NAMESPACE, finalized, subresource="finalize"))["spec"] == {"finalizers": []}
    with pytest.raises(ApiError):
        await client.get(POD, "p", "default", subresource="scale")
