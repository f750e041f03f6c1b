"""Webhooks asked over TLS: what they change, what they refuse, and what happens when they fail."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
import trustme
from aiohttp import web

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, ENDPOINT_SLICE, MUTATING_WEBHOOK, NAMESPACE, SERVICE, VALIDATING_WEBHOOK
from mesh.kube.objects import Object
from orchestrator.api.local import LocalClient
from tests.support.api_objects import config_map

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Hook:
    """A webhook server; `answer` is what it says to a request, `asked` what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda request: {"allowed": True}
        self.delay_s = 0.0
        self.status = 200
        self.port = 0
        self.bundle = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        review = msgspec.json.decode(await request.read())
        self.asked.append(review["request"])
        await asyncio.sleep(self.delay_s)
        response = {"uid": review["request"]["uid"], **self.answer(review["request"])}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        return web.json_response(body, status=self.status)

    def configuration(self, kind: str, **more: Any) -> Object:
        rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        webhook = {
            "name": "hook.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{self.port}/hook", "caBundle": self.bundle},
            "rules": [rule],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 1,
        }
        return {"kind": f"{kind}WebhookConfiguration", "metadata": {"name": "hook"}, "webhooks": [{**webhook, **more}]}


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    authority = trustme.CA()
    made = Hook()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "hook.default.svc").configure_cert(tls)
    runner = web.ServerRunner(web.Server(made), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    made.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    made.bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    yield made
    await runner.cleanup()


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    text = base64.b64encode(msgspec.json.encode(list(operations))).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": text}


async def test_mutation(local: LocalClient, hook: Hook) -> None:
    hook.answer = lambda request: patch({"op": "add", "path": "/data", "value": {"by": "hook"}})
    await local.create(MUTATING_WEBHOOK, hook.configuration("Mutating"))
    made = await local.create(CONFIG_MAP, config_map("c"), "default")
    assert made["data"] == {"by": "hook"}
    (asked,) = hook.asked
    assert (asked["operation"], asked["namespace"], asked["name"]) == ("CREATE", "default", "c")
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert asked["object"]["kind"] == "ConfigMap"
    assert asked["oldObject"] is None
    await local.patch(CONFIG_MAP, "c", {"data": {"x": "y"}}, "default")
    assert len(hook.asked) == 1


async def test_a_refusal_and_warnings(local: LocalClient, http: HttpClient, hook: Hook) -> None:
    await local.create(VALIDATING_WEBHOOK, hook.configuration("Validating"))
    hook.answer = lambda request: {"allowed": False, "status": {"message": "not today", "code": 422}}
    with pytest.raises(ApiError) as failure:
        await http.create(CONFIG_MAP, config_map("c"), "default")
    assert failure.value.code == 422
    assert failure.value.message == 'admission webhook "hook.example.com" denied the request: not today'
    hook.answer = lambda request: {"allowed": True, "warnings": ["mind the gap"]}
    session = http._open()
    url = f"{http.endpoint.server}/api/v1/namespaces/default/configmaps"
    async with session.post(url, json=config_map("c")) as response:
        assert response.status == 201
        assert response.headers["Warning"] == '299 - "mind the gap"'


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
@pytest.mark.parametrize("trouble", ["status", "silent", "uid", "patch", "authority", "refused"])
async def test_failures(local: LocalClient, hook: Hook, policy: str, trouble: str) -> None:
    configuration = hook.configuration("Mutating", failurePolicy=policy)
    if trouble == "status":
        hook.status = 500
    elif trouble == "silent":
        hook.delay_s = 3
    elif trouble == "uid":
        hook.answer = lambda request: {"allowed": True, "uid": "another"}
    elif trouble == "patch":
        hook.answer = lambda request: {"allowed": True, "patch": "bm90IGpzb24="}
    elif trouble == "authority":
        configuration["webhooks"][0]["clientConfig"]["caBundle"] = ""
    else:
        configuration["webhooks"][0]["clientConfig"]["url"] = "https://127.0.0.1:1/hook"
    await local.create(MUTATING_WEBHOOK, configuration)
    if policy == "Ignore" and trouble != "patch":
        assert await local.create(CONFIG_MAP, config_map("c"), "default")
        return
    with pytest.raises(ApiError) as failure:
        await local.create(CONFIG_MAP, config_map("c"), "default")
    assert failure.value.code == 500
    assert 'failed calling webhook "hook.example.com"' in failure.value.message


async def test_selectors_and_operations(local: LocalClient, hook: Hook) -> None:
    wanted = {"matchLabels": {"injection": "enabled"}}
    await local.create(MUTATING_WEBHOOK, hook.configuration("Mutating", namespaceSelector=wanted))
    await local.create(CONFIG_MAP, config_map("c"), "default")
    assert not hook.asked
    await local.patch(NAMESPACE, "default", {"metadata": {"labels": {"injection": "enabled"}}})
    await local.create(CONFIG_MAP, config_map("d"), "default", dry_run=True)
    assert hook.asked[0]["dryRun"] is True
    await local.delete(MUTATING_WEBHOOK, "hook")
    await local.create(CONFIG_MAP, config_map("e"), "default")
    assert len(hook.asked) == 1


async def test_by_service(local: LocalClient, hook: Hook) -> None:
    spec = {"ports": [{"name": "https", "port": 443, "targetPort": hook.port}]}
    await local.create(SERVICE, {"metadata": {"name": "hook"}, "spec": spec}, "default")
    slice_ = {
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": hook.port}],
    }
    client_config = {"service": {"name": "hook", "namespace": "default", "path": "/in"}, "caBundle": hook.bundle}
    await local.create(VALIDATING_WEBHOOK, hook.configuration("Validating", clientConfig=client_config))
    with pytest.raises(ApiError, match="no endpoints available"):
        await local.create(CONFIG_MAP, config_map("c"), "default")
    await local.create(ENDPOINT_SLICE, slice_, "default")
    await local.create(CONFIG_MAP, config_map("c"), "default")
    assert len(hook.asked) == 1
