"""The webhook over HTTP: its patch, applied by an independent JSON-patch library, makes the injected pod."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonpatch
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mesh.inject.pod import inject
from mesh.inject.template import ProxySettings
from mesh.inject.webhook import InjectHandler

SETTINGS = ProxySettings("1", "127.0.0.1:15012")


async def ask(body: object) -> tuple[int, Any]:
    app = web.Application()
    app.router.add_post("/inject", InjectHandler(settings=lambda: SETTINGS).handle)
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/inject", data=json.dumps(body))
        return answer.status, await answer.json()


def review(pod: dict[str, Any], *, operation: str = "CREATE", namespace: str = "shop") -> dict[str, Any]:
    return {"request": {"uid": "u", "operation": operation, "namespace": namespace, "object": pod}}


@pytest.mark.parametrize(
    "pod",
    [
        {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}},
        {"spec": {"containers": [{"name": "c"}]}, "metadata": {"labels": {"app": "x"}, "annotations": {"a/b~c": "d"}}},
    ],
)
async def test_the_patch_makes_the_injected_pod(pod: dict[str, Any]) -> None:
    status, body = await ask(review(pod))
    response = body["response"]
    assert (status, response["uid"], response["allowed"], response["patchType"]) == (200, "u", True, "JSONPatch")
    patch = json.loads(base64.b64decode(response["patch"]))
    assert jsonpatch.apply_patch(pod, patch) == inject(pod, "shop", SETTINGS)


@pytest.mark.parametrize(
    "body",
    [
        review({"metadata": {}, "spec": {"hostNetwork": True, "containers": []}}),
        review({"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}, "spec": {"containers": []}}),
        review({"metadata": {}, "spec": {"containers": [{"name": "istio-proxy"}]}}),
        review({"metadata": {}, "spec": {"containers": []}}, operation="UPDATE"),
        review({"metadata": {}, "spec": {"containers": []}}, namespace="kube-system"),
    ],
)
async def test_no_patch(body: dict[str, Any]) -> None:
    status, answer = await ask(body)
    assert status == 200
    assert answer["response"] == {"uid": "u", "allowed": True}


@pytest.mark.parametrize("body", [{}, [], {"request": {}}, "x", None])
async def test_not_a_review(body: object) -> None:
    status, _ = await ask(body)
    assert status == 400
