"""Admission webhooks: calls out to those who registered, over TLS with their authority, each with its own deadline."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import aiohttp
import jsonpatch
import jsonpointer
import msgspec

from mesh.kube.errors import ApiError
from mesh.kube.kinds import Kind, KindRegistry
from mesh.kube.objects import Object
from orchestrator.api.call import Call
from orchestrator.api.errors import failure, internal
from orchestrator.api.resources import NAMESPACES
from orchestrator.api.webhook_match import Webhook, compile_webhooks, kind_sent, selected
from orchestrator.store.base import Change, Store, StoreKey

ANSWER_BYTES_MAX = 3 * 1024 * 1024
MUTATING = "admissionregistration.k8s.io/mutatingwebhookconfigurations"
VALIDATING = "admissionregistration.k8s.io/validatingwebhookconfigurations"


class WebhookFailed(Exception):
    """The webhook could not be asked or did not answer as it must; its failurePolicy decides what that means."""


class WebhookPlugin:
    """An admission plug-in: all mutating webhooks in the order of their names, all validating ones at once."""

    def __init__(self, store: Store, registry: KindRegistry) -> None:
        self._store = store
        self._registry = registry
        self._compiled: dict[str, list[Webhook] | None] = {MUTATING: None, VALIDATING: None}
        self._session: aiohttp.ClientSession | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._unsubscribe = store.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        if change.record.key.resource in self._compiled:
            self._compiled[change.record.key.resource] = None
            self._contexts.clear()

    async def _webhooks(self, resource: Literal["mutating", "validating"]) -> Sequence[Webhook]:
        key = MUTATING if resource == "mutating" else VALIDATING
        found = self._compiled[key]
        if found is None:
            page = await self._store.scan(key)
            found = self._compiled[key] = [w for record in page.records for w in compile_webhooks(record.object())]
        return found

    async def close(self) -> None:
        self._unsubscribe()
        if self._session is not None:
            await self._session.close()

    async def mutate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> Object | None:
        for webhook in await self._webhooks("mutating"):
            answer = await self._ask(webhook, call, operation, obj, old)
            if answer and obj is not None and (patch := answer.get("patch")):
                try:
                    obj = _patched(obj, patch)
                except WebhookFailed as problem:
                    raise _called(webhook, problem) from problem
        return obj

    async def validate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        webhooks = await self._webhooks("validating")
        if webhooks:
            await asyncio.gather(*(self._ask(webhook, call, operation, obj, old) for webhook in webhooks))

    async def _ask(
        self, webhook: Webhook, call: Call, operation: str, obj: Object | None, old: Object | None
    ) -> dict[str, Any] | None:
        """The response when the webhook was concerned and allowed the call."""
        kind = kind_sent(webhook, call, operation, self._registry)
        if kind is None:
            return None
        if not selected(webhook, call, obj, old, await self._namespace(webhook, call)):
            return None
        review = _review(call, kind, operation, obj, old)
        try:
            async with asyncio.timeout(webhook.timeout_s):
                response = await self._post(webhook, review)
        except (WebhookFailed, aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError) as problem:
            if webhook.fail:
                raise _called(webhook, problem) from problem
            return None
        for warning in response.get("warnings") or ():
            call.warn(str(warning))
        if not response.get("allowed"):
            raise _denied(webhook, response.get("status") or {})
        return response

    async def _namespace(self, webhook: Webhook, call: Call) -> Object | None:
        if webhook.namespaces.empty or not call.namespace:
            return None
        record = await self._store.get(StoreKey(NAMESPACES, "", call.namespace))
        return record.object() if record else None

    async def _post(self, webhook: Webhook, review: Object) -> dict[str, Any]:
        url, server_name = await self._target(webhook)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.post(
            url,
            data=msgspec.json.encode(review),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            ssl=self._tls(webhook),
            server_hostname=server_name,
            allow_redirects=False,
        ) as response:
            body = await response.content.read(ANSWER_BYTES_MAX)
            if response.status != 200:
                raise WebhookFailed(f"the server answered {response.status}")
        return _answer(body, review["request"]["uid"])

    async def _target(self, webhook: Webhook) -> tuple[str, str | None]:
        if url := webhook.client.get("url"):
            return url, None
        service = webhook.client.get("service") or {}
        name, namespace, port = service.get("name"), service.get("namespace"), service.get("port") or 443
        host = f"{name}.{namespace}.svc"
        address = await self._endpoint(namespace or "", name or "", port)
        if address is None:
            raise WebhookFailed(f'no endpoints available for service "{name}"')
        return f"https://{address}{service.get('path') or ''}", host

    async def _endpoint(self, namespace: str, name: str, port: int) -> str | None:
        """`host:port` of a ready endpoint: service addresses exist inside pods only."""
        record = await self._store.get(StoreKey("/services", namespace, name))
        if record is None:
            raise WebhookFailed(f'service "{name}" not found')
        ports = record.object()["spec"].get("ports") or []
        wanted = next((p.get("name") or "" for p in ports if p.get("port") == port), None)
        for stored in (await self._store.scan("discovery.k8s.io/endpointslices", namespace)).records:
            found = stored.object()
            if (found["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != name:
                continue
            number = next((p.get("port") for p in found.get("ports") or [] if (p.get("name") or "") == wanted), None)
            for endpoint in found.get("endpoints") or []:
                if number and (endpoint.get("conditions") or {}).get("ready") is not False:
                    return f"{endpoint['addresses'][0]}:{number}"
        return None

    def _tls(self, webhook: Webhook) -> ssl.SSLContext:
        bundle = webhook.client.get("caBundle") or ""
        if bundle not in self._contexts:
            try:
                text = base64.b64decode(bundle).decode() if bundle else None
                self._contexts[bundle] = ssl.create_default_context(cadata=text)
            except (binascii.Error, UnicodeDecodeError, ssl.SSLError) as problem:
                raise WebhookFailed(f"caBundle cannot be used: {problem}") from problem
        return self._contexts[bundle]


def _review(call: Call, kind: Kind, operation: str, obj: Object | None, old: Object | None) -> Object:
    def version(state: Object | None) -> Object | None:
        return {**state, "apiVersion": kind.api_version} if state is not None else None

    request: dict[str, Any] = {
        "uid": str(uuid.uuid4()),
        "kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "resource": {"group": kind.group, "version": kind.version, "resource": kind.plural},
        "requestKind": {"group": call.kind.group, "version": call.kind.version, "kind": call.kind.kind},
        "requestResource": {"group": call.kind.group, "version": call.kind.version, "resource": call.kind.plural},
        "name": call.name or ((obj or {}).get("metadata") or {}).get("name") or "",
        "operation": operation,
        "userInfo": call.user.to_api(),
        "object": version(obj),
        "oldObject": version(old),
        "dryRun": call.dry_run,
        "options": None,
    }
    if call.namespace:
        request["namespace"] = call.namespace
    if call.subresource:
        request["subResource"] = call.subresource
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def _answer(body: bytes, uid: str) -> dict[str, Any]:
    try:
        response = msgspec.json.decode(body)["response"]
    except (msgspec.DecodeError, KeyError, TypeError) as problem:
        raise WebhookFailed(f"the answer is no AdmissionReview: {problem}") from problem
    if not isinstance(response, dict) or response.get("uid") != uid:
        raise WebhookFailed("the answer is to another request (response.uid)")
    return response


def _patched(obj: Object, patch: Any) -> Object:
    try:
        operations = msgspec.json.decode(base64.b64decode(patch))
        patched: Any = jsonpatch.apply_patch(obj, operations)
    except (ValueError, TypeError, jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as problem:
        raise WebhookFailed(f"the patch cannot be applied: {problem}") from problem
    if not isinstance(patched, dict):
        raise WebhookFailed("the patch leaves no object")
    # The identity of an object is not a webhook's to change.
    result: Object = {**patched, "apiVersion": obj["apiVersion"]}
    return result


def _called(webhook: Webhook, problem: BaseException) -> ApiError:
    why = str(problem) or ("context deadline exceeded" if isinstance(problem, TimeoutError) else repr(problem))
    return internal(f'failed calling webhook "{webhook.name}": failed to call webhook: {why}')


def _denied(webhook: Webhook, status: dict[str, Any]) -> ApiError:
    message = status.get("message") or status.get("reason") or ""
    text = f'admission webhook "{webhook.name}" denied the request' + (
        f": {message}" if message else " without explanation"
    )
    code = status.get("code")
    code = code if isinstance(code, int) and 400 <= code < 600 else 403
    return failure(code, text, reason=str(status.get("reason") or ""), details=status.get("details"))
